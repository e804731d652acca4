/* SPDX-License-Identifier: Apache-2.0 */
/* A lead or an account as a replay leaves it: no server is asked. */
#include <inttypes.h>
#include <stdio.h>

#include "daemon/explain/explain_subject.h"
#include "daemon/replay/replay_events.h"

typedef struct Run {
    Subject *subject;
    bool tells; /* bad lines are told, and the history is taken: in the last run only */
    int64_t n_outputs;
} Run;

static int take_output(void *userdata, const Output *output) {
    Run *run = userdata;
    return run->tells && run->subject->arg_history ? history_note(&run->subject->history, output, run->n_outputs++) : 0;
}

static int take_bad_line(void *userdata, const FileLine *line, const char *reason, const char *text) {
    Run *run = userdata;
    run->subject->bad_lines = true;
    if (run->tells)
        command_bad_line(run->subject->command, run->subject->arg_replay, line->number, reason, text);
    return 0;
}

static int failed(const Subject *s, int r, bool cannot_read) {
    command_error(s->command, "%s%s%s", cannot_read ? s->arg_replay : "", cannot_read ? ": " : "", strerror(-r));
    return cannot_read ? EX_IOERR : EX_OSERR;
}

static int replay(Subject *s, bool tells) {
    Run run = {.subject = s, .tells = tells};
    OutputSink sink = {.output = take_output, .userdata = &run};
    s->shard = shard_free(s->shard);
    int r = shard_new(s->model, sink, &s->shard);
    if (r)
        return failed(s, r, false);
    FILE *file = fopen(s->arg_replay, "re");
    if (!file) {
        command_error(s->command, "%s: %s", s->arg_replay, strerror(errno));
        return EX_NOINPUT;
    }
    ReplayEvents events = {.file = file, .model = s->model, .shard = s->shard, .until_ms = s->arg_until_ms,
            .bad = take_bad_line, .userdata = &run};
    r = replay_events(&events);
    (void)fclose(file);
    return r ? failed(s, r, events.cannot_read) : EXIT_SUCCESS;
}

static Entity *find(const Subject *s, Str id) {
    EntityTable *table = s->kind == ENTITY_LEAD ? shard_leads(s->shard) : shard_accounts(s->shard);
    Entity *entity = entity_table_get(table, id);
    return entity && !entity->erased ? entity : NULL;
}

static void take(Subject *s, Entity *entity) {
    s->lead = s->kind == ENTITY_LEAD ? lead_of(entity) : NULL;
    s->account = s->kind == ENTITY_ACCOUNT ? account_of(entity) : NULL;
}

/* Sets the subject's id to that of the lead that is left. */
static int follow(Subject *s) {
    for (int i = 0; i < SUBJECT_MERGES_MAX; i++) {
        Entity *entity = find(s, subject_id(s));
        bool begun = entity && (s->kind == ENTITY_ACCOUNT ? account_of(entity)->clock_ms != TIME_NONE
                                                          : lead_of(entity)->clock_ms != TIME_NONE ||
                                                                    !str_is_null(lead_of(entity)->merged_into));
        if (!begun)
            return subject_missing(s, s->arg_replay);
        if (s->kind == ENTITY_ACCOUNT || str_is_null(lead_of(entity)->merged_into)) {
            take(s, entity);
            return EXIT_SUCCESS;
        }
        subject_set_id(s, lead_of(entity)->merged_into);
    }
    return subject_lost(s);
}

static int replay_history(Subject *s) {
    int r = subject_begin_history(s);
    if (r < 0)
        return failed(s, r, false);
    s->lead = NULL; /* it goes with the shard */
    s->account = NULL;
    int status = replay(s, true);
    if (status == EXIT_SUCCESS)
        take(s, find(s, subject_id(s)));
    return status;
}

int subject_replay(Subject *s) {
    int status = command_load_model(s->command, s->arg_model, &s->model);
    if (status == EXIT_SUCCESS)
        status = subject_check_model(s);
    if (status == EXIT_SUCCESS)
        status = replay(s, !s->arg_history);
    if (status == EXIT_SUCCESS)
        status = follow(s);
    /* Whose history it is was not known before: other leads may be merged into one another on the way. */
    if (status == EXIT_SUCCESS && s->arg_history)
        status = replay_history(s);
    if (status != EXIT_SUCCESS)
        return status;
    s->now_ms = latest(shard_watermark(s->shard), s->lead ? s->lead->clock_ms : s->account->clock_ms);
    return EXIT_SUCCESS;
}
