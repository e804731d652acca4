#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is Asked About
 *
 * What `scored lead` and `scored account` are told on the command line, and the lead or account itself, which comes from Redis
 * (explain_live.c) or from a replay (explain_replay.c).
 */
#include "daemon/command/command.h"
#include "daemon/explain/history.h"
#include "daemon/io/redis/redis_board.h"
#include "lib/lead/account.h"
#include "lib/lead/lead.h"
#include "lib/shard/shard.h"

/* Merged leads are followed so far: a merge names the lead that lives, so one step is the rule. */
#define SUBJECT_MERGES_MAX 16

typedef struct Subject {
    const Command *command;
    EntityKind kind;
    const char *arg_config, *arg_model, *arg_replay; /* NULL: not given */
    int64_t arg_at_ms, arg_until_ms;                 /* TIME_NONE: not given */
    bool arg_json, arg_history, arg_key;
    size_t arg_limit;
    const char *arg_id;

    Config *config; /* live */
    Model *model;
    RedisBoard *board; /* live */
    Shard *shard;      /* if there is one, it owns the lead or account */
    Lead *lead;        /* the one that is left of those merged */
    Account *account;
    char id[EVENT_LEAD_ID_LEN_MAX]; /* its own, which differs from arg_id if that was merged */
    size_t id_len;
    int64_t watermark_ms; /* live: of its shard; TIME_NONE: not known */
    int64_t record_version; /* live: the earlier model version that its record is still of; 0: the model's */
    int64_t now_ms;    /* when it is explained, unless told otherwise */
    bool bad_lines;    /* of a replay */
    History history;   /* if wanted */
    Str *former_ids;   /* owned; of the history */
    size_t n_former_ids;
} Subject;

static inline Str subject_id(const Subject *subject) {
    return (Str){subject->id, subject->id_len};
}
static inline const char *subject_kind(const Subject *subject) {
    return subject->kind == ENTITY_LEAD ? "lead" : "account";
}
void subject_set_id(Subject *subject, Str id);
void subject_deinit(Subject *subject);
/* The history is to be the lead's or account's that was found, and theirs who were merged into it. 0 or -ENOMEM. */
MUST_CHECK int subject_begin_history(Subject *subject);
/* Reports that there is no such lead or account. Returns EXIT_FAILURE. */
int subject_missing(const Subject *subject, const char *where);
/* Has the model such? EXIT_SUCCESS, or EX_CONFIG after reporting that it hasn't. */
MUST_CHECK int subject_check_model(const Subject *subject);
/* Reports that there are more merges than can be. Returns EXIT_FAILURE. */
int subject_lost(const Subject *subject);

/* Find it, with its history if that is wanted. Return EXIT_SUCCESS or the exit status, after an error that has been reported. */
MUST_CHECK int subject_replay(Subject *subject);
MUST_CHECK int subject_load(Subject *subject);
/* Live: the keys in Redis, without asking for them. As above. */
MUST_CHECK int subject_keys(Subject *subject, char ret[static _BOARD_KEY_MAX][BOARD_KEY_SIZE]);
