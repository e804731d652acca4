/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "daemon/io/json/json_writer.h"
#include "daemon/top/top.h"

void top_line_news(const News *news, TopText *ret) {
    static const char *const kinds[_OUTPUT_TYPE_MAX] = {
            [OUTPUT_STAGE_CHANGED] = "stage",
            [OUTPUT_SLA_EVENT] = "sla",
            [OUTPUT_REFUSED] = "refused",
            [OUTPUT_LEAD_RETIRED] = "retired",
            [OUTPUT_DEAD_LETTER] = "dead",
    };
    char clock[CLOCK_TEXT_SIZE] = "-           ";
    if (news->at_ms != TIME_NONE)
        top_clock_print(news->at_ms, true, clock);
    top_text_add(ret, "%s %-7s ", clock, kinds[news->type]);
    top_text_add_str(ret, str_from(news->who));
    if (news->account[0]) {
        top_text_add(ret, " (");
        top_text_add_str(ret, str_from(news->account));
        top_text_add(ret, ")");
    }
    top_text_add(ret, " ");
    top_text_add_str(ret, str_from(news->what));
    if (news->why[0]) {
        top_text_add(ret, ": ");
        top_text_add_str(ret, str_from(news->why));
    }
    top_text_add(ret, "\n");
}

static void add_lead(const Top *top, const Lead *lead, int64_t now_ms, TopText *ret) {
    const Model *model = top->model;
    char span[SPAN_TEXT_SIZE];
    top_text_add_str(ret, lead->lead_id);
    top_text_add(ret, ": %s %.1f (", top->board, top_value(top, lead, now_ms));
    for (unsigned i = 0; i < model->n_scores; i++) {
        top_text_add(ret, i ? ", " : "");
        top_text_add_str(ret, model->scores[i].id);
        top_text_add(ret, " %.1f", lead_score(lead, model, i, now_ms));
    }
    top_text_add(ret, ")");
    for (size_t i = 0; i < model->n_tracks; i++) {
        top_text_add(ret, i ? "/" : " ");
        top_text_add_str(ret, model->tracks[i].stages[lead->tracks[i].stage].id);
    }
    if (lead->next_internal_ms != TIME_NEVER) {
        top_span_print(MAX(lead->next_internal_ms - now_ms, 0), span);
        top_text_add(ret, ", changes in %s", span);
    }
    top_text_add(ret, "\n");
}

void top_lines_leads(const Top *top, size_t n, int64_t now_ms, TopText *ret) {
    char clock[CLOCK_TEXT_SIZE];
    top_clock_print(now_ms, true, clock);
    for (size_t i = 0; i < MIN(n, top->n_leads); i++) {
        top_text_add(ret, "%s hot %-3zu ", clock, i + 1);
        add_lead(top, top->leads[i].lead, now_ms, ret);
    }
}

/* ---- the summary ---- */

static void add_count(TopText *ret, const char *name, int64_t n, bool *is_first) {
    if (n == 0)
        return;
    top_text_add(ret, "%s%s %" PRId64, *is_first ? "" : ", ", name, n);
    *is_first = false;
}

static void add_tallies(const TopCounts *counts, TopText *ret) {
    const char *track = "";
    for (size_t done = 0, i; done < counts->n_tallies; done++) {
        track = NULL;
        /* Each track when its first stage comes up. */
        for (i = 0; i < done && !track; i++)
            if (strcmp(counts->tallies[i].track, counts->tallies[done].track) == 0)
                track = counts->tallies[i].track;
        if (track)
            continue;
        bool is_first = true;
        track = counts->tallies[done].track;
        top_text_add(ret, "  %s: ", track);
        for (i = done; i < counts->n_tallies; i++)
            if (strcmp(counts->tallies[i].track, track) == 0)
                add_count(ret, counts->tallies[i].stage, counts->tallies[i].n, &is_first);
        top_text_add(ret, "\n");
    }
}

void top_lines_summary(const Top *top, int64_t span_ms, TopText *ret) {
    const TopCounts *counts = &top->counts;
    char span[SPAN_TEXT_SIZE];
    bool is_first = true;
    top_span_print(span_ms, span);
    top_text_add(ret, "seen in %s: %" PRId64 " stage changes", span, counts->outputs[OUTPUT_STAGE_CHANGED]);
    top_text_add(ret, counts->outputs[OUTPUT_STAGE_CHANGED] ? " (by " : "");
    for (unsigned i = 0; i <= CAUSE_MODEL; i++)
        add_count(ret, cause_name((Cause)i), counts->causes[i], &is_first);
    top_text_add(ret, counts->outputs[OUTPUT_STAGE_CHANGED] ? ")\n" : "\n");
    add_tallies(counts, ret);
    top_text_add(ret, "  clocks: ");
    is_first = true;
    for (unsigned i = 0; i < _SLA_KIND_MAX; i++)
        add_count(ret, sla_kind_name((SlaKind)i), counts->sla_kinds[i], &is_first);
    top_text_add(ret, "%s\n  ", is_first ? "nothing" : "");
    is_first = true;
    add_count(ret, "refused", counts->outputs[OUTPUT_REFUSED], &is_first);
    add_count(ret, "retired", counts->outputs[OUTPUT_LEAD_RETIRED], &is_first);
    add_count(ret, "dead letters", counts->outputs[OUTPUT_DEAD_LETTER], &is_first);
    add_count(ret, "unreadable", counts->broken, &is_first);
    top_text_add(ret, "%sscores seen falling by time alone: %" PRId64 " times\n", is_first ? "" : "; ",
            counts->decays);
}

