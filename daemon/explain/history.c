/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/explain/history.h"

#include <stdio.h>

#include "daemon/io/file/file_sink.h"
#include "lib/calendar/timestamp.h"

static void drop(History *history, size_t n) {
    for (size_t i = 0; i < n; i++)
        free(history->items[i].json);
    history->n -= n;
    if (n > 0)
        memmove(history->items, history->items + n, history->n * sizeof(*history->items));
}

void history_deinit(History *history) {
    drop(history, history->n);
    free(history->items);
    history->items = NULL;
    history->n_alloc = 0;
}

/* Ordinals alone won't do: they begin anew when a lead comes back after it was forgotten. */
static int in_order(const void *a, const void *b) {
    const HistoryItem *x = a, *y = b;
    if (x->told_at_ms != y->told_at_ms)
        return x->told_at_ms < y->told_at_ms ? -1 : 1;
    if (x->former != y->former)
        return x->former > y->former ? -1 : 1;
    return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

void history_finish(History *history) {
    if (history->n == 0)
        return;
    qsort(history->items, history->n, sizeof(*history->items), in_order);
    size_t n_old = history->n - MIN(history->n, history->max);
    drop(history, n_old);
    history->n_left_out += n_old;
}

/* *ret_former as HistoryItem has it. */
static bool is_about(const History *history, const Output *output, size_t *ret_former) {
    *ret_former = 0;
    if (output->type == OUTPUT_DEAD_LETTER)
        return false;
    bool of_account = str_is_null(output->lead_id);
    if (of_account != (history->kind == ENTITY_ACCOUNT))
        return false;
    if (str_eq(of_account ? output->account_id : output->lead_id, history->id))
        return true;
    for (size_t i = 0; i < history->n_former_ids && !of_account; i++)
        if (str_eq(output->lead_id, history->former_ids[i])) {
            *ret_former = i + 1;
            return true;
        }
    return false;
}

int history_note(History *history, const Output *output, int64_t told_at_ms) {
    size_t former;
    if (!is_about(history, output, &former))
        return 0;
    /* Twice as many as wanted before they are sorted, so that sorting is seldom. */
    if (history->n >= 2 * history->max)
        history_finish(history);
    int r = array_reserve(&history->items, &history->n_alloc, history->n, sizeof(*history->items));
    if (r)
        return r;
    HistoryItem *item = &history->items[history->n];
    *item = (HistoryItem){.told_at_ms = told_at_ms, .former = former, .ordinal = output->ordinal};
    if (history->as_json) {
        JsonWriter writer = JSON_WRITER_INIT;
        r = json_write_output(&writer, output);
        json_write_newline(&writer);
        if (r == 0)
            r = writer.error;
        if (r) {
            json_writer_deinit(&writer);
            return r;
        }
        item->json = writer.data;
        item->json_len = writer.len;
    } else {
        news_make(output, "->", &item->news);
    }
    history->n++;
    return 0;
}

static void add_item(const History *history, TopText *text, const HistoryItem *item) {
    const News *news = &item->news;
    char instant[TIMESTAMP_TEXT_SIZE];
    timestamp_print(news->at_ms, instant);
    top_text_add(text, "  %s  %s", instant, news->what);
    if (item->former) {
        top_text_add(text, "  (as ");
        top_text_add_str(text, history->former_ids[item->former - 1]);
        top_text_add(text, ")");
    }
    top_text_add(text, "\n");
    if (news->why[0])
        top_text_add(text, "      %s\n", news->why);
}

void history_text(const History *history, TopText *text) {
    for (size_t i = 0; i < history->n && history->as_json; i++)
        top_text_add_raw(text, history->items[i].json, history->items[i].json_len);
    if (history->as_json)
        return;
    top_text_add(text, "\nhistory");
    if (history->n_left_out > 0)
        top_text_add(text, ", without %zu older ones (--limit)", history->n_left_out);
    top_text_add(text, history->n > 0 ? "\n" : "\n  nothing was told\n");
    for (size_t i = 0; i < history->n; i++)
        add_item(history, text, &history->items[i]);
}
