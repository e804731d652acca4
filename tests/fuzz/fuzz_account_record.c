/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any byte string is either refused or the one packed form of an account: packing what was read gives the same
 * bytes again. The model is small but has a score of each decay and a track that has been walked.
 */
#include <math.h>
#include <stdlib.h>

#include "lib/record/account_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Stage stages[6];
static Track tracks[] = {{.stages = stages, .n_stages = 6}, {.stages = stages, .n_stages = 2, .initial = 1}};
static AccountScore scores[] = {
        {.decay = {.kind = DECAY_NONE}, .per_lead = {-INFINITY, INFINITY}, .max = INFINITY},
        {.decay = {DECAY_HALF_LIFE, 86400000}, .per_lead = {-INFINITY, INFINITY}, .max = INFINITY},
        {.decay = {DECAY_LINEAR, 127}, .per_lead = {0, 40}, .max = 100},
        {.decay = {DECAY_WINDOW, 2592000000}, .per_lead = {0, 40}, .max = 100},
};
static const Model model = {
        .version = 3,
        .account_scores = scores,
        .n_account_scores = ARRAY_SIZE(scores),
        .account_tracks = tracks,
        .n_account_tracks = ARRAY_SIZE(tracks),
        .committee = {.present = true, .window_ms = 86400000},
};

/* Not assert(): this must hold in a build without assertions, too. */
static void require(bool condition) {
    if (!condition)
        abort();
}

/* What was read can be lived on with. */
static void give_points(Account *account) {
    for (size_t i = 0; i < account->n_members; i++)
        for (unsigned k = 0; k < ARRAY_SIZE(scores); k++) {
            Member *member = &account->members[i];
            require(account_award(account, &model, member, k, 7, member->active_at_ms, member->active_at_ms) == 0);
            require(!isnan(account_score(account, &model, k, account->clock_ms)));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str bytes = {(const char *)data, size};
    _cleanup_(account_free) Account *account = NULL;
    int r = account_record_unpack(bytes, STR_LITERAL("acme"), &model, &account);
    require(r >= 0);
    require((r == 0) == (account != NULL));
    if (r)
        return 0;

    Buffer packed = {0};
    require(account_record_pack(account, &model, &packed) == 0);
    require(str_eq((Str){(const char *)packed.data, packed.len}, bytes));
    buffer_done(&packed);
    give_points(account);
    return 0;
}
