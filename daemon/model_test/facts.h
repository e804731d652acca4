#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts
 *
 * What a dump shows of a lead or an account (replay_dump.h), taken apart into single values under their
 * paths: "segment", "scores.fit", "stages.lifecycle", "sla.accept.due_at". Made from the dump and not beside
 * it, so that whatever a dump comes to show can be asked for here as well.
 */
#include "lib/lead/account.h"
#include "lib/lead/lead.h"

typedef struct Fact {
    Str path;
    Value value; /* instants are strings, as the dump has them */
} Fact;

typedef struct Facts {
    Fact *items; /* in the dump's order */
    size_t n_items, n_alloc;
} Facts;

#define FACTS_INIT ((Facts){0})
void facts_deinit(Facts *facts);
static inline void facts_deinit_cleanup(Facts *facts) {
    facts_deinit(facts);
}

/*
 * The lead as of at_ms, which is not before its clock; its route, which a dump does not show, comes with it.
 * Strings live in `arena`. 0 or -ENOMEM.
 */
MUST_CHECK int facts_of_lead(Facts *facts, Arena *arena, const Model *model, const Lead *lead, int64_t at_ms);
/* The account likewise. */
MUST_CHECK int facts_of_account(
        Facts *facts, Arena *arena, const Model *model, const Account *account, int64_t at_ms);
/* NULL: there is no such fact. */
const Fact *facts_find(const Facts *facts, Str path);
