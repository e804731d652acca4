/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "lib/explain/explain_parts.h"

static int explain_scores(Arena *arena, const Model *model, const Account *account, int64_t at_ms, Explanation *ret) {
    ExplainedScore *scores = explain_array(arena, ExplainedScore, model->n_account_scores);
    for (unsigned i = 0; i < model->n_account_scores && scores; i++) {
        const AccountScore *score = &model->account_scores[i];
        double sum = 0;
        for (size_t k = 0; k < account->n_members; k++)
            sum += score_state_value(&account->members[k].scores[i], &score->decay, at_ms);
        double value = account_score(account, model, i, at_ms), rest = value - sum;
        scores[i] = (ExplainedScore){.id = score->id, .value = value, .decay = score->decay,
                .bounds = {.min = -INFINITY, .max = score->max}, .from = model->scores[score->from].id,
                .rest = fabs(rest) < EXPLAIN_REST_MIN ? 0 : rest};
    }
    ret->scores = scores;
    ret->n_scores = model->n_account_scores;
    return scores ? 0 : -ENOMEM;
}

static int explain_member(Arena *arena, const Model *model, const Member *member, int64_t at_ms, ExplainedMember *ret) {
    double *brings = explain_array(arena, double, model->n_account_scores);
    if (!brings)
        return -ENOMEM;
    for (unsigned i = 0; i < model->n_account_scores; i++)
        brings[i] = score_state_value(&member->scores[i], &model->account_scores[i].decay, at_ms);
    bool was_in = model->committee.present && member->committee_at_ms != TIME_NONE;
    int64_t until_ms = was_in ? member->committee_at_ms + model->committee.window_ms : TIME_NONE;
    *ret = (ExplainedMember){.lead_id = member->lead_id, .brings = brings, .active_at_ms = member->active_at_ms,
            .in_committee = at_ms < until_ms, .committee_at_ms = was_in ? member->committee_at_ms : TIME_NONE,
            .committee_until_ms = until_ms};
    return 0;
}

static double total(const ExplainedMember *member, size_t n_scores) {
    double sum = 0;
    for (size_t i = 0; i < n_scores; i++)
        sum += fabs(member->brings[i]);
    return sum;
}

/* By what they bring; of equals by id, in which order they come. At most ACCOUNT_MEMBERS_MAX, mostly few. */
static void sort_members(ExplainedMember *members, size_t n, size_t n_scores) {
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && total(&members[k], n_scores) > total(&members[k - 1], n_scores); k--) {
            ExplainedMember member = members[k];
            members[k] = members[k - 1];
            members[k - 1] = member;
        }
}

static int explain_members(Arena *arena, const Model *model, const Account *account, int64_t at_ms, Explanation *ret) {
    ExplainedMember *members = explain_array(arena, ExplainedMember, account->n_members);
    int r = members ? 0 : -ENOMEM;
    for (size_t i = 0; i < account->n_members && r == 0; i++)
        r = explain_member(arena, model, &account->members[i], at_ms, &members[i]);
    if (r == 0)
        sort_members(members, account->n_members, model->n_account_scores);
    ret->members = members;
    ret->n_members = account->n_members;
    return r;
}

int explain_account(Arena *arena, const Model *model, const Account *account, int64_t at_ms, Explanation *ret) {
    assert(at_ms >= account->clock_ms);
    Situation now = {.model = model, .account = account, .at_ms = at_ms};
    Explanation explanation = {
        .model = model,
        .kind = ENTITY_ACCOUNT,
        .id = account->account_id,
        .at_ms = at_ms,
        .clock_ms = account->clock_ms,
        .ordinal = account->ordinal,
        .active_at_ms = TIME_NONE,
        .has_committee = model->committee.present,
        .committee = account_committee(account, model, at_ms),
        .committee_window_ms = model->committee.window_ms,
        .committee_changes_at_ms = account_committee_changes_at(account, model, at_ms),
        .next_moment_ms = account->next_internal_ms,
    };
    int r = explain_scores(arena, model, account, at_ms, &explanation);
    if (r == 0)
        r = explain_members(arena, model, account, at_ms, &explanation);
    if (r == 0)
        r = explain_tracks(arena, &now, account->clock_ms, &explanation.tracks, &explanation.n_tracks);
    if (r == 0)
        *ret = explanation;
    return r;
}
