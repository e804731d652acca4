#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Engine
 *
 * What happens to one lead: an event (SPEC section 4, steps 4 to 10) or one of its moments (section 3). Pure: a record, a thing that
 * happens, a time in; a changed record and outputs out. shard.h decides what happens to whom and when.
 */
#include "lib/lead.h"
#include "lib/output.h"

typedef struct Engine Engine;

/* `model` and what the sink refers to outlive the engine. */
MUST_CHECK int engine_new(const Model *model, OutputSink sink, Engine **ret);
Engine *engine_free(Engine *engine);
DEFINE_CLEANUP(Engine *, engine_free)

/*
 * All of these return 0, or a negative errno: out of memory, or what the sink returned. The lead is then in no
 * defined state. They keep the lead's next moments up to date.
 */

/* Step 3: does an `ignore` rule drop the event? `lead` is as it is before the event; one that never was is fresh from lead_new(). */
bool engine_ignores(Engine *engine, const Lead *lead, const LeadEvent *event, unsigned *ret_rule);
/* Steps 4 to 10, but for other leads' moments. A lead without clock begins here. */
MUST_CHECK int engine_apply_event(Engine *engine, Lead *lead, const LeadEvent *event);
/* `lead_forgotten`: tells LeadRetired and leaves an empty record, as if the lead had never been. */
MUST_CHECK int engine_forget(Engine *engine, Lead *lead, const LeadEvent *event);
/* The internal moment at lead->next_internal_ms. */
MUST_CHECK int engine_apply_internal_moment(Engine *engine, Lead *lead);
/* The SLA moment at lead->next_sla_ms. */
MUST_CHECK int engine_apply_sla_moment(Engine *engine, Lead *lead);
