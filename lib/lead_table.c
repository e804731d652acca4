/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing with linear probing: a look-up per event touches one or two neighbouring slots, and the
 * hash beside the pointer spares the visit to leads that are not meant. Removal moves the followers of the
 * gap back (Knuth, volume 3, algorithm 6.4R), so no tombstones pile up in a cache that evicts all day.
 *
 * The order of use and the list of changed leads run through the leads themselves.
 */
#include "lib/lead_table.h"
#include "lib/siphash.h"

#define SLOTS_MIN 64

typedef struct Slot {
    uint64_t hash;
    Lead *lead; /* NULL: free */
} Slot;

struct LeadTable {
    const Model *model;
    SipKey key;
    Slot *slots;
    size_t n_slots; /* a power of two, or 0 before the first lead */
    size_t n_leads;
    size_t leads_bytes;        /* the sum of the leads' size_bytes */
    Lead *lru_head, *lru_tail; /* latest and longest ago used */
    Lead *dirty_head, *dirty_tail;
};

int lead_table_new(const Model *model, LeadTable **ret) {
    LeadTable *table = calloc(1, sizeof(*table));
    if (!table)
        return -ENOMEM;
    table->model = model;
    lead_table_seed(table, 0);
    *ret = table;
    return 0;
}

LeadTable *lead_table_free(LeadTable *table) {
    if (!table)
        return NULL;
    for (size_t i = 0; i < table->n_slots; i++)
        lead_free(table->slots[i].lead);
    free(table->slots);
    return free_null(table);
}

void lead_table_seed(LeadTable *table, uint64_t seed) {
    assert(table->n_leads == 0);
    table->key = (SipKey){seed, ~seed};
}

size_t lead_table_count(const LeadTable *table) {
    return table->n_leads;
}

size_t lead_table_memory(const LeadTable *table) {
    return sizeof(*table) + table->n_slots * sizeof(Slot) + table->leads_bytes;
}

/* ---- slots ---- */

/* The slot that holds the id, or the free one where the search for it ended. */
static Slot *find_slot(const LeadTable *table, uint64_t hash, Str lead_id) {
    size_t mask = table->n_slots - 1;
    size_t i = hash & mask;
    while (table->slots[i].lead &&
            (table->slots[i].hash != hash || !str_eq(table->slots[i].lead->lead_id, lead_id)))
        i = (i + 1) & mask;
    return &table->slots[i];
}

static int grow_slots(LeadTable *table) {
    size_t n_slots = table->n_slots ? table->n_slots * 2 : SLOTS_MIN;
    Slot *slots = calloc(n_slots, sizeof(Slot));
    if (!slots)
        return -ENOMEM;
    for (size_t i = 0; i < table->n_slots; i++) {
        if (!table->slots[i].lead)
            continue;
        size_t at = table->slots[i].hash & (n_slots - 1);
        while (slots[at].lead)
            at = (at + 1) & (n_slots - 1);
        slots[at] = table->slots[i];
    }
    free(table->slots);
    table->slots = slots;
    table->n_slots = n_slots;
    return 0;
}

static void empty_slot(LeadTable *table, Slot *slot) {
    size_t mask = table->n_slots - 1;
    size_t gap = (size_t)(slot - table->slots);
    for (size_t i = (gap + 1) & mask; table->slots[i].lead; i = (i + 1) & mask) {
        /* It may fill the gap if its search passes there: if its home is no nearer to it than the gap. */
        size_t home = table->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - gap) & mask))
            continue;
        table->slots[gap] = table->slots[i];
        gap = i;
    }
    table->slots[gap].lead = NULL;
}

/* ---- order of use ---- */

static void lru_link(LeadTable *table, Lead *lead) {
    lead->lru_prev = NULL;
    lead->lru_next = table->lru_head;
    if (lead->lru_next)
        lead->lru_next->lru_prev = lead;
    else
        table->lru_tail = lead;
    table->lru_head = lead;
}

