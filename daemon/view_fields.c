/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the fields are made once per model and buffer, since every write of the daemon passes through
 * here.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "daemon/view_fields.h"
#include "lib/arena.h"
#include "lib/condition_program.h"
#include "lib/siphash.h"
#include "lib/sla_clock.h"

#define CUT_MARK "\xe2\x80\xa6" /* … */
#define CUT_NAME_TAIL_LEN 9     /* ~ and 8 digits */

struct ViewFieldsBuffer {
    Arena *arena;
    const Model *model;             /* whose names are below; NULL: none yet */
    Str *stage_names, *since_names; /* by track */
    Str *score_names, *at_names;    /* by score */
    Str *sla_names;                 /* by policy */
    int64_t *board_half_lives;      /* by board; 0: none */
    size_t n_boards;
};

/* The fields of one lead under construction. */
typedef struct FieldList {
    Arena *arena;
    ViewField *items; /* VIEW_FIELDS_MAX */
    size_t n;
    bool out_of_memory;
} FieldList;

int view_fields_new(ViewFieldsBuffer **ret) {
    _cleanup_(view_fields_free) ViewFieldsBuffer *buffer = calloc(1, sizeof(*buffer));
    if (!buffer)
        return -ENOMEM;
    int r = arena_new(&buffer->arena);
    if (r)
        return r;
    *ret = TAKE_PTR(buffer);
    return 0;
}

ViewFieldsBuffer *view_fields_free(ViewFieldsBuffer *buffer) {
    if (!buffer)
        return NULL;
    arena_free(buffer->arena);
    return free_null(buffer);
}

void view_fields_reset(ViewFieldsBuffer *buffer) {
    arena_reset(buffer->arena);
    buffer->model = NULL; /* the names were in it */
}

/* ---- names ---- */

static Str make_name(Arena *arena, const char *prefix, Str id) {
    char text[VIEW_FIELD_LEN_MAX + 1];
    size_t prefix_len = strlen(prefix);
    if (prefix_len + id.len <= VIEW_FIELD_LEN_MAX) {
        snprintf(text, sizeof(text), "%s%.*s", prefix, STR_FMT(id));
    } else {
        Str part = {id.data, str_cut(id, VIEW_FIELD_LEN_MAX - prefix_len - CUT_NAME_TAIL_LEN)};
        snprintf(text, sizeof(text), "%s%.*s~%08" PRIx32, prefix, STR_FMT(part),
                (uint32_t)siphash_13((SipKey){0, 0}, id));
    }
    return arena_str(arena, str_from(text));
}

/* Names for `n` things whose ids are at the beginning of structures of `size` bytes. */
static Str *make_names(Arena *arena, const char *prefix, const void *ids, size_t n, size_t size) {
    Str *names = arena_new_array(arena, Str, MAX(n, (size_t)1));
    for (size_t i = 0; names && i < n; i++) {
        Str id;
        memcpy(&id, (const char *)ids + i * size, sizeof(id));
        names[i] = make_name(arena, prefix, id);
        if (str_is_null(names[i]))
            return NULL;
    }
    return names;
}

/* ---- boards ---- */

static bool has_derived(const Model *model) {
    return model->n_derived > 0;
}

size_t view_fields_boards(const Model *model, const char *ret[static VIEW_BOARDS_MAX]) {
    for (size_t i = 0; i < model->n_derived; i++)
        ret[i] = model->derived[i].id.data;
    if (has_derived(model))
        return model->n_derived;
    for (size_t i = 0; i < model->n_scores; i++)
        ret[i] = model->scores[i].id.data;
    return model->n_scores;
}

/* The longer of two half-lives, of which 0 is the longest: what does not decay. */
static int64_t longer(int64_t a, int64_t b) {
    return a == 0 || b == 0 ? 0 : MAX(a, b);
}

static int64_t score_half_life(const Score *score) {
    return score->decay.kind == DECAY_HALF_LIFE ? score->decay.span_ms : 0;
}

