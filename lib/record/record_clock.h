#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SLA Clocks in a Packed Record
 *
 *     epoch, breached and phase in one number; and if there is a phase:
 *     start, due or never, calendar
 *     pauses     count, whether there is a base of its own, whether the last one lasts and whether there are times of its own in one
 *                number;
 *                the base if it is not the start: distance from the start, working time;
 *                each, oldest first: distance from the one before or the base, length unless it lasts
 *     times if they are not its policy's, as pack_sla_times() writes them
 *     masks of the warnings and escalations emitted
 *     the starting event's id
 */
#include "lib/record/record_event_id.h"

void pack_sla_clock(Packer *p, SeenIndex *seen, const SlaClock *clock);
/* Into a clock of the policy, which is empty. 0 or -ENOMEM; what is wrong sticks in the unpacker. */
MUST_CHECK int unpack_sla_clock(Unpacker *u, SlaClock *clock, SeenIndex *seen, const Model *model, unsigned policy);
