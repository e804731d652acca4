/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dlq/dlq_choice.h"

#include <inttypes.h>
#include <stdio.h>

/* A whole number from 0 that ends at `end`, which is moved behind it. */
static bool parse_number(const char *text, char end, int64_t max, const char **ret_rest, int64_t *ret) {
    char *rest;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    long long number = strtoll(text, &rest, 10);
    if (errno || *rest != end || number > max)
        return false;
    *ret_rest = rest + (end != '\0');
    *ret = number;
    return true;
}

static bool parse_pair(const char *text, char between, DlqPosition *ret) {
    int64_t partition, offset;
    if (!parse_number(text, between, INT32_MAX, &text, &partition) || !parse_number(text, '\0', INT64_MAX, &text, &offset))
        return false;
    *ret = (DlqPosition){(int32_t)partition, offset};
    return true;
}

bool dlq_position_parse(const char *text, DlqPosition *ret) {
    return parse_pair(text, ':', ret);
}

void dlq_position_print(DlqPosition position, char text[static DLQ_POSITION_TEXT_SIZE]) {
    (void)snprintf(text, DLQ_POSITION_TEXT_SIZE, "%" PRId32 ":%" PRId64, position.partition, position.offset);
}

static bool is_among(const DlqChoice *choice, DlqPosition position) {
    for (size_t i = 0; i < choice->n_positions; i++)
        if (dlq_position_eq(choice->positions[i], position))
            return true;
    return choice->n_positions == 0;
}

bool dlq_choice_is_of(const DlqChoice *choice, const DlqLetter *letter) {
    return (!choice->reason || str_eq_c(letter->dead_letter.reason, choice->reason)) && letter->at_ms >= choice->from_ms &&
            letter->at_ms < choice->to_ms && is_among(choice, letter->position);
}

void dlq_mark_print(const char *topic, DlqPosition position, char mark[static DLQ_MARK_SIZE]) {
    (void)snprintf(mark, DLQ_MARK_SIZE, "%s/%" PRId32 "/%" PRId64, topic, position.partition, position.offset);
}

bool dlq_mark_parse(Str mark, const char *topic, DlqPosition *ret) {
    char text[DLQ_MARK_SIZE];
    size_t n = strlen(topic);
    if (mark.len >= sizeof(text) || mark.len <= n || !str_starts_with(mark, topic) || mark.data[n] != '/')
        return false;
    memcpy(text, mark.data, mark.len);
    text[mark.len] = '\0';
    return parse_pair(text + n + 1, '/', ret);
}

static void entry_deinit(DlqEntry *entry) {
    free(entry->reason);
    free(entry->text);
    free(entry->topic);
    free(entry->key);
}

static void drop(DlqEntries *entries, size_t n) {
    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++)
        entry_deinit(&entries->items[i]);
    entries->n -= n;
    entries->n_left_out += n;
    memmove(entries->items, entries->items + n, entries->n * sizeof(*entries->items));
}

static void keep_latest(DlqEntries *entries, const DlqChoice *choice) {
    if (choice->latest > 0 && entries->n > choice->latest)
        drop(entries, entries->n - choice->latest);
}

/* Terminated, too; a null one is empty. */
static char *copy(Str s) {
    char *text = malloc(s.len + 1);
    if (text && s.len > 0)
        memcpy(text, s.data, s.len);
    if (text)
        text[s.len] = '\0';
    return text;
}

int dlq_entries_add(DlqEntries *entries, const DlqChoice *choice, const DlqLetter *letter) {
    const DeadLetter *d = &letter->dead_letter;
    /* Twice as many as wanted before the first are dropped, so that moving is seldom. */
    if (choice->latest > 0 && entries->n >= 2 * choice->latest)
        keep_latest(entries, choice);
    int r = array_reserve(&entries->items, &entries->n_alloc, entries->n, sizeof(*entries->items));
    if (r)
        return r;
    DlqEntry entry = {
            .position = letter->position,
            .at_ms = letter->at_ms,
            .reason = copy(d->reason),
            .text = copy(d->text),
            .topic = copy(d->topic),
            .key = str_is_null(letter->key) ? NULL : copy(letter->key),
            .key_len = letter->key.len,
            .partition = (int32_t)d->partition,
            .offset = d->offset,
            .has_original = !str_is_null(d->original),
            .is_cut = d->original.len >= DEAD_LETTER_ORIGINAL_MAX,
            .original_len = d->original.len,
            .earlier = -1,
            .requeued = -1,
    };
    if (!entry.reason || !entry.text || !entry.topic || (!entry.key && !str_is_null(letter->key))) {
        entry_deinit(&entry);
        return -ENOMEM;
    }
    entries->items[entries->n++] = entry;
    return 0;
}

static int in_order(const void *a, const void *b) {
    const DlqPosition x = (*(DlqEntry *const *)a)->position, y = (*(DlqEntry *const *)b)->position;
    if (x.partition != y.partition)
        return x.partition < y.partition ? -1 : 1;
    return (x.offset > y.offset) - (x.offset < y.offset);
}

int dlq_entries_finish(DlqEntries *entries, const DlqChoice *choice) {
    keep_latest(entries, choice);
    assert(!entries->by_position);
    if (entries->n == 0)
        return 0;
    entries->by_position = calloc(entries->n, sizeof(DlqEntry *));
    if (!entries->by_position)
        return -ENOMEM;
    for (size_t i = 0; i < entries->n; i++)
        entries->by_position[i] = &entries->items[i];
    qsort(entries->by_position, entries->n, sizeof(DlqEntry *), in_order);
    return 0;
}

DlqEntry *dlq_entries_find(const DlqEntries *entries, DlqPosition position) {
    DlqEntry wanted = {.position = position}, *key = &wanted;
    if (entries->n == 0)
        return NULL;
    DlqEntry **found = bsearch(&key, entries->by_position, entries->n, sizeof(DlqEntry *), in_order);
    return found ? *found : NULL;
}

void dlq_entries_deinit(DlqEntries *entries) {
    for (size_t i = 0; i < entries->n; i++)
        entry_deinit(&entries->items[i]);
    free(entries->by_position);
    free(entries->items);
    *entries = (DlqEntries){0};
}
