#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Lead Table
 *
 * A shard's leads in memory: a hash table by lead id with the list of those changed since the last commit and
 * the order of last use. It never forgets a changed lead; lead_table_trim() drops the ones used longest ago
 * when a bound of memory is set (live, where the view has them), and a replay keeps them all.
 */
#include "lib/lead.h"

typedef struct LeadTable LeadTable;

MUST_CHECK int lead_table_new(const Model *model, LeadTable **ret);
/* Frees the leads too. */
LeadTable *lead_table_free(LeadTable *table);
DEFINE_CLEANUP(LeadTable *, lead_table_free)

/* Seeded by the caller against keys chosen to collide; lib reads no randomness. Before the first put. */
void lead_table_seed(LeadTable *table, uint64_t seed);

size_t lead_table_count(const LeadTable *table);
size_t lead_table_memory(const LeadTable *table);

/* The lead, moved to the front of the order of use, or NULL. */
Lead *lead_table_get(LeadTable *table, Str lead_id);
/* Takes the lead; its id must not be in the table. On -ENOMEM the caller still owns it. */
MUST_CHECK int lead_table_consume(LeadTable *table, Lead *lead);
/* Takes the lead out and frees it. It must not be in a moments' heap any more. */
void lead_table_remove(LeadTable *table, Lead *lead);

/* Puts the lead on the list of changed ones (once) and brings its accounted size up to date. */
void lead_table_mark_dirty(LeadTable *table, Lead *lead);
/* First of the changed leads, in the order of their first change; go on by ->dirty_next. */
Lead *lead_table_dirty(const LeadTable *table);
/* Forgets the list; leads marked `erased` are removed and freed. */
void lead_table_clean(LeadTable *table);

/*
 * Removes unchanged leads, longest unused first, until the table holds at most max_bytes. `evict` is called
 * before each removal (to take it out of the moments' heap).
 */
void lead_table_trim(LeadTable *table, size_t max_bytes, void (*evict)(void *userdata, Lead *lead), void *userdata);

/* All leads, in no order: *iterator starts at 0; NULL at the end. */
Lead *lead_table_next(const LeadTable *table, size_t *iterator);
