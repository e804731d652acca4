#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scores
 *
 * How points get into a lead's scores: profile rules (the clamped sum of those that hold) and awards of events,
 * cut by the caps (SPEC section 2, "Scores", and section 4, steps 7 and 8).
 */
#include "lib/lead/touch.h"

/* Step 6: segment, then route, from profile and sources. */
void score_classify(Lead *lead, const Model *model);
/* Step 7: every profile-fed score anew, at the lead's clock. */
void score_apply_profile_rules(Lead *lead, const Model *model);
/* The points that a profile rule's award gives now; 0 if the rule does not hold. */
double score_profile_points(const Lead *lead, const Model *model, const Rule *rule, const Award *award);
/*
 * Step 8: the counters, then the rules, in file order, on the scores as they were before the first; points are dated at the
 * event's occurred_at, by `event_id`. `touch` (or NULL) learns what the account gets of it. 0 or -ENOMEM.
 */
MUST_CHECK int score_apply_event(Lead *lead, const Model *model, const LeadEvent *event, const EventId *event_id, Touch *touch);
/* The idle rules that are due at the lead's clock, in file order; those that give nothing fall asleep. Errors as above. */
MUST_CHECK int score_apply_idle(Lead *lead, const Model *model, Touch *touch);
