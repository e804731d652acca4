/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/lead/touch.h"

#include "lib/base/owned.h"

static_assert(MODEL_ACCOUNT_SCORES_MAX <= 32, "a set of account scores is 32 bits");

static void release(Touch *touch) {
    str_free(&touch->left_account_id);
    str_free(&touch->merged_lead_id);
    str_free(&touch->merged_account_id);
}

void touch_done(Touch *touch) {
    release(touch);
    free(touch->awards);
    *touch = (Touch){0};
}

void touch_begin(Touch *touch, const Lead *lead, const LeadEvent *event) {
    if (!touch)
        return;
    release(touch);
    *touch = (Touch){.lead_id = lead->lead_id, .event = event, .committee_at_ms = TIME_NONE, .awards = touch->awards,
            .n_awards_alloc = touch->n_awards_alloc};
}

void touch_judge(Touch *touch, const Situation *situation) {
    if (!touch || !situation->lead->account_id.data)
        return;
    const Model *model = situation->model;
    const Committee *committee = &model->committee;
    for (unsigned i = 0; i < model->n_account_scores; i++)
        if (condition_holds(model->account_scores[i].when, situation))
            touch->taking |= UINT32_C(1) << i;
    if (committee->present && situation->event && event_types_contain(&committee->on, situation->event->type) &&
            condition_holds(committee->when, situation))
        touch->committee_at_ms = situation->event->occurred_at_ms;
}

static void add_award(Touch *touch, TouchAward award) {
    int r = array_reserve(&touch->awards, &touch->n_awards_alloc, touch->n_awards, sizeof(*touch->awards));
    if (r < 0)
        touch->error = r;
    else
        touch->awards[touch->n_awards++] = award;
}

void touch_note_award(Touch *touch, const Model *model, unsigned lead_score, double points, int64_t occurred_at_ms) {
    if (!touch)
        return;
    touch->gave_points = true;
    for (unsigned i = 0; i < model->n_account_scores; i++)
        if (model->account_scores[i].from == lead_score && touch->taking >> i & 1)
            add_award(touch, (TouchAward){i, points, occurred_at_ms});
}

static void set(Touch *touch, Str *field, Str value) {
    int r = str_set(field, value);
    if (r < 0)
        touch->error = r;
}

void touch_note_left(Touch *touch, Str account_id) {
    if (touch)
        set(touch, &touch->left_account_id, account_id);
}

void touch_note_merged(Touch *touch, Str lead_id, Str account_id) {
    if (!touch)
        return;
    set(touch, &touch->merged_lead_id, lead_id);
    set(touch, &touch->merged_account_id, account_id);
}

void touch_end(Touch *touch, const Lead *lead) {
    if (!touch)
        return;
    touch->at_ms = lead->clock_ms;
    touch->account_id = lead->account_id;
}

bool touch_is_due(const Touch *touch) {
    if (!touch->event && !touch->gave_points)
        return false;
    return touch->account_id.data || touch->left_account_id.data || touch->merged_account_id.data;
}
