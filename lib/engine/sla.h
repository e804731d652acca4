#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SLA Clocks
 *
 * One clock per lead and policy, in epochs: started by an event or a stage, stopped or cancelled likewise, with
 * warnings, a breach and escalations in between (SPEC section 5). A *level* is one of these three; it happens
 * at an instant, and is told one millisecond later, so that a touch at exactly the due instant is in time. Instants are in the working time
 * of the clock's calendar, and what lies behind a pause moves with it (sla_clock.h).
 */
#include "lib/engine/step.h"

/* Step 10: stop, cancel, pause or resume, and start of every policy, by the step's event and by the stages entered in it. */
void sla_apply(Step *step);
/* Is an open clock to be paused or to go on by the stages that the lead is in, as a new model sees them? */
bool sla_is_to_follow(const Step *step);
/*
 * Tells the earliest level of the lead's open clocks whose moment is at or before until_ms, with what it causes.
 * False if there is none. The step must be a fresh one, without event.
 */
bool sla_apply_moment(Step *step, int64_t until_ms);
/* The earliest moment (instant + 1) of the lead's open clocks; TIME_NEVER if there is none. */
int64_t sla_next_moment(Lead *lead, const Model *model);
