/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the View
 *
 * A leaderboard is a queue of candidates: a place on it tells a bound of the present value (view_fields.h),
 * the record tells the value. So it is read downwards until the worst of those found is no less than the
 * bound of what was not read yet. Records are unpacked by the model, which must be the daemon's.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "daemon/io/kafka/kafka_client.h"
#include "daemon/top/top.h"
#include "daemon/view/view_fields.h"
#include "lib/record/record.h"

/* Pages of a leaderboard that one refresh reads at most. */
#define PAGES_MAX 5
/* Moments looked at for open clocks: of each shard, and in all. */
#define MOMENTS_EACH 48
#define MOMENTS_MAX ((size_t)512)
/* Less is no decay that anybody could see. */
#define DECAY_SEEN_MIN 0.05

static int find_board(Top *top, const char *board) {
    const char *names[VIEW_BOARDS_MAX];
    size_t n = view_fields_boards(top->model, ENTITY_LEAD, names);
    for (size_t i = n; i-- > 0;)
        if (!board || strcmp(board, names[i]) == 0) {
            top->board = names[i];
            return (int)i;
        }
    return -1;
}

bool top_init(Top *top, const Config *config, const Model *model, const char *board) {
    *top = (Top){
            .config = config,
            .model = model,
            .derived = -1,
            .score = -1,
            .arrow = "->",
            .n_leads_wanted = 10,
            .records_per_s = NAN,
            .lag = -1,
    };
    int i = find_board(top, board);
    *(model->n_derived ? &top->derived : &top->score) = i;
    return i >= 0;
}

static void drop_leads(Top *top) {
    for (size_t i = 0; i < top->n_leads; i++)
        lead_free(top->leads[i].lead);
    top->n_leads = 0;
}

static void drop_clocks(Top *top) {
    for (size_t i = 0; i < top->n_clock_leads; i++)
        lead_free(top->clock_leads[i]);
    top->n_clock_leads = top->n_clocks = 0;
}

void top_deinit(Top *top) {
    drop_leads(top);
    drop_clocks(top);
}

double top_value(const Top *top, const Lead *lead, int64_t at_ms) {
    if (top->derived < 0)
        return lead_score(lead, top->model, (unsigned)top->score, at_ms);
    Situation situation = {.model = top->model, .lead = lead, .at_ms = at_ms};
    Value value = condition_value(top->model->derived[top->derived].value, &situation);
    return value_is_number(value) ? value_number(value) : NAN;
}

/* *ret stays NULL for what is no lead, or not one by this model. 0 or -ENOMEM. */
static int unpack(Top *top, Str record, Str lead_id, Lead **ret) {
    *ret = NULL;
    if (str_is_null(record))
        return 0;
    int r = record_unpack(record, lead_id, top->model, ret);
    if (r == RECORD_E_MODEL)
        snprintf(top->status, sizeof(top->status),
                "leads are of another version of the model than %" PRId64
                ", which this shows: use the daemon's",
                top->model->version);
    else if (r > 0)
        top->counts.broken++;
    return r < 0 ? r : 0;
}

/* ---- hot leads ---- */

typedef struct Selection {
    TopLead leads[TOP_LEADS_MAX]; /* the best so far, in order */
    size_t n, n_wanted;
    bool is_complete;
} Selection;

/* Takes the lead. */
static void select_lead(Selection *selection, Lead *lead, double value) {
    size_t i = selection->n;
    if (!(value >= VIEW_RANK_VALUE_MIN)) {
        lead_free(lead);
        return;
    }
    while (i > 0 && selection->leads[i - 1].value < value)
        i--;
    if (i == selection->n_wanted) {
        lead_free(lead);
        return;
    }
    if (selection->n == selection->n_wanted)
        lead_free(selection->leads[--selection->n].lead);
    memmove(&selection->leads[i + 1], &selection->leads[i], (selection->n - i) * sizeof(*selection->leads));
    selection->leads[i] = (TopLead){lead, value};
    selection->n++;
}

static void selection_drop(Selection *selection) {
    for (size_t i = 0; i < selection->n; i++)
        lead_free(selection->leads[i].lead);
    selection->n = 0;
}

/* The present value of a place, or more. */
static double bound_value(double rank, int64_t half_life_ms, int64_t now_ms) {
    return exp2(rank - (half_life_ms ? (double)now_ms / (double)half_life_ms : 0));
}

/* One page of the leaderboard; *ret_bound as redis_board_leaders() sets it. */
static int read_page(Top *top, RedisBoard *board, size_t page, int64_t now_ms, BoardEntry *entries,
        Str *records, Selection *selection, double *ret_bound) {
    size_t n_each = selection->n_wanted, n = 0;
    int r = redis_board_leaders(
            board, ENTITY_LEAD, top->board, page * n_each, n_each, top->status, entries, BOARD_ASK_MAX, &n, ret_bound);
    if (!r)
        r = redis_board_records(board, ENTITY_LEAD, entries, n, top->status, records);
    for (size_t i = 0; i < n && !r; i++) {
        Lead *lead;
        r = unpack(top, records[i], board_entry_id(&entries[i]), &lead);
        if (!r && lead)
            select_lead(selection, lead, top_value(top, lead, now_ms));
    }
    return r;
}