/* ---- JSON ---- */

/* Moves what was written to `ret`, as a line. */
static int finish_json(JsonWriter *writer, TopText *ret) {
    json_write_newline(writer);
    int r = writer->error;
    for (size_t at = 0; at < writer->len && !r;) {
        size_t n = MIN(writer->len - at, (size_t)256);
        top_text_add(ret, "%.*s", (int)n, writer->data + at);
        at += n;
        r = ret->out_of_memory ? -ENOMEM : 0;
    }
    json_writer_deinit(writer);
    return r;
}

static void write_lead(const Top *top, const Lead *lead, int64_t now_ms, JsonWriter *writer) {
    const Model *model = top->model;
    json_write_object_begin(writer, STR_NULL);
    json_write_string(writer, STR_LITERAL("lead_id"), lead->lead_id);
    json_write_string(writer, STR_LITERAL("account_id"), lead->account_id);
    json_write_number(writer, STR_LITERAL("value"), top_value(top, lead, now_ms));
    json_write_object_begin(writer, STR_LITERAL("scores"));
    for (unsigned i = 0; i < model->n_scores; i++)
        json_write_number(writer, model->scores[i].id, lead_score(lead, model, i, now_ms));
    json_write_object_end(writer);
    json_write_object_begin(writer, STR_LITERAL("stages"));
    for (size_t i = 0; i < model->n_tracks; i++)
        json_write_string(writer, model->tracks[i].id, model->tracks[i].stages[lead->tracks[i].stage].id);
    json_write_object_end(writer);
    json_write_time(writer, STR_LITERAL("next_change_at"), lead->next_internal_ms);
    json_write_object_end(writer);
}

int top_json_leads(const Top *top, size_t n, int64_t now_ms, TopText *ret) {
    JsonWriter writer = JSON_WRITER_INIT;
    json_write_object_begin(&writer, STR_NULL);
    json_write_string(&writer, STR_LITERAL("output"), STR_LITERAL("HotLeads"));
    json_write_time(&writer, STR_LITERAL("at"), now_ms);
    json_write_string(&writer, STR_LITERAL("board"), str_from(top->board));
    json_write_array_begin(&writer, STR_LITERAL("leads"));
    for (size_t i = 0; i < MIN(n, top->n_leads); i++)
        write_lead(top, top->leads[i].lead, now_ms, &writer);
    json_write_array_end(&writer);
    json_write_object_end(&writer);
    return finish_json(&writer, ret);
}

int top_json_summary(const Top *top, int64_t span_ms, TopText *ret) {
    const TopCounts *counts = &top->counts;
    JsonWriter writer = JSON_WRITER_INIT;
    json_write_object_begin(&writer, STR_NULL);
    json_write_string(&writer, STR_LITERAL("output"), STR_LITERAL("Summary"));
    json_write_integer(&writer, STR_LITERAL("seconds"), span_ms / 1000);
    json_write_object_begin(&writer, STR_LITERAL("outputs"));
    for (unsigned i = 0; i < _OUTPUT_TYPE_MAX; i++)
        json_write_integer(&writer, str_from(output_type_name((OutputType)i)), counts->outputs[i]);
    json_write_object_end(&writer);
    json_write_object_begin(&writer, STR_LITERAL("causes"));
    for (unsigned i = 0; i <= CAUSE_MODEL; i++)
        json_write_integer(&writer, str_from(cause_name((Cause)i)), counts->causes[i]);
    json_write_object_end(&writer);
    json_write_object_begin(&writer, STR_LITERAL("sla"));
    for (unsigned i = 0; i < _SLA_KIND_MAX; i++)
        json_write_integer(&writer, str_from(sla_kind_name((SlaKind)i)), counts->sla_kinds[i]);
    json_write_object_end(&writer);
    json_write_integer(&writer, STR_LITERAL("unreadable"), counts->broken);
    json_write_integer(&writer, STR_LITERAL("decays"), counts->decays);
    json_write_object_end(&writer);
    return finish_json(&writer, ret);
}
