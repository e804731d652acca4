/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An outcome is held against where the lead stands when it is read: both shards have applied the event by
 * then, so that a stage that the outcome itself leads to counts as reached.
 */
#include "daemon/backtest/backtest.h"

#include <search.h>

#include "daemon/base/arena_text.h"
#include "lib/base/owned.h"

/* Rules and scores of both models: what moves name. */
#define NAMES_OF_MOVES_MAX ((size_t)BACKTEST_SIDES * 4 * MODEL_RULES_MAX)

bool backtest_find_stage(const Model *model, Str track, Str stage, unsigned *ret_track, unsigned *ret_stage) {
    for (unsigned t = 0; t < model->n_tracks; t++)
        for (unsigned s = 0; s < model->tracks[t].n_stages; s++)
            if (str_eq(model->tracks[t].id, track) && str_eq(model->tracks[t].stages[s].id, stage)) {
                *ret_track = t;
                *ret_stage = s;
                return true;
            }
    return false;
}

/* --- leads ------------------------------------------------------------------------------------------- */

static void side_lead_reset(SideLead *side, const Model *model) {
    BacktestMove *moves = side->moves;
    uint32_t *verdicts = side->verdicts;

    for (size_t i = 0; i < model->n_tracks; i++)
        moves[i] = (BacktestMove){.at_ms = TIME_NONE};
    memset(verdicts, 0, model->n_policies * _SLA_KIND_MAX * sizeof(*verdicts));
    *side = (SideLead){.reached_at_ms = TIME_NONE, .moves = moves, .verdicts = verdicts};
}

static BacktestLead *lead_free_all(BacktestLead *lead) {
    if (!lead)
        return NULL;
    for (size_t i = 0; i < BACKTEST_SIDES; i++) {
        free(lead->sides[i].moves);
        free(lead->sides[i].verdicts);
    }
    free((char *)lead->lead_id.data);
    free(lead);
    return NULL;
}
DEFINE_CLEANUP(BacktestLead *, lead_free_all)

static int lead_create(const Backtest *backtest, Str lead_id, BacktestLead **ret) {
    _cleanup_(lead_free_all) BacktestLead *lead = calloc(1, sizeof(*lead));

    if (!lead)
        return -ENOMEM;
    int r = str_set(&lead->lead_id, lead_id);
    if (r)
        return r;
    for (size_t i = 0; i < BACKTEST_SIDES; i++) {
        const Model *model = backtest->sides[i].model;
        SideLead *side = &lead->sides[i];
        /* One more than none: calloc() may have nothing for nothing. */
        side->moves = calloc(model->n_tracks + 1, sizeof(*side->moves));
        side->verdicts = calloc(model->n_policies * _SLA_KIND_MAX + 1, sizeof(*side->verdicts));
        if (!side->moves || !side->verdicts)
            return -ENOMEM;
        side_lead_reset(side, model);
    }
    *ret = TAKE_PTR(lead);
    return 0;
}

static int compare_leads(const void *a, const void *b) {
    const BacktestLead *left = a, *right = b;
    return str_compare(left->lead_id, right->lead_id);
}

/* The lead of this id; a new one if there is none. */
static int find_lead(Backtest *backtest, Str lead_id, BacktestLead **ret) {
    const BacktestLead key = {.lead_id = lead_id};
    BacktestLead *const *found = tfind(&key, &backtest->root, compare_leads);

    if (found) {
        *ret = *found;
        return 0;
    }
    _cleanup_(lead_free_all) BacktestLead *lead = NULL;
    int r = array_reserve(
            &backtest->leads, &backtest->n_leads_alloc, backtest->n_leads, sizeof(BacktestLead *));
    if (r == 0)
        r = lead_create(backtest, lead_id, &lead);
    if (r)
        return r;
    if (!tsearch(lead, &backtest->root, compare_leads))
        return -ENOMEM;
    backtest->leads[backtest->n_leads++] = lead;
    *ret = TAKE_PTR(lead);
    return 0;
}

