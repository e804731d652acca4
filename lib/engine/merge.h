#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merging Leads
 *
 * What one lead takes of another that turns out to be the same person (SPEC section 9): everything that is known of it but its
 * stages, which are steps of their own.
 */
#include "lib/lead/lead.h"

/* Is there room for the ids of `from` among the aliases of `into`? */
bool merge_fits(const Lead *into, const Lead *from);
/*
 * `into` takes what `from` has; its clock must have risen to the greatest of both before. `from` is as it was, but for what `into`
 * now owns of its clocks. 0 or -ENOMEM: then `into` is in no defined state.
 */
MUST_CHECK int merge_lead(Lead *into, Lead *from, const Model *model);