static void lru_unlink(LeadTable *table, Lead *lead) {
    if (lead->lru_prev)
        lead->lru_prev->lru_next = lead->lru_next;
    else
        table->lru_head = lead->lru_next;
    if (lead->lru_next)
        lead->lru_next->lru_prev = lead->lru_prev;
    else
        table->lru_tail = lead->lru_prev;
}

/* ---- look-up, in and out ---- */

Lead *lead_table_get(LeadTable *table, Str lead_id) {
    if (table->n_leads == 0)
        return NULL;
    Lead *lead = find_slot(table, siphash_13(table->key, lead_id), lead_id)->lead;
    if (lead && lead != table->lru_head) {
        lru_unlink(table, lead);
        lru_link(table, lead);
    }
    return lead;
}

int lead_table_consume(LeadTable *table, Lead *lead) {
    /* At most three quarters full: linear probing stays short. */
    if ((table->n_leads + 1) * 4 > table->n_slots * 3) {
        int r = grow_slots(table);
        if (r)
            return r;
    }
    lead->hash = siphash_13(table->key, lead->lead_id);
    Slot *slot = find_slot(table, lead->hash, lead->lead_id);
    assert(!slot->lead);
    *slot = (Slot){lead->hash, lead};
    table->n_leads++;

    lru_link(table, lead);
    lead->dirty = false;
    lead->dirty_next = NULL;
    lead->size_bytes = lead_memory(lead, table->model);
    table->leads_bytes += lead->size_bytes;
    return 0;
}

/* The list has no way back: removing a changed lead is rare, marking one is not. */
static void dirty_unlink(LeadTable *table, Lead *lead) {
    Lead *prev = NULL;
    for (Lead *i = table->dirty_head; i != lead; i = i->dirty_next)
        prev = i;
    if (prev)
        prev->dirty_next = lead->dirty_next;
    else
        table->dirty_head = lead->dirty_next;
    if (table->dirty_tail == lead)
        table->dirty_tail = prev;
}

void lead_table_remove(LeadTable *table, Lead *lead) {
    assert(lead->heap_index == 0);
    Slot *slot = find_slot(table, lead->hash, lead->lead_id);
    assert(slot->lead == lead);
    empty_slot(table, slot);
    table->n_leads--;
    table->leads_bytes -= lead->size_bytes;
    lru_unlink(table, lead);
    if (lead->dirty)
        dirty_unlink(table, lead);
    lead_free(lead);
}

/* ---- changed leads ---- */

void lead_table_mark_dirty(LeadTable *table, Lead *lead) {
    table->leads_bytes -= lead->size_bytes;
    lead->size_bytes = lead_memory(lead, table->model);
    table->leads_bytes += lead->size_bytes;
    if (lead->dirty)
        return;
    lead->dirty = true;
    lead->dirty_next = NULL;
    if (table->dirty_tail)
        table->dirty_tail->dirty_next = lead;
    else
        table->dirty_head = lead;
    table->dirty_tail = lead;
}

Lead *lead_table_dirty(const LeadTable *table) {
    return table->dirty_head;
}

void lead_table_clean(LeadTable *table) {
    Lead *lead = table->dirty_head;
    table->dirty_head = table->dirty_tail = NULL;
    while (lead) {
        Lead *next = lead->dirty_next;
        lead->dirty = false;
        lead->dirty_next = NULL;
        if (lead->erased)
            lead_table_remove(table, lead);
        lead = next;
    }
}

void lead_table_trim(
        LeadTable *table, size_t max_bytes, void (*evict)(void *userdata, Lead *lead), void *userdata) {
    Lead *lead = table->lru_tail;
    while (lead && lead_table_memory(table) > max_bytes) {
        Lead *prev = lead->lru_prev;
        if (!lead->dirty) {
            if (evict)
                evict(userdata, lead);
            lead_table_remove(table, lead);
        }
        lead = prev;
    }
}

Lead *lead_table_next(const LeadTable *table, size_t *iterator) {
    while (*iterator < table->n_slots) {
        Lead *lead = table->slots[(*iterator)++].lead;
        if (lead)
            return lead;
    }
    return NULL;
}
