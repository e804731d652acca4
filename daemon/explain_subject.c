/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/explain_subject.h"

void subject_set_id(Subject *s, Str id) {
    assert(id.len <= sizeof(s->id));
    memcpy(s->id, id.data, id.len);
    s->id_len = id.len;
}

void subject_deinit(Subject *s) {
    history_deinit(&s->history);
    if (!s->shard) {
        lead_free(s->lead);
        account_free(s->account);
    }
    shard_free(s->shard);
    redis_board_free(s->board);
    model_free(s->model);
    config_free(s->config);
}

int subject_missing(const Subject *s, const char *where) {
    bool merged = !str_eq_c(subject_id(s), s->arg_id);
    if (merged)
        command_error(s->command, "no lead \"%.*s\", into which \"%s\" was merged, in %s", STR_FMT(subject_id(s)), s->arg_id, where);
    else
        command_error(s->command, "no %s \"%s\" in %s", subject_kind(s), s->arg_id, where);
    return EXIT_FAILURE;
}

int subject_check_model(const Subject *s) {
    if (s->kind == ENTITY_LEAD || s->model->has_accounts)
        return EXIT_SUCCESS;
    command_error(s->command, "model %.*s has no accounts", STR_FMT(s->model->id));
    return EX_CONFIG;
}

int subject_lost(const Subject *s) {
    command_error(s->command, "\"%s\" has been merged more than %d times over", s->arg_id, SUBJECT_MERGES_MAX);
    return EXIT_FAILURE;
}
