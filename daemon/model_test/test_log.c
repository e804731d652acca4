/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/model_test/test_log.h"

#include "daemon/base/arena_text.h"

void test_log_deinit(TestLog *log) {
    free(log->items);
    *log = (TestLog){0};
}

/* A copy; null stays null. */
static Str copy(TestLog *log, Str s, int *error) {
    if (str_is_null(s))
        return s;
    Str copied = arena_str(log->arena, s);
    if (str_is_null(copied))
        *error = -ENOMEM;
    return copied;
}

static void fill(TestLog *log, const Output *output, TestOutput *entry, int *error) {
    switch (output->type) {
    case OUTPUT_STAGE_CHANGED:
        entry->track = copy(log, output->stage_changed.track, error);
        entry->from = copy(log, output->stage_changed.from, error);
        entry->to = copy(log, output->stage_changed.to, error);
        entry->transition = copy(log, output->stage_changed.transition, error);
        entry->cause = str_from(cause_name(output->stage_changed.cause));
        break;
    case OUTPUT_SLA_EVENT:
        entry->policy = copy(log, output->sla_event.policy, error);
        entry->level = copy(log, output->sla_event.level, error);
        entry->kind = output->sla_event.kind;
        break;
    case OUTPUT_REFUSED:
        entry->track = copy(log, output->refused.track, error);
        entry->from = copy(log, output->refused.stage, error);
        entry->transition = copy(log, output->refused.transition, error);
        break;
    case OUTPUT_LEAD_RETIRED:
        entry->cause = copy(log, output->lead_retired.cause, error);
        break;
    default:
        break;
    }
}

static int log_output(void *userdata, const Output *output) {
    TestLog *log = userdata;
    bool of_account =
            output->type == OUTPUT_STAGE_CHANGED && str_eq_c(output->stage_changed.entity, "account");
    TestOutput entry = {.type = output->type, .of_account = of_account, .at_ms = output->at_ms};
    int error = 0;

    entry.id = copy(log, of_account ? output->account_id : output->lead_id, &error);
    fill(log, output, &entry, &error);
    if (error == 0)
        error = array_reserve(&log->items, &log->n_alloc, log->n_items, sizeof(*log->items));
    if (error == 0)
        log->items[log->n_items++] = entry;
    return error;
}

OutputSink test_log_sink(TestLog *log) {
    return (OutputSink){.output = log_output, .userdata = log};
}

Str test_output_show(Arena *arena, const TestOutput *o) {
    switch (o->type) {
    case OUTPUT_STAGE_CHANGED:
        return arena_format(arena, "%s%.*s (%.*s: %.*s to %.*s)",
                str_is_null(o->transition) ? "no transition" : "", STR_FMT(o->transition), STR_FMT(o->track),
                STR_FMT(o->from), STR_FMT(o->to));
    case OUTPUT_SLA_EVENT:
        return arena_format(arena, "sla: %.*s %s%s%.*s", STR_FMT(o->policy), sla_kind_name(o->kind),
                str_is_null(o->level) ? "" : " ", STR_FMT(o->level));
    case OUTPUT_REFUSED:
        return arena_format(arena, "refused: %.*s (%.*s stays %.*s)", STR_FMT(o->transition),
                STR_FMT(o->track), STR_FMT(o->from));
    default:
        return arena_format(arena, "retired: %.*s", STR_FMT(o->cause));
    }
}