static int select_leads(
        Top *top, RedisBoard *board, const BoardInfo *info, int64_t now_ms, Selection *selection) {
    _cleanup_(free_null) BoardEntry *entries = calloc(BOARD_ASK_MAX, sizeof(*entries));
    _cleanup_(free_null) Str *records = calloc(BOARD_ASK_MAX, sizeof(*records));
    if (!entries || !records)
        return -ENOMEM;
    selection->n_wanted = MAX(MIN(top->n_leads_wanted, (size_t)TOP_LEADS_MAX), (size_t)1);
    for (size_t page = 0; page < PAGES_MAX && !selection->is_complete; page++) {
        double bound = -INFINITY;
        int r = read_page(top, board, page, now_ms, entries, records, selection, &bound);
        if (r)
            return r;
        bool is_full = selection->n == selection->n_wanted;
        double worst = is_full ? selection->leads[selection->n - 1].value : VIEW_RANK_VALUE_MIN;
        selection->is_complete =
                isinf(bound) || (is_full && worst >= bound_value(bound, info->half_life_ms, now_ms));
    }
    return 0;
}

/* Points that a lead lost while nothing happened to it. */
static void count_decays(Top *top, const Selection *selection) {
    for (size_t i = 0; i < selection->n; i++)
        for (size_t j = 0; j < top->n_leads; j++) {
            const Lead *now = selection->leads[i].lead, *before = top->leads[j].lead;
            if (str_eq(now->lead_id, before->lead_id) && now->clock_ms == before->clock_ms &&
                    selection->leads[i].value <= top->leads[j].value - DECAY_SEEN_MIN)
                top->counts.decays++;
        }
}

static int refresh_leads(Top *top, RedisBoard *board, const BoardInfo *info, int64_t now_ms) {
    Selection selection = {0};
    int r = select_leads(top, board, info, now_ms, &selection);
    if (r) {
        selection_drop(&selection);
        return r;
    }
    count_decays(top, &selection);
    drop_leads(top);
    memcpy(top->leads, selection.leads, selection.n * sizeof(*selection.leads));
    top->n_leads = selection.n;
    top->leads_left_out = !selection.is_complete;
    return 0;
}

/* ---- clocks ---- */

static bool has_open_clock(const Model *model, const Lead *lead) {
    for (size_t i = 0; i < model->n_policies; i++)
        if (lead->clocks[i].phase == SLA_PHASE_OPEN)
            return true;
    return false;
}

static int by_due(const void *a, const void *b) {
    const TopClock *x = a, *y = b;
    if (x->clock->due_at_ms != y->clock->due_at_ms)
        return x->clock->due_at_ms < y->clock->due_at_ms ? -1 : 1;
    return str_compare(x->lead->lead_id, y->lead->lead_id);
}

static void list_clocks(Top *top) {
    for (size_t i = 0; i < top->n_clock_leads; i++)
        for (size_t j = 0; j < top->model->n_policies && top->n_clocks < TOP_CLOCKS_MAX; j++) {
            const Lead *lead = top->clock_leads[i];
            if (lead->clocks[j].phase == SLA_PHASE_OPEN)
                top->clocks[top->n_clocks++] = (TopClock){lead, &top->model->policies[j], &lead->clocks[j]};
        }
    qsort(top->clocks, top->n_clocks, sizeof(*top->clocks), by_due);
}

/*
 * Leads with a moment to come, and those whose clocks spoke lately: a clock that was breached and escalated
 * to the end is open without a moment.
 */
static int find_candidates(
        Top *top, RedisBoard *board, const BoardInfo *info, BoardEntry *entries, size_t *ret_n) {
    size_t n = 0;
    int r = redis_board_moments(board, MOMENTS_EACH, top->status, entries, MOMENTS_MAX, &n);
    if (r)
        return r;
    size_t n_moments = n;
    for (size_t i = 0; i < top->n_watched; i++) {
        Str id = board_entry_id(&top->watched[i]);
        bool is_known = false;
        for (size_t j = 0; j < n_moments && !is_known; j++)
            is_known = str_eq(board_entry_id(&entries[j]), id);
        if (is_known)
            continue;
        entries[n] = top->watched[i];
        entries[n++].shard = kafka_partition_of(top->config, id, info->n_shards);
    }
    *ret_n = n;
    return 0;
}

static int refresh_clocks(Top *top, RedisBoard *board, const BoardInfo *info) {
    static_assert(MOMENTS_MAX + TOP_WATCHED_MAX <= BOARD_ASK_MAX, "one question is enough");
    _cleanup_(free_null) BoardEntry *entries = calloc(BOARD_ASK_MAX, sizeof(*entries));
    _cleanup_(free_null) Str *records = calloc(BOARD_ASK_MAX, sizeof(*records));
    size_t n = 0;
    if (!entries || !records)
        return -ENOMEM;
    int r = find_candidates(top, board, info, entries, &n);
    if (!r)
        r = redis_board_records(board, ENTITY_LEAD, entries, n, top->status, records);
    if (r)
        return r;
    drop_clocks(top);
    for (size_t i = 0; i < n && top->n_clock_leads < TOP_CLOCKS_MAX && !r; i++) {
        Lead *lead;
        r = unpack(top, records[i], board_entry_id(&entries[i]), &lead);
        if (lead && has_open_clock(top->model, lead))
            top->clock_leads[top->n_clock_leads++] = lead;
        else
            lead_free(lead);
    }
    list_clocks(top);
    return r;
}

int top_refresh(Top *top, RedisBoard *board, bool with_clocks, int64_t now_ms) {
    BoardInfo info;
    top->status[0] = '\0';
    int r = redis_board_info(board, top->board, top->status, &info);
    if (!r && info.n_shards == 0) {
        snprintf(top->status, sizeof(top->status), "no daemon has written to Redis yet (no key %s:info)",
                top->config->redis_prefix);
        return 0;
    }
    if (!r)
        r = refresh_leads(top, board, &info, now_ms);
    if (!r && with_clocks)
        r = refresh_clocks(top, board, &info);
    return r < 0 ? r : 0;
}
