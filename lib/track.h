#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracks
 *
 * How a lead moves between stages: by an event, by what holds at an instant (settling), by an SLA verdict, and
 * when time alone will move it (SPEC sections 3 and 4).
 */
#include "lib/step.h"

/* Step 9: per track the first `on` transition that matches, refusals included. */
void track_apply_event(Step *step);
/* Settles all tracks at the lead's clock. */
void track_settle(Step *step);
/*
 * Judges `on_sla` transitions of policy and kind at at_ms (the later of the clock and the verdict's instant). If any is taken the clock
 * rises there, and true is returned.
 */
bool track_apply_sla(Step *step, unsigned policy, SlaKind kind, int64_t at_ms);

/*
 * The first millisecond after the lead's clock at which a transition without `on`, out of the track's present
 * stage, begins to hold, nothing else changing; TIME_NEVER if none does.
 */
int64_t track_next_change(const Lead *lead, const Model *model, unsigned track);

/* The owner of the track's present stage; null if it has none. */
Str track_owner(const Lead *lead, const Model *model, unsigned track);
