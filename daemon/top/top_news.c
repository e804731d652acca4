/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/top/top.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- text of bounded size ---- */

typedef struct Line {
    char *data;
    size_t size, len;
} Line;
#define LINE(array) (&(Line){.data = (array), .size = sizeof(array)})

static void line_add(Line *line, const char *format, ...) PRINTF_LIKE(2, 3);
static void line_add(Line *line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line->data + line->len, line->size - line->len, format, arguments);
    va_end(arguments);
    if (n > 0)
        line->len = MIN(line->len + (size_t)n, line->size - 1);
}

static void line_add_str(Line *line, Str s) {
    top_text_copy(line->data + line->len, line->size - line->len, s);
    line->len += strlen(line->data + line->len);
}

/* ---- news ---- */

/* "asked +50 intent (now 48.2)": what a rule gave, and what is left of it where that differs. */
static void add_reason(Line *line, const Reason *reason) {
    line_add(line, line->len ? ", " : "");
    line_add_str(line, reason->rule);
    line_add(line, " %+.4g ", reason->points);
    line_add_str(line, reason->score);
    if (fabs(reason->points - reason->present_value) >= 0.05)
        line_add(line, " (now %.3g)", reason->present_value);
}

static void make_stage_changed(const StageChanged *s, const char *arrow, News *ret) {
    Line *what = LINE(ret->what), *why = LINE(ret->why);
    line_add_str(what, s->track);
    line_add(what, ": ");
    line_add_str(what, s->from);
    line_add(what, " %s ", arrow);
    line_add_str(what, s->to);
    if (!str_is_null(s->transition)) {
        line_add(what, " (");
        line_add_str(what, s->transition);
        line_add(what, s->cause == CAUSE_EVENT ? ")" : ", by %s)", cause_name(s->cause));
    }
    for (size_t i = 0; i < s->n_reasons; i++)
        add_reason(why, &s->reasons[i]);
    if (!s->has_committee)
        return;
    line_add(why, "committee %" PRId64, s->committee);
    for (size_t i = 0; i < s->n_members; i++) {
        line_add(why, i == 0 ? ": " : ", ");
        line_add_str(why, s->members[i]);
    }
}

static Tone sla_tone(SlaKind kind) {
    static const Tone tones[_SLA_KIND_MAX] = {
            [SLA_WARNING] = TONE_WARNING,
            [SLA_BREACHED] = TONE_BAD,
            [SLA_ESCALATED] = TONE_BAD,
            [SLA_MET] = TONE_GOOD,
            [SLA_LATE] = TONE_BAD,
            [SLA_CANCELLED] = TONE_PLAIN,
            [SLA_RETRACTED] = TONE_GOOD,
    };
    return tones[kind];
}

static void make_sla_event(const SlaEvent *s, News *ret) {
    Line *what = LINE(ret->what), *why = LINE(ret->why);
    char span[SPAN_TEXT_SIZE];
    line_add_str(what, s->policy);
    line_add(what, " %s", sla_kind_name(s->kind));
    if (!str_is_null(s->level)) {
        line_add(what, " ");
        line_add_str(what, s->level);
    }
    ret->tone = sla_tone(s->kind);
    top_span_print(s->elapsed_ms, span);
    line_add(why, "after %s", span);
    if (s->due_at_ms != TIME_NEVER && s->started_at_ms != TIME_NONE) {
        top_span_print(s->due_at_ms - s->started_at_ms, span);
        line_add(why, " of %s", span);
    }
    if (s->kind == SLA_RETRACTED)
        line_add(why, "; the answer was in time, but known too late");
    if (!str_is_null(s->owner)) {
        line_add(why, "; owner ");
        line_add_str(why, s->owner);
    }
}

static void make_refused(const Refused *s, News *ret) {
    Line *what = LINE(ret->what), *why = LINE(ret->why);
    ret->tone = TONE_WARNING;
    line_add_str(what, s->type);
    line_add(what, " refused");
    line_add_str(why, s->track);
    line_add(why, " stays ");
    line_add_str(why, s->stage);
    line_add(why, ", ");
    line_add_str(why, s->transition);
    line_add(why, " needs ");
    line_add_str(why, s->requirement);
}

static void make_lead_retired(const LeadRetired *s, News *ret) {
    Line *what = LINE(ret->what);
    line_add_str(what, s->cause);
    if (str_is_null(s->into))
        return;
    line_add(what, " into ");
    line_add_str(what, s->into);
}

static void make_dead_letter(const DeadLetter *s, News *ret) {
    Line *what = LINE(ret->what);
    ret->tone = TONE_WARNING;
    top_text_copy(ret->who, sizeof(ret->who), s->topic);
    line_add(what, "dead letter: ");
    line_add_str(what, s->reason);
    top_text_copy(ret->why, sizeof(ret->why), s->text);
}