/* -1: it names nothing that decays or changes with time. */
static int64_t derived_half_life(const Model *model, const Condition *condition) {
    int64_t longest = -1;
    for (unsigned i = 0; i < condition->n_code; i++) {
        const Instruction *instruction = &condition->code[i];
        int64_t half_life = -1;
        if (instruction->op == OP_SCORE)
            half_life = score_half_life(&model->scores[instruction->index]);
        else if (instruction->op == OP_DERIVED)
            half_life = derived_half_life(model, model->derived[instruction->index].value);
        else if (instruction->op == OP_AGE || instruction->op == OP_SINCE || instruction->op == OP_LEFT ||
                 instruction->op == OP_IDLE)
            return 0;
        if (half_life >= 0)
            longest = longest < 0 ? half_life : longer(longest, half_life);
    }
    return longest;
}

static void find_half_lives(ViewFieldsBuffer *buffer, const Model *model) {
    for (size_t i = 0; i < buffer->n_boards; i++)
        buffer->board_half_lives[i] = has_derived(model)
                                              ? MAX(derived_half_life(model, model->derived[i].value), 0)
                                              : score_half_life(&model->scores[i]);
}

static double rank_of(const ViewFieldsBuffer *buffer, const Lead *lead, unsigned board) {
    const Model *model = buffer->model;
    Situation now = {.model = model, .lead = lead, .at_ms = lead->clock_ms};
    double value = -1;
    if (!has_derived(model)) {
        value = lead_score(lead, model, board, lead->clock_ms);
    } else {
        Value v = condition_value(model->derived[board].value, &now);
        if (value_is_number(v))
            value = value_number(v);
    }
    if (!(value >= VIEW_RANK_VALUE_MIN))
        return -INFINITY;
    int64_t half_life_ms = buffer->board_half_lives[board];
    return log2(value) + (half_life_ms ? (double)lead->clock_ms / (double)half_life_ms : 0);
}

/* ---- names and boards of a model ---- */

static int prepare(ViewFieldsBuffer *buffer, const Model *model) {
    if (buffer->model == model)
        return 0;
    Arena *arena = buffer->arena;
    const char *names[VIEW_BOARDS_MAX];
    buffer->n_boards = view_fields_boards(model, names);

    static_assert(offsetof(Track, id) == 0 && offsetof(Score, id) == 0 && offsetof(SlaPolicy, id) == 0,
            "make_names() takes the first member");
    size_t n = model->n_tracks;
    buffer->stage_names = make_names(arena, "stage:", model->tracks, n, sizeof(Track));
    buffer->since_names = make_names(arena, "since:", model->tracks, n, sizeof(Track));
    buffer->score_names = make_names(arena, "score:", model->scores, model->n_scores, sizeof(Score));
    buffer->at_names = make_names(arena, "at:", model->scores, model->n_scores, sizeof(Score));
    buffer->sla_names = make_names(arena, "sla:", model->policies, model->n_policies, sizeof(SlaPolicy));
    buffer->board_half_lives = arena_new_array(arena, int64_t, MAX(buffer->n_boards, (size_t)1));
    if (!buffer->stage_names || !buffer->since_names || !buffer->score_names || !buffer->at_names ||
            !buffer->sla_names || !buffer->board_half_lives)
        return -ENOMEM;
    find_half_lives(buffer, model);
    buffer->model = model;
    return 0;
}

/* ---- fields ---- */

/* A value that lives as long as the model. */
static void add_borrowed(FieldList *list, Str name, Str value) {
    if (str_is_null(value) || list->n == VIEW_FIELDS_MAX)
        return;
    list->items[list->n++] = (ViewField){.name = name, .value = value};
}

static void add_copy(FieldList *list, Str name, Str value) {
    Str copy = arena_str(list->arena, value);
    list->out_of_memory = list->out_of_memory || (str_is_null(copy) && !str_is_null(value));
    add_borrowed(list, name, copy);
}

/* Text that others chose. */
static void add_text(FieldList *list, Str name, Str value) {
    char text[VIEW_FIELD_LEN_MAX + 1];
    size_t mark_len = strlen(CUT_MARK);
    if (value.len <= VIEW_FIELD_LEN_MAX) {
        add_copy(list, name, value);
        return;
    }
    size_t len = str_cut(value, VIEW_FIELD_LEN_MAX - mark_len);
    memcpy(text, value.data, len);
    memcpy(text + len, CUT_MARK, mark_len);
    add_copy(list, name, (Str){text, len + mark_len});
}

