/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/backtest/backtest_figures.h"

/* --- what there is to count -------------------------------------------------------------------------- */

static StageName *find_stage_name(BacktestFigures *figures, Str track, Str stage) {
    for (size_t i = 0; i < figures->n_stages; i++)
        if (str_eq(figures->stages[i].track, track) && str_eq(figures->stages[i].stage, stage))
            return &figures->stages[i];
    StageName *name = &figures->stages[figures->n_stages++];
    *name = (StageName){track, stage, {PLACE_NONE, PLACE_NONE}, {PLACE_NONE, PLACE_NONE}};
    return name;
}

static int name_stages(BacktestFigures *figures, const Backtest *backtest) {
    size_t n_max = 1;

    for (size_t i = 0; i < BACKTEST_SIDES; i++)
        for (size_t t = 0; t < backtest->sides[i].model->n_tracks; t++)
            n_max += backtest->sides[i].model->tracks[t].n_stages;
    figures->stages = calloc(n_max, sizeof(*figures->stages));
    if (!figures->stages)
        return -ENOMEM;
    for (size_t i = 0; i < BACKTEST_SIDES; i++) {
        const Model *model = backtest->sides[i].model;
        for (unsigned t = 0; t < model->n_tracks; t++)
            for (unsigned s = 0; s < model->tracks[t].n_stages; s++) {
                StageName *name =
                        find_stage_name(figures, model->tracks[t].id, model->tracks[t].stages[s].id);
                name->track_index[i] = (int)t;
                name->stage_index[i] = (int)s;
            }
    }
    return 0;
}

static PolicyName *find_policy_name(BacktestFigures *figures, Str policy) {
    for (size_t i = 0; i < figures->n_policies; i++)
        if (str_eq(figures->policies[i].policy, policy))
            return &figures->policies[i];
    PolicyName *name = &figures->policies[figures->n_policies++];
    *name = (PolicyName){policy, {PLACE_NONE, PLACE_NONE}};
    return name;
}

static int name_policies(BacktestFigures *figures, const Backtest *backtest) {
    figures->policies = calloc((size_t)BACKTEST_SIDES * MODEL_POLICIES_MAX, sizeof(*figures->policies));
    if (!figures->policies)
        return -ENOMEM;
    for (size_t i = 0; i < BACKTEST_SIDES; i++) {
        const Model *model = backtest->sides[i].model;
        for (unsigned p = 0; p < model->n_policies; p++)
            find_policy_name(figures, model->policies[p].id)->index[i] = (int)p;
    }
    return 0;
}

/* --- groups ------------------------------------------------------------------------------------------ */

static int figures_alloc(const BacktestFigures *figures, Figures *ret) {
    *ret = (Figures){0};
    ret->stages = calloc(figures->n_stages + 1, sizeof(*ret->stages));
    ret->verdicts = calloc(figures->n_policies * _SLA_KIND_MAX + 1, sizeof(*ret->verdicts));
    return ret->stages && ret->verdicts ? 0 : -ENOMEM;
}

/* The group of this name, made if there is none. */
static int find_group(const BacktestFigures *figures, Groups *groups, Str name, Group **ret) {
    unsigned number;

    int r = names_put(groups->names, name, &number);
    while (r == 0 && groups->n_items <= number) {
        r = array_reserve(&groups->items, &groups->n_alloc, groups->n_items, sizeof(*groups->items));
        if (r)
            break;
        Group *group = &groups->items[groups->n_items++];
        *group = (Group){.name = names_text(groups->names, (unsigned)groups->n_items - 1)};
        for (size_t i = 0; r == 0 && i < BACKTEST_SIDES; i++)
            r = figures_alloc(figures, &group->sides[i]);
    }
    if (r == 0)
        *ret = &groups->items[number];
    return r;
}

