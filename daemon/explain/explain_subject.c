/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/explain/explain_subject.h"

#include "lib/base/owned.h"

void subject_set_id(Subject *s, Str id) {
    assert(id.len <= sizeof(s->id));
    memcpy(s->id, id.data, id.len);
    s->id_len = id.len;
}

static void drop_former_ids(Subject *s) {
    for (size_t i = 0; i < s->n_former_ids; i++)
        str_free(&s->former_ids[i]);
    free(s->former_ids);
    s->former_ids = NULL;
    s->n_former_ids = 0;
}

int subject_begin_history(Subject *s) {
    size_t n = s->lead ? s->lead->n_aliases : 0;
    drop_former_ids(s);
    s->former_ids = calloc(MAX(n, (size_t)1), sizeof(*s->former_ids));
    if (!s->former_ids)
        return -ENOMEM;
    for (; s->n_former_ids < n; s->n_former_ids++) {
        int r = str_dup(s->lead->aliases[s->n_former_ids], &s->former_ids[s->n_former_ids]);
        if (r < 0)
            return r;
    }
    s->history.id = subject_id(s);
    s->history.former_ids = s->former_ids;
    s->history.n_former_ids = n;
    return 0;
}

void subject_deinit(Subject *s) {
    history_deinit(&s->history);
    drop_former_ids(s);
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