static void add_integer(FieldList *list, Str name, int64_t value) {
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRId64, value);
    add_copy(list, name, (Str){text, (size_t)len});
}

static void add_time(FieldList *list, Str name, int64_t at_ms) {
    if (at_ms != TIME_NONE && at_ms != TIME_NEVER)
        add_integer(list, name, at_ms);
}

/*
 * At most 6 decimals, without zeros at the end: the exact value is in the record, and these are for looking
 * at. By integers, which is several times faster than printf and knows no locale.
 */
static void add_number(FieldList *list, Str name, double value) {
    char text[40];
    if (!(fabs(value) < 9e18))
        return; /* nothing that earns points goes that far */
    if (fabs(value) >= 1e9) {
        /* So many digits that a double has no six decimals left. */
        add_integer(list, name, llround(value));
        return;
    }
    int64_t millionths = llround(fabs(value) * 1e6);
    const char *sign = value < 0 && millionths ? "-" : "";
    int len = snprintf(
            text, sizeof(text), "%s%" PRId64 ".%06" PRId64, sign, millionths / 1000000, millionths % 1000000);
    while (text[len - 1] == '0')
        len--;
    len -= text[len - 1] == '.';
    add_copy(list, name, (Str){text, (size_t)len});
}

static void add_stages(FieldList *list, const ViewFieldsBuffer *buffer, const Lead *lead) {
    for (size_t i = 0; i < buffer->model->n_tracks; i++) {
        const Track *track = &buffer->model->tracks[i];
        add_borrowed(list, buffer->stage_names[i], track->stages[lead->tracks[i].stage].id);
    }
}

static void add_scores(FieldList *list, const ViewFieldsBuffer *buffer, const Lead *lead) {
    for (size_t i = 0; i < buffer->model->n_scores; i++) {
        const Decay *decay = &buffer->model->scores[i].decay;
        bool stepped = decay_is_stepped(decay);
        add_number(list, buffer->score_names[i],
                stepped ? lead_score(lead, buffer->model, (unsigned)i, lead->clock_ms) : lead->scores[i].value);
        if (decay->kind != DECAY_NONE)
            add_time(list, buffer->at_names[i], stepped ? lead->clock_ms : lead->scores[i].at_ms);
    }
}

static void add_clocks(FieldList *list, const ViewFieldsBuffer *buffer, const Lead *lead) {
    for (size_t i = 0; i < buffer->model->n_policies; i++) {
        const SlaClock *clock = &lead->clocks[i];
        char text[64 + MODEL_ID_LEN_MAX], due[24] = "never";
        if (clock->phase != SLA_PHASE_OPEN)
            continue;
        if (sla_clock_is_paused(clock))
            snprintf(due, sizeof(due), "paused");
        if (clock->due_at_ms != TIME_NEVER)
            snprintf(due, sizeof(due), "%" PRId64, clock->due_at_ms);
        Str calendar = model_calendar_id(buffer->model, clock->calendar);
        int len = snprintf(text, sizeof(text), "%" PRId64 "/%s/%d%s%.*s", clock->started_at_ms, due, clock->breached,
                str_is_null(calendar) ? "" : "/", STR_FMT(calendar));
        add_text(list, buffer->sla_names[i], (Str){text, (size_t)len});
    }
}

/* The most important first. */
static void add_all(FieldList *list, const ViewFieldsBuffer *buffer, const Lead *lead) {
    const Model *model = buffer->model;
    add_time(list, STR_LITERAL("clock"), lead->clock_ms);
    add_time(list, STR_LITERAL("next_moment"), lead_next_moment(lead));
    add_text(list, STR_LITERAL("account"), lead->account_id);
    add_borrowed(list, STR_LITERAL("segment"), model_segment_id(model, lead->segment));
    add_borrowed(list, STR_LITERAL("route"), model_route_id(model, lead->route));
    add_stages(list, buffer, lead);
    add_scores(list, buffer, lead);
    add_clocks(list, buffer, lead);
    for (size_t i = 0; i < model->n_tracks; i++) {
        const TrackState *track = &lead->tracks[i];
        add_time(list, buffer->since_names[i], track->stages[track->stage].entered_at_ms);
    }
    add_text(list, STR_LITERAL("first_source"), lead->first_source);
    add_text(list, STR_LITERAL("last_source"), lead->last_source);
}

