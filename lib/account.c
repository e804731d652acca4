/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/account.h"

#include <math.h>

Course account_score_course(const Account *account, const Model *model, unsigned score, int64_t from_ms) {
    Course course = course_none(from_ms);
    for (size_t i = 0; i < account->n_members; i++)
        course_add(&course, &account->members[i].scores[score], &model->account_scores[score].decay);
    return course;
}

double account_score(const Account *account, const Model *model, unsigned score, int64_t at_ms) {
    double value = 0;
    for (size_t i = 0; i < account->n_members; i++)
        value += score_state_value(&account->members[i].scores[score], &model->account_scores[score].decay, at_ms);
    value = fmin(value, model->account_scores[score].max);
    return fabs(value) < SCORE_EPSILON ? 0 : value;
}

unsigned account_committee(const Account *account, const Model *model, int64_t at_ms) {
    unsigned n = 0;
    for (size_t i = 0; i < account->n_members; i++) {
        int64_t active_ms = account->members[i].committee_at_ms;
        n += active_ms != TIME_NONE && active_ms <= at_ms && active_ms > at_ms - model->committee.window_ms;
    }
    return n;
}

int64_t account_committee_changes_at(const Account *account, const Model *model, int64_t from_ms) {
    int64_t next_ms = TIME_NEVER;
    for (size_t i = 0; i < account->n_members; i++) {
        int64_t active_ms = account->members[i].committee_at_ms;
        if (active_ms != TIME_NONE && active_ms + model->committee.window_ms > from_ms)
            next_ms = MIN(next_ms, active_ms + model->committee.window_ms);
    }
    return next_ms;
}