static const Lead *known_lead(const BacktestSide *side, Str lead_id) {
    Entity *entity = entity_table_get(shard_leads(side->shard), lead_id);
    return entity ? lead_of(entity) : NULL;
}

const Lead *backtest_lead(const BacktestSide *side, const BacktestLead *lead) {
    const Lead *known = known_lead(side, lead->lead_id);
    return known && str_is_null(known->merged_into) ? known : NULL;
}

/* Whom events of this id are about: under every model the same, for merges do not hang on it. */
static Str resolve(const Backtest *backtest, Str lead_id) {
    const Lead *known;

    while ((known = known_lead(&backtest->sides[0], lead_id)) && !str_is_null(known->merged_into))
        lead_id = known->merged_into;
    return lead_id;
}

/* --- outputs ----------------------------------------------------------------------------------------- */

/* Kept once: an output's texts are gone when the sink returns. */
static int keep_name(Backtest *backtest, Str text, Str *ret) {
    unsigned number;

    *ret = STR_NULL;
    if (str_is_null(text))
        return 0;
    int r = names_put(backtest->names, text, &number);
    if (r == 0)
        *ret = names_text(backtest->names, number);
    return r;
}

/* What one rule gave to a score is told in one. */
static int keep_reason(BacktestSide *side, const Reason *reason, BacktestMove *move) {
    unsigned i = 0;

    while (i < move->n_reasons &&
            (!str_eq(move->reasons[i].rule, reason->rule) || !str_eq(move->reasons[i].score, reason->score)))
        i++;
    if (i == BACKTEST_REASONS_MAX)
        return 0;
    move->reasons[i].value += reason->present_value;
    if (i < move->n_reasons)
        return 0;
    move->n_reasons++;
    int r = keep_name(side->backtest, reason->rule, &move->reasons[i].rule);
    return r ? r : keep_name(side->backtest, reason->score, &move->reasons[i].score);
}

static int keep_move(BacktestSide *side, const StageChanged *change, BacktestMove *move) {
    *move = (BacktestMove){.at_ms = change->changed_at_ms};
    int r = keep_name(side->backtest, change->transition, &move->transition);

    for (size_t i = 0; r == 0 && i < change->n_reasons; i++)
        r = keep_reason(side, &change->reasons[i], move);
    return r;
}

static int stage_changed(BacktestSide *side, BacktestLead *lead, const StageChanged *change) {
    SideLead *side_lead = &lead->sides[side->index];
    const BacktestOptions *options = &side->backtest->options;

    if (side_lead->reached_at_ms == TIME_NONE && str_eq(change->track, options->track) &&
            str_eq(change->to, options->stage))
        side_lead->reached_at_ms = change->changed_at_ms;
    for (unsigned i = 0; i < side->model->n_tracks; i++)
        if (str_eq(side->model->tracks[i].id, change->track))
            return keep_move(side, change, &side_lead->moves[i]);
    return 0;
}

static void sla_event(BacktestSide *side, BacktestLead *lead, const SlaEvent *event) {
    for (unsigned i = 0; i < side->model->n_policies; i++)
        if (str_eq(side->model->policies[i].id, event->policy))
            lead->sides[side->index].verdicts[i * _SLA_KIND_MAX + event->kind]++;
}

/* What was known of a lead goes on in the one that it was merged into. */
static void fold(const SideLead *from, SideLead *into, const Model *model) {
    for (size_t i = 0; i < model->n_policies * _SLA_KIND_MAX; i++)
        into->verdicts[i] += from->verdicts[i];
    if (into->reached_at_ms == TIME_NONE ||
            (from->reached_at_ms != TIME_NONE && from->reached_at_ms < into->reached_at_ms))
        into->reached_at_ms = from->reached_at_ms;
    if (!into->answered) {
        into->answered = from->answered;
        into->answer = from->answer;
        into->answered_at_ms = from->answered_at_ms;
        into->reason = from->reason;
    }
    into->won |= from->won;
    into->missed_accepted |= from->missed_accepted;
    into->missed_won |= from->missed_won;
}