int view_fields_make(ViewFieldsBuffer *buffer, const Model *model, const Lead *lead, ViewWrite *ret) {
    int r = prepare(buffer, model);
    if (r)
        return r;
    /* On the stack first: most leads have a dozen fields. */
    ViewField fields[VIEW_FIELDS_MAX];
    FieldList list = {.arena = buffer->arena, .items = fields};
    add_all(&list, buffer, lead);

    ViewField *kept = arena_new_array(buffer->arena, ViewField, MAX(list.n, (size_t)1));
    ViewRank *ranks = arena_new_array(buffer->arena, ViewRank, MAX(buffer->n_boards, (size_t)1));
    Str lead_id = arena_str(buffer->arena, lead->lead_id);
    if (list.out_of_memory || !kept || !ranks || str_is_null(lead_id))
        return -ENOMEM;
    memcpy(kept, fields, list.n * sizeof(*kept));
    for (unsigned i = 0; i < buffer->n_boards; i++)
        ranks[i] = (ViewRank){.rank = i, .score = rank_of(buffer, lead, i)};

    *ret = (ViewWrite){
            .lead_id = lead_id,
            .record = STR_NULL,
            .moment_ms = lead_next_moment(lead),
            .fields = kept,
            .n_fields = list.n,
            .ranks = ranks,
            .n_ranks = buffer->n_boards,
    };
    return 0;
}

int view_fields_make_erasure(ViewFieldsBuffer *buffer, Str lead_id, ViewWrite *ret) {
    Str copy = arena_str(buffer->arena, lead_id);
    if (str_is_null(copy))
        return -ENOMEM;
    *ret = (ViewWrite){.lead_id = copy, .record = STR_NULL, .moment_ms = TIME_NEVER};
    return 0;
}

/* ---- what is the same for all leads ---- */

/* "half_life:" and an id of the model. */
static Str info_name(Arena *arena, const char *prefix, Str id) {
    char text[32 + MODEL_ID_LEN_MAX];
    snprintf(text, sizeof(text), "%s%.*s", prefix, STR_FMT(id));
    return arena_str(arena, str_from(text));
}

int view_fields_info(ViewFieldsBuffer *buffer, const Model *model, const ViewField **ret, size_t *ret_n) {
    int r = prepare(buffer, model);
    if (r)
        return r;
    Arena *arena = buffer->arena;
    static_assert(2 + MODEL_SCORES_MAX + MODEL_DERIVED_MAX + VIEW_BOARDS_MAX <= VIEW_FIELDS_MAX, "all fit");
    FieldList list = {.arena = arena, .items = arena_new_array(arena, ViewField, VIEW_FIELDS_MAX)};
    if (!list.items)
        return -ENOMEM;

    add_borrowed(&list, STR_LITERAL("model"), model->id);
    add_integer(&list, STR_LITERAL("model_version"), model->version);
    for (size_t i = 0; i < model->n_scores; i++)
        if (model->scores[i].decay.kind == DECAY_HALF_LIFE)
            add_integer(&list, info_name(arena, "half_life:", model->scores[i].id),
                    model->scores[i].decay.span_ms);
    for (size_t i = 0; i < model->n_derived; i++)
        add_borrowed(&list, info_name(arena, "derived:", model->derived[i].id),
                condition_text(model->derived[i].value));
    const char *boards[VIEW_BOARDS_MAX];
    size_t n_boards = view_fields_boards(model, boards);
    for (size_t i = 0; i < n_boards; i++)
        add_integer(&list, info_name(arena, "board:", str_from(boards[i])), buffer->board_half_lives[i]);

    for (size_t i = 0; i < list.n; i++)
        list.out_of_memory = list.out_of_memory || str_is_null(list.items[i].name);
    if (list.out_of_memory)
        return -ENOMEM;
    *ret = list.items;
    *ret_n = list.n;
    return 0;
}