static int compare_groups(const void *a, const void *b) {
    const Group *left = a, *right = b;
    uint64_t n_left = left->sides[0].leads + left->sides[1].leads;
    uint64_t n_right = right->sides[0].leads + right->sides[1].leads;
    if (n_left != n_right)
        return n_left > n_right ? -1 : 1;
    return str_compare(left->name, right->name);
}

Str backtest_stage(const BacktestSide *side, const BacktestLead *lead, int track_index) {
    const Lead *known = track_index == PLACE_NONE ? NULL : backtest_lead(side, lead);

    if (!known)
        return STR_NULL;
    return side->model->tracks[track_index].stages[known->tracks[track_index].stage].id;
}

static void count(const BacktestFigures *figures, Figures *into, unsigned side, const SideLead *lead,
        const Lead *known) {
    into->leads++;
    into->reached += lead->reached_at_ms != TIME_NONE;
    into->accepted += lead->answered && lead->answer == OUTCOME_ACCEPTED;
    into->rejected += lead->answered && lead->answer == OUTCOME_REJECTED;
    into->won += lead->won;
    into->missed_accepted += lead->missed_accepted;
    into->missed_won += lead->missed_won;
    for (size_t i = 0; i < figures->n_stages; i++) {
        const StageName *name = &figures->stages[i];
        if (name->track_index[side] != PLACE_NONE &&
                known->tracks[name->track_index[side]].stage == (unsigned)name->stage_index[side])
            into->stages[i]++;
    }
    for (size_t i = 0; i < figures->n_policies; i++)
        for (size_t k = 0; figures->policies[i].index[side] != PLACE_NONE && k < _SLA_KIND_MAX; k++)
            into->verdicts[i * _SLA_KIND_MAX + k] +=
                    lead->verdicts[(size_t)figures->policies[i].index[side] * _SLA_KIND_MAX + k];
}

static int count_side(BacktestFigures *figures, const BacktestSide *side, const BacktestLead *lead) {
    const Lead *known = backtest_lead(side, lead);
    Group *group;

    if (!known)
        return 0;
    const Str names[_GROUPS_MAX] = {
            [GROUPS_ALL] = STR_LITERAL("all"),
            [GROUPS_SEGMENT] = model_segment_id(side->model, known->segment),
            [GROUPS_SOURCE] = str_is_null(known->first_source) ? STR_LITERAL("(none)") : known->first_source,
    };
    for (size_t i = 0; i < _GROUPS_MAX; i++) {
        int r = find_group(figures, &figures->groups[i], names[i], &group);
        if (r)
            return r;
        count(figures, &group->sides[side->index], side->index, &lead->sides[side->index], known);
    }
    return 0;
}

static void count_overlap(BacktestFigures *figures, const BacktestLead *lead) {
    const Backtest *backtest = figures->backtest;
    Overlap *overlap = &figures->overlaps[(lead->sides[0].reached_at_ms != TIME_NONE ? OVERLAP_A : 0) +
                                          (lead->sides[1].reached_at_ms != TIME_NONE ? OVERLAP_B : 0)];

    if (!backtest_lead(&backtest->sides[0], lead) && !backtest_lead(&backtest->sides[1], lead))
        return;
    overlap->leads++;
    overlap->accepted += lead->was_accepted;
    overlap->rejected += lead->was_rejected;
    overlap->won += lead->was_won;
}

static int count_all(BacktestFigures *figures) {
    static const char *const kinds[_GROUPS_MAX] = {
            [GROUPS_ALL] = "all", [GROUPS_SEGMENT] = "segment", [GROUPS_SOURCE] = "first source"};
    const Backtest *backtest = figures->backtest;
    int r = 0;

    for (size_t i = 0; r == 0 && i < _GROUPS_MAX; i++) {
        figures->groups[i].kind = kinds[i];
        r = names_new(BACKTEST_NAMES_MAX, &figures->groups[i].names);
    }
    for (size_t i = 0; r == 0 && i < backtest->n_leads; i++) {
        const BacktestLead *lead = backtest->leads[i];
        for (size_t k = 0; r == 0 && k < BACKTEST_SIDES; k++)
            r = count_side(figures, &backtest->sides[k], lead);
        count_overlap(figures, lead);
    }
    for (size_t i = 0; i < _GROUPS_MAX; i++)
        if (figures->groups[i].n_items > 0)
            qsort(figures->groups[i].items, figures->groups[i].n_items, sizeof(Group), compare_groups);
    return r;
}

