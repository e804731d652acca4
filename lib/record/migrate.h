#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Migration
 *
 * A lead or an account of one model version as one of another. What both versions have is known by its id and goes along; what only
 * the new one has begins, at the clock of whom it concerns; what only the old one had is gone:
 *
 *     scores        keep what they have, beyond new bounds too; with another decay their present value becomes one contribution at
 *                   the clock (for an account's: the member's activity). One that profile rules feed, or fed, begins anew
 *     counters      their times, the latest `keep`; limits (of a rule) and idle times likewise
 *     reasons       those whose rule and score are still there
 *     tracks        the stage, and when each was entered and left. From a stage that is gone to the initial one, entered now
 *     SLA clocks    open or revisable, under the times that they were started with; of a policy that is gone they vanish. A calendar
 *                   that is gone: see sla_clock_lose_calendar()
 *     the rest      as it is: ids seen, profile, sources, aliases, ordinal, members, committee
 *
 * Nothing is told and nothing is judged here; the entity is marked as `migrated` until shard.h settles it under the new model.
 */
#include "lib/lead/account.h"
#include "lib/lead/lead.h"

/* What has become of what, by number. */
typedef struct Migration Migration;

/* Both models outlive it. The old one may be made from a skeleton. 0 or -ENOMEM. */
MUST_CHECK int migration_new(const Model *from, const Model *to, Migration **ret);
Migration *migration_free(Migration *migration);
DEFINE_CLEANUP(Migration *, migration_free)

/* The old model. */
const Model *migration_from(const Migration *migration);
/* An account score's number in the new model; -1: it is gone. */
int migration_account_score(const Migration *migration, unsigned score);

/*
 * A lead of the new model that has what `lead` has, and takes it: that is good for lead_free() only afterwards. It has a clock, and was
 * not merged into another. 0 or -ENOMEM.
 */
MUST_CHECK int migrate_lead(const Migration *migration, Lead *lead, Lead **ret);
/* An entry alone; both are to be freed with member_done() in any case, each with its own model's number of scores. */
MUST_CHECK int migrate_member(const Migration *migration, Member *member, Member *ret);
MUST_CHECK int migrate_account(const Migration *migration, Account *account, Account **ret);
