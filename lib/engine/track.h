#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracks
 *
 * How a lead or an account moves between stages: by what holds at an instant (settling), and when time alone will move it; a lead
 * also by an event and by an SLA verdict (SPEC sections 3, 4 and 6).
 */
#include "lib/engine/step.h"

/* Step 9: per track the first `on` transition that matches, refusals included. */
void track_apply_event(Step *step);
/* The stages of the lead that was merged into this one, where they stand later and are not terminal (SPEC section 9): nothing is entered. */
void track_apply_merge(Step *step, const Lead *merged);
/* Would a track move if it settled at at_ms, which is not before the clock? */
bool track_is_to_move(const Step *step, int64_t at_ms);
/* Tells that tracks have left stages that a new model does not have, and enters the initial ones, where they are, at the clock. */
void track_apply_model(Step *step, const LostStage *lost, size_t n_lost);
/* Settles all tracks at the lead's or account's clock. */
void track_settle(Step *step);
/*
 * Judges `on_sla` transitions of policy and kind at at_ms (the later of the clock and the verdict's instant). If any is taken the clock
 * rises there, and true is returned.
 */
bool track_apply_sla(Step *step, unsigned policy, SlaKind kind, int64_t at_ms);

/*
 * The first millisecond after `now` at which a transition without `on`, out of the track's present
 * stage, begins to hold, nothing else changing; TIME_NEVER if none does. `now` is at the clock of its lead or account.
 */
int64_t track_next_change(const Situation *now, unsigned track);
/*
 * The same for one of the track's transitions: out of its present stage, and without `on`. It may hold already, and begin to do so again.
 */
int64_t track_transition_begins(const Situation *now, unsigned track, const Transition *transition);
/* When the cooldown of the stage that it leads to is over; TIME_NONE if there is none to wait for. */
int64_t transition_cools_at(const Transition *transition, const TrackState *state);
/*
 * At the end of all that the step caused: gives the stage changes that wait the time at which their track will change next. Returns the
 * earliest of all tracks; TIME_NEVER.
 */
int64_t track_look_ahead(const Step *step);

/* The owner of the track's present stage; null if it has none. */
Str track_owner(const Lead *lead, const Model *model, unsigned track);