/* --- answers ----------------------------------------------------------------------------------------- */

static int compare_times(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static int find_median(BacktestFigures *figures, unsigned side) {
    const Backtest *backtest = figures->backtest;
    _cleanup_(free_null) int64_t *times = calloc(backtest->n_leads + 1, sizeof(*times));
    size_t n = 0;

    figures->median_ms[side] = TIME_NONE;
    if (!times)
        return -ENOMEM;
    for (size_t i = 0; i < backtest->n_leads; i++) {
        const SideLead *lead = &backtest->leads[i]->sides[side];
        if (lead->answered && lead->answer == OUTCOME_ACCEPTED &&
                backtest_lead(&backtest->sides[side], backtest->leads[i]))
            times[n++] = lead->answered_at_ms - lead->reached_at_ms;
    }
    if (n == 0)
        return 0;
    qsort(times, n, sizeof(*times), compare_times);
    figures->median_ms[side] =
            n % 2 ? times[n / 2] : times[n / 2 - 1] + (times[n / 2] - times[n / 2 - 1]) / 2;
    return 0;
}

static int compare_reasons(const void *a, const void *b) {
    const ReasonCount *left = a, *right = b;
    uint64_t n_left = left->counts[0] + left->counts[1], n_right = right->counts[0] + right->counts[1];
    if (n_left != n_right)
        return n_left > n_right ? -1 : 1;
    return str_compare(left->reason, right->reason);
}

static int count_reasons(BacktestFigures *figures) {
    const Backtest *backtest = figures->backtest;

    figures->n_reasons = names_count(backtest->reasons);
    figures->reasons = calloc(figures->n_reasons + 1, sizeof(*figures->reasons));
    if (!figures->reasons)
        return -ENOMEM;
    for (unsigned i = 0; i < figures->n_reasons; i++)
        figures->reasons[i].reason = names_text(backtest->reasons, i);
    for (size_t i = 0; i < backtest->n_leads; i++)
        for (size_t k = 0; k < BACKTEST_SIDES; k++) {
            const SideLead *lead = &backtest->leads[i]->sides[k];
            if (lead->answered && lead->answer == OUTCOME_REJECTED &&
                    backtest_lead(&backtest->sides[k], backtest->leads[i]))
                figures->reasons[lead->reason].counts[k]++;
        }
    qsort(figures->reasons, figures->n_reasons, sizeof(*figures->reasons), compare_reasons);
    return 0;
}

/* --- leads in another stage -------------------------------------------------------------------------- */

static int compare_changed(const void *a, const void *b) {
    const BacktestLead *const *left = a, *const *right = b;
    if ((*left)->was_won != (*right)->was_won)
        return (*left)->was_won ? -1 : 1;
    if ((*left)->was_accepted != (*right)->was_accepted)
        return (*left)->was_accepted ? -1 : 1;
    return str_compare((*left)->lead_id, (*right)->lead_id);
}

static int compare_moves(const void *a, const void *b) {
    const StageMove *left = a, *right = b;
    if (left->leads != right->leads)
        return left->leads > right->leads ? -1 : 1;
    return left->a != right->a ? (left->a > right->a) - (left->a < right->a)
                               : (left->b > right->b) - (left->b < right->b);
}

/* Counts the lead's differences in `pairs`, by A's stage and B's. True: there is one. */
static bool count_differences(
        const BacktestFigures *figures, const Lead *const known[static BACKTEST_SIDES], uint64_t *pairs) {
    size_t n = figures->n_stages, a = 0, b = 0;
    bool found = false;

    for (size_t i = 0; i < n; i++) {
        const StageName *name = &figures->stages[i];
        int track_a = name->track_index[0];
        if (track_a == PLACE_NONE || known[0]->tracks[track_a].stage != (unsigned)name->stage_index[0])
            continue;
        a = i;
        for (b = 0; b < n; b++) {
            const StageName *other = &figures->stages[b];
            if (str_eq(other->track, name->track) && other->track_index[1] != PLACE_NONE &&
                    known[1]->tracks[other->track_index[1]].stage == (unsigned)other->stage_index[1])
                break;
        }
        if (b == n || a == b)
            continue;
        pairs[a * n + b]++;
        found = true;
    }
    return found;
}

static int list_moves(BacktestFigures *figures, const uint64_t *pairs) {
    size_t n = figures->n_stages, n_moves = 0;

    for (size_t i = 0; i < n * n; i++)
        n_moves += pairs[i] > 0;
    figures->moves = calloc(n_moves + 1, sizeof(*figures->moves));
    if (!figures->moves)
        return -ENOMEM;
    for (size_t i = 0; i < n * n; i++)
        if (pairs[i] > 0)
            figures->moves[figures->n_moves++] =
                    (StageMove){&figures->stages[i / n], &figures->stages[i % n], pairs[i]};
    qsort(figures->moves, figures->n_moves, sizeof(*figures->moves), compare_moves);
    return 0;
}

static int find_changed(BacktestFigures *figures) {
    const Backtest *backtest = figures->backtest;
    size_t n = figures->n_stages;
    _cleanup_(free_null) uint64_t *pairs = calloc(n * n + 1, sizeof(*pairs));

    figures->changed = calloc(backtest->n_leads + 1, sizeof(*figures->changed));
    if (!pairs || !figures->changed)
        return -ENOMEM;
    for (size_t i = 0; i < backtest->n_leads; i++) {
        const BacktestLead *lead = backtest->leads[i];
        const Lead *const known[BACKTEST_SIDES] = {
                backtest_lead(&backtest->sides[0], lead), backtest_lead(&backtest->sides[1], lead)};
        if (known[0] && known[1] && count_differences(figures, known, pairs))
            figures->changed[figures->n_changed++] = lead;
    }
    qsort(figures->changed, figures->n_changed, sizeof(*figures->changed), compare_changed);
    return list_moves(figures, pairs);
}

/* --- the whole --------------------------------------------------------------------------------------- */

int backtest_figures_make(BacktestFigures *figures, const Backtest *backtest) {
    *figures = (BacktestFigures){.backtest = backtest};
    int r = name_stages(figures, backtest);

    if (r == 0)
        r = name_policies(figures, backtest);
    if (r == 0)
        r = count_all(figures);
    for (unsigned i = 0; r == 0 && i < BACKTEST_SIDES; i++)
        r = find_median(figures, i);
    if (r == 0)
        r = count_reasons(figures);
    if (r == 0)
        r = find_changed(figures);
    if (r)
        backtest_figures_deinit(figures);
    return r;
}

static void groups_deinit(Groups *groups) {
    for (size_t i = 0; i < groups->n_items; i++)
        for (size_t k = 0; k < BACKTEST_SIDES; k++) {
            free(groups->items[i].sides[k].stages);
            free(groups->items[i].sides[k].verdicts);
        }
    free(groups->items);
    names_free(groups->names);
}

void backtest_figures_deinit(BacktestFigures *figures) {
    for (size_t i = 0; i < _GROUPS_MAX; i++)
        groups_deinit(&figures->groups[i]);
    free(figures->stages);
    free(figures->policies);
    free(figures->reasons);
    free(figures->moves);
    free(figures->changed);
    *figures = (BacktestFigures){0};
}