static void forget(BacktestSide *side, BacktestLead *lead) {
    for (size_t i = 0; i < BACKTEST_SIDES; i++)
        side_lead_reset(&lead->sides[i], side->backtest->sides[i].model);
    lead->was_accepted = lead->was_rejected = lead->was_won = false;
}

/* Both models say it. The first time takes what is known of the lead; the second, what the other model told
 * of it meanwhile. */
static int lead_retired(BacktestSide *side, BacktestLead *lead, const LeadRetired *retired) {
    BacktestLead *into;

    if (str_is_null(retired->into)) {
        forget(side, lead);
        return 0;
    }
    int r = find_lead(side->backtest, retired->into, &into);
    if (r || into == lead)
        return r;
    for (size_t i = 0; i < BACKTEST_SIDES; i++)
        fold(&lead->sides[i], &into->sides[i], side->backtest->sides[i].model);
    into->was_accepted |= lead->was_accepted;
    into->was_rejected |= lead->was_rejected;
    into->was_won |= lead->was_won;
    forget(side, lead);
    return 0;
}

static int side_output(void *userdata, const Output *output) {
    BacktestSide *side = userdata;
    BacktestLead *lead;

    /* An account's. */
    if (str_is_null(output->lead_id))
        return 0;
    int r = find_lead(side->backtest, output->lead_id, &lead);
    if (r)
        return r;
    switch (output->type) {
    case OUTPUT_STAGE_CHANGED:
        return stage_changed(side, lead, &output->stage_changed);
    case OUTPUT_SLA_EVENT:
        sla_event(side, lead, &output->sla_event);
        return 0;
    case OUTPUT_LEAD_RETIRED:
        return lead_retired(side, lead, &output->lead_retired);
    default:
        return 0;
    }
}

/* --- outcomes ---------------------------------------------------------------------------------------- */

static bool is_outcome(const Backtest *backtest, Outcome outcome, const LeadEvent *event) {
    const OutcomeTypes *types = &backtest->options.outcomes[outcome];

    for (size_t i = 0; i < types->n; i++)
        if (str_eq(types->types[i], event->type))
            return true;
    return false;
}

/* The reason of a rejection, whatever it is, as a text. */
static int reason_of(Backtest *backtest, const LeadEvent *event, unsigned *ret) {
    Value value = event_property(event, backtest->options.reason);

    if (value.type == VALUE_STRING)
        return names_put(backtest->reasons, value.string, ret);
    return names_put(backtest->reasons,
            value.type == VALUE_NULL ? STR_LITERAL("(none given)") : STR_LITERAL("(no text)"), ret);
}

static bool is_there(const SideLead *side, const LeadEvent *event) {
    return side->reached_at_ms != TIME_NONE && side->reached_at_ms <= event->occurred_at_ms;
}

static void answer(SideLead *side, Outcome outcome, const LeadEvent *event, unsigned reason) {
    if (side->answered || !is_there(side, event))
        return;
    side->answered = true;
    side->answer = outcome;
    side->answered_at_ms = event->occurred_at_ms;
    side->reason = reason;
}

static int note_outcomes(Backtest *backtest, BacktestLead *lead, const LeadEvent *event) {
    bool accepted = is_outcome(backtest, OUTCOME_ACCEPTED, event),
         won = is_outcome(backtest, OUTCOME_WON, event);
    bool rejected = is_outcome(backtest, OUTCOME_REJECTED, event);
    unsigned reason = 0;

    int r = rejected ? reason_of(backtest, event, &reason) : 0;
    for (size_t i = 0; r == 0 && i < BACKTEST_SIDES; i++) {
        SideLead *side = &lead->sides[i];
        if (accepted)
            answer(side, OUTCOME_ACCEPTED, event, 0);
        if (rejected)
            answer(side, OUTCOME_REJECTED, event, reason);
        if (accepted && !lead->was_accepted)
            side->missed_accepted = !is_there(side, event);
        if (won && !lead->was_won) {
            side->won = is_there(side, event);
            side->missed_won = !side->won;
        }
    }
    lead->was_accepted |= accepted;
    lead->was_rejected |= rejected;
    lead->was_won |= won;
    return r;
}