void news_make(const Output *output, const char *arrow, News *ret) {
    *ret = (News){.type = output->type, .at_ms = output->at_ms};
    Str who = str_is_null(output->lead_id) ? output->account_id : output->lead_id;
    top_text_copy(ret->who, sizeof(ret->who), who);
    if (!str_is_null(output->lead_id))
        top_text_copy(ret->account, sizeof(ret->account), output->account_id);
    switch (output->type) {
    case OUTPUT_STAGE_CHANGED:
        make_stage_changed(&output->stage_changed, arrow, ret);
        break;
    case OUTPUT_SLA_EVENT:
        make_sla_event(&output->sla_event, ret);
        break;
    case OUTPUT_REFUSED:
        make_refused(&output->refused, ret);
        break;
    case OUTPUT_LEAD_RETIRED:
        make_lead_retired(&output->lead_retired, ret);
        break;
    default:
        make_dead_letter(&output->dead_letter, ret);
        break;
    }
}

/* ---- taking it in ---- */

static void tally(TopCounts *counts, const StageChanged *s) {
    char track[MODEL_ID_LEN_MAX + 1], stage[MODEL_ID_LEN_MAX + 1];
    top_text_copy(track, sizeof(track), s->track);
    top_text_copy(stage, sizeof(stage), s->to);
    for (size_t i = 0; i < counts->n_tallies; i++)
        if (strcmp(counts->tallies[i].track, track) == 0 && strcmp(counts->tallies[i].stage, stage) == 0) {
            counts->tallies[i].n++;
            return;
        }
    if (counts->n_tallies == TOP_TALLIES_MAX)
        return;
    StageTally *tally = &counts->tallies[counts->n_tallies++];
    memcpy(tally->track, track, sizeof(track));
    memcpy(tally->stage, stage, sizeof(stage));
    tally->n = 1;
}

static void count(TopCounts *counts, const Output *output) {
    counts->outputs[output->type]++;
    if (output->type == OUTPUT_SLA_EVENT)
        counts->sla_kinds[output->sla_event.kind]++;
    if (output->type != OUTPUT_STAGE_CHANGED)
        return;
    counts->causes[output->stage_changed.cause]++;
    tally(counts, &output->stage_changed);
}

/* Changes by time are as late as `lateness` says, and say nothing of how quick we are. */
static void note_delay(Top *top, const Output *output, int64_t timestamp_ms) {
    if (timestamp_ms < 0 || output->type != OUTPUT_STAGE_CHANGED ||
            output->stage_changed.cause != CAUSE_EVENT)
        return;
    top->delays_ms[top->delays_end] = MAX(timestamp_ms - output->at_ms, 0);
    top->delays_end = (top->delays_end + 1) % TOP_DELAYS_MAX;
    top->n_delays = MIN(top->n_delays + 1, (size_t)TOP_DELAYS_MAX);
}

static int compare_spans(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t top_delay_ms(const Top *top) {
    int64_t sorted[TOP_DELAYS_MAX];
    if (top->n_delays == 0)
        return -1;
    memcpy(sorted, top->delays_ms, sizeof(sorted));
    qsort(sorted, top->n_delays, sizeof(*sorted), compare_spans);
    return sorted[top->n_delays / 2];
}

static void watch(Top *top, Str lead_id) {
    BoardEntry entry;
    if (lead_id.len == 0 || !board_entry_make(0, lead_id, 0, &entry))
        return;
    for (size_t i = 0; i < top->n_watched; i++)
        if (str_eq(board_entry_id(&top->watched[i]), lead_id))
            return;
    top->watched[top->watched_end] = entry;
    top->watched_end = (top->watched_end + 1) % TOP_WATCHED_MAX;
    top->n_watched = MIN(top->n_watched + 1, (size_t)TOP_WATCHED_MAX);
}

const News *top_note_output(Top *top, const Output *output, int64_t timestamp_ms) {
    News *news = &top->news[top->news_end];
    news_make(output, top->arrow, news);
    /* A dead letter has no instant of its own. */
    if (news->at_ms == TIME_NONE && timestamp_ms >= 0)
        news->at_ms = timestamp_ms;
    top->news_end = (top->news_end + 1) % TOP_NEWS_MAX;
    top->n_news = MIN(top->n_news + 1, (size_t)TOP_NEWS_MAX);
    count(&top->counts, output);
    note_delay(top, output, timestamp_ms);
    if (output->type == OUTPUT_SLA_EVENT || output->type == OUTPUT_STAGE_CHANGED)
        watch(top, output->lead_id);
    return news;
}

const News *top_news(const Top *top, size_t i) {
    assert(i < top->n_news);
    return &top->news[(top->news_end + TOP_NEWS_MAX - 1 - i) % TOP_NEWS_MAX];
}

void top_note_progress(Top *top, int64_t n_records, int64_t lag, int64_t now_ms) {
    size_t newest = top->n_samples++ % TOP_RATE_SAMPLES;
    size_t oldest = top->n_samples < TOP_RATE_SAMPLES ? 0 : top->n_samples % TOP_RATE_SAMPLES;
    top->samples[newest].at_ms = now_ms;
    top->samples[newest].n_records = n_records;
    top->lag = lag;
    int64_t span_ms = now_ms - top->samples[oldest].at_ms;
    if (span_ms > 0)
        top->records_per_s = 1000.0 * (double)(n_records - top->samples[oldest].n_records) / (double)span_ms;
}

void top_forget_progress(Top *top) {
    top->records_per_s = NAN;
    top->lag = -1;
    top->n_samples = 0;
}
