/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/model_history.h"

#include "lib/model/skeleton.h"
#include "lib/record/record.h"

static void past_model_done(PastModel *past) {
    migration_free(past->migration);
    model_free(past->skeleton);
    *past = (PastModel){0};
}

void model_history_done(ModelHistory *history) {
    for (size_t i = 0; i < history->n; i++)
        past_model_done(&history->models[i]);
    history->n = 0;
}

const PastModel *model_history_find(const ModelHistory *history, int64_t version) {
    for (size_t i = 0; i < history->n; i++)
        if (history->models[i].version == version)
            return &history->models[i];
    return NULL;
}

/* Puts it where it belongs by its version. */
static void insert(ModelHistory *history, PastModel past) {
    if (history->n == MODEL_HISTORY_MAX) {
        past_model_done(&history->models[0]);
        history->n--;
        memmove(&history->models[0], &history->models[1], history->n * sizeof(past));
    }
    size_t i = history->n;
    for (; i > 0 && history->models[i - 1].version > past.version; i--)
        history->models[i] = history->models[i - 1];
    history->models[i] = past;
    history->n++;
}

int model_history_add(ModelHistory *history, const Model *present, int64_t offset, Str skeleton) {
    PastModel past = {.offset = offset};
    int r = skeleton_unpack(skeleton, &past.skeleton);
    if (r != 0)
        return r;
    past.version = past.skeleton->version;
    if (past.version == present->version || model_history_find(history, past.version)) {
        past_model_done(&past);
        return 0;
    }
    r = migration_new(past.skeleton, present, &past.migration);
    if (r < 0)
        past_model_done(&past);
    else
        insert(history, past);
    return r;
}

static const PastModel *past_of(const ModelHistory *history, Str bytes) {
    int64_t version;
    return record_model_version(bytes, &version) == 0 ? model_history_find(history, version) : NULL;
}

int model_history_unpack_lead(const ModelHistory *history, const Model *present, Str bytes, Str lead_id, Lead **ret) {
    int r = record_unpack(bytes, lead_id, present, ret);
    const PastModel *past = r == RECORD_E_MODEL ? past_of(history, bytes) : NULL;
    if (!past)
        return r;
    _cleanup_(lead_free) Lead *lead = NULL;
    r = record_unpack(bytes, lead_id, past->skeleton, &lead);
    return r == 0 ? migrate_lead(past->migration, lead, ret) : r;
}

int model_history_unpack_account(
        const ModelHistory *history, const Model *present, Str bytes, Str account_id, Account **ret) {
    int r = account_record_unpack(bytes, account_id, present, ret);
    const PastModel *past = r == RECORD_E_MODEL ? past_of(history, bytes) : NULL;
    if (!past)
        return r;
    _cleanup_(account_free) Account *account = NULL;
    r = account_record_unpack(bytes, account_id, past->skeleton, &account);
    return r == 0 ? migrate_account(past->migration, account, ret) : r;
}
