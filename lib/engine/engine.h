#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Engine
 *
 * What happens to one lead: an event (SPEC section 4, steps 4 to 10) or one of its moments (section 3); and to one account: a touch by
 * a lead (step 11) or a moment. Pure: a record, a thing that
 * happens, a time in; a changed record and outputs out. shard.h decides what happens to whom and when.
 */
#include "lib/engine/output.h"
#include "lib/lead/account.h"
#include "lib/lead/lead.h"
#include "lib/lead/touch.h"

typedef struct Engine Engine;

/* `model` and what the sink refers to outlive the engine. */
MUST_CHECK int engine_new(const Model *model, OutputSink sink, Engine **ret);
Engine *engine_free(Engine *engine);
DEFINE_CLEANUP(Engine *, engine_free)

/*
 * All of these return 0, or a negative errno: out of memory, or what the sink returned. The lead or account is then in no
 * defined state. They keep its next moments up to date.
 */

/* --- leads --- */

/* Step 3: does an `ignore` rule drop the event? `lead` is as it is before the event; one that never was is fresh from lead_new(). */
bool engine_ignores(Engine *engine, const Lead *lead, const LeadEvent *event, unsigned *ret_rule);
/* Steps 4 to 10, but for other leads' moments. A lead without clock begins here. `event_id`: the event's, which the caller knows. */
MUST_CHECK int engine_apply_event(Engine *engine, Lead *lead, const LeadEvent *event, const EventId *event_id);
/* Step 4 alone: `lead_merged` of a lead into itself, or before another takes it. */
MUST_CHECK int engine_arrive(Engine *engine, Lead *lead, const LeadEvent *event, const EventId *event_id);
/*
 * `lead_merged` (SPEC section 9): the lead takes what `merged` has, which is as engine_arrive() left it; merge_fits() must hold. Its touch
 * speaks for both. A lead without clock begins here.
 */
MUST_CHECK int engine_merge(Engine *engine, Lead *lead, Lead *merged, const LeadEvent *event);
/* After engine_merge(): tells LeadRetired of the merged lead, which from now on is another name for `into`. */
MUST_CHECK int engine_retire_merged(Engine *engine, Lead *lead, const Lead *into, const LeadEvent *event);
/* `lead_forgotten`, before engine_forget(): the lead's clock rises, and its touch says that it leaves its account. */
MUST_CHECK int engine_leave(Engine *engine, Lead *lead, const LeadEvent *event);
/* `lead_forgotten`: tells LeadRetired and leaves an empty record, as if the lead had never been. */
MUST_CHECK int engine_forget(Engine *engine, Lead *lead, const LeadEvent *event);
/* The internal moment at lead->next_internal_ms. */
MUST_CHECK int engine_apply_internal_moment(Engine *engine, Lead *lead);
/* The SLA moment at lead->next_sla_ms. */
MUST_CHECK int engine_apply_sla_moment(Engine *engine, Lead *lead);
/*
 * A new model version, after migrate_lead(): segment, route and profile rules are found anew, the tracks settle (cause `model`), step
 * 10 follows for the stages entered. Its account is not touched.
 *
 * All that is of at_ms, which is not before the lead's clock, and the clock rises there if it comes to anything: a stage is gone or
 * left, or an SLA clock to be paused or to go on. So nothing is dated to when the new model was not in force, and what it would have
 * brought between the clock and at_ms by time alone is not made up for; if there is any of that, the clock rises, too.
 */
MUST_CHECK int engine_apply_model(Engine *engine, Lead *lead, int64_t at_ms);
/*
 * What the last of these calls says to the lead's account; NULL: nothing. Valid until the next one, and as long as the lead and
 * the event are not changed.
 */
const Touch *engine_touch(const Engine *engine);

/* --- accounts --- */

/* The moment at account->next_internal_ms. */
MUST_CHECK int engine_apply_account_moment(Engine *engine, Account *account);
/* A new model version, after migrate_account(): its tracks settle likewise. */
MUST_CHECK int engine_apply_account_model(Engine *engine, Account *account, int64_t at_ms);
/* Takes the lead's entry out into *ret, which is the caller's to free if *ret_found, at the touch's instant. */
MUST_CHECK int engine_leave_account(
        Engine *engine, Account *account, const Touch *touch, Str lead_id, Member *ret, bool *ret_found);
/*
 * The touch on the lead's account. `entry`: the one that it brings from the account left, emptied here; NULL: none. An account without
 * clock begins here.
 */
MUST_CHECK int engine_touch_account(Engine *engine, Account *account, const Touch *touch, Member *entry);
