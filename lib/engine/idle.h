#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idle Rules
 *
 * Points for silence: due a while after the lead's latest event of certain types, and again and again from then on, until
 * there is such an event (SPEC section 2, `idle_rules`).
 */
#include "lib/lead/lead.h"

/* An event of the lead: it may begin the series of rules anew, and wakes those that sleep. */
void idle_note_event(Lead *lead, const Model *model, const LeadEvent *event);
/* The first instant after the lead's clock at which one of its rules is due; TIME_NEVER. */
int64_t idle_next_moment(const Lead *lead, const Model *model);
/* Is the rule due at at_ms? */
bool idle_is_due(const Lead *lead, const Model *model, unsigned rule, int64_t at_ms);
/* The first instant after the lead's clock at which this rule is due, if it doesn't sleep; TIME_NEVER. */
int64_t idle_rule_next_moment(const Lead *lead, const Model *model, unsigned rule);
