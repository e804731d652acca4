#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dumps
 *
 * What is known of an entity at an instant, as one JSON object (SPEC section 8): for people, and for
 * comparing two ways to the same state.
 */
#include <stdio.h>

#include "daemon/io/json/json_writer.h"
#include "lib/lead/account.h"
#include "lib/lead/lead.h"
#include "lib/shard/entity_table.h"

/* Appends the lead or account as of at_ms, which is not before its clock. 0 or -ENOMEM. */
MUST_CHECK int lead_dump(JsonWriter *writer, const Model *model, const Lead *lead, int64_t at_ms);
MUST_CHECK int account_dump(JsonWriter *writer, const Model *model, const Account *account, int64_t at_ms);

/*
 * Writes all leads or accounts of the table to `file`, one a line, by id; each as of watermark_ms or, if that is later, its own clock.
 * 0, -ENOMEM or what writing failed with.
 */
MUST_CHECK int entities_dump(FILE *file, const Model *model, const EntityTable *table, int64_t watermark_ms);