/* --- the whole --------------------------------------------------------------------------------------- */

int backtest_init(Backtest *backtest, const BacktestOptions *options) {
    *backtest = (Backtest){.options = *options, .first_ms = TIME_NONE, .last_ms = TIME_NONE};
    int r = names_new(BACKTEST_NAMES_MAX, &backtest->reasons);

    if (r == 0)
        r = names_new(NAMES_OF_MOVES_MAX, &backtest->names);
    for (unsigned i = 0; r == 0 && i < BACKTEST_SIDES; i++) {
        BacktestSide *side = &backtest->sides[i];
        *side = (BacktestSide){.backtest = backtest, .index = i, .model = options->models[i]};
        bool found =
                backtest_find_stage(side->model, options->track, options->stage, &side->track, &side->stage);
        assert(found);
        (void)found;
        r = shard_new(side->model, (OutputSink){.output = side_output, .userdata = side}, &side->shard);
    }
    if (r)
        backtest_deinit(backtest);
    return r;
}

static void keep_lead(void *lead) {
    (void)lead;
}

void backtest_deinit(Backtest *backtest) {
    for (size_t i = 0; i < BACKTEST_SIDES; i++)
        shard_free(backtest->sides[i].shard);
    tdestroy(backtest->root, keep_lead);
    for (size_t i = 0; i < backtest->n_leads; i++)
        lead_free_all(backtest->leads[i]);
    free(backtest->leads);
    names_free(backtest->reasons);
    names_free(backtest->names);
    *backtest = (Backtest){0};
}

/* A lead begins in the initial stage without an output. */
static void note_beginning(const BacktestSide *side, BacktestLead *lead) {
    SideLead *side_lead = &lead->sides[side->index];
    const Lead *known;

    if (side_lead->reached_at_ms == TIME_NONE && side->model->tracks[side->track].initial == side->stage &&
            (known = backtest_lead(side, lead)))
        side_lead->reached_at_ms = known->tracks[side->track].stages[side->stage].entered_at_ms;
}

static int side_event(BacktestSide *side, const LeadEvent *event, const char **ret_rejected) {
    EventResult result;

    int r = shard_event(side->shard, event, event->occurred_at_ms - side->model->lateness_ms, &result);
    if (r)
        return r;
    entity_table_clean(shard_leads(side->shard));
    entity_table_clean(shard_accounts(side->shard));
    if (result.outcome == EVENT_REJECTED)
        *ret_rejected = result.text;
    return 0;
}

int backtest_event(Backtest *backtest, const LeadEvent *event, const char **ret_rejected) {
    BacktestLead *lead;

    *ret_rejected = NULL;
    int r = 0;
    for (size_t i = 0; r == 0 && i < BACKTEST_SIDES; i++)
        r = side_event(&backtest->sides[i], event, ret_rejected);
    if (r == 0)
        r = find_lead(backtest, resolve(backtest, event->lead_id), &lead);
    if (r)
        return r;
    backtest->n_events++;
    if (backtest->first_ms == TIME_NONE || event->occurred_at_ms < backtest->first_ms)
        backtest->first_ms = event->occurred_at_ms;
    backtest->last_ms = MAX(backtest->last_ms, event->occurred_at_ms);
    for (size_t i = 0; i < BACKTEST_SIDES; i++)
        note_beginning(&backtest->sides[i], lead);
    return note_outcomes(backtest, lead, event);
}

int backtest_end(Backtest *backtest, int64_t until_ms) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < BACKTEST_SIDES; i++)
        r = shard_advance(backtest->sides[i].shard, until_ms);
    return r;
}
