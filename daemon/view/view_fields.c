/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the fields are made once per model and buffer, since every write of the daemon passes through
 * here.
 */
#include <inttypes.h>
#include <math.h>
#include <stdalign.h>
#include <stdio.h>

#include "daemon/view/view_fields.h"
#include "lib/base/arena.h"
#include "lib/base/decimal.h"
#include "lib/base/siphash.h"
#include "lib/condition/condition_program.h"
#include "lib/lead/sla_clock.h"

#define CUT_MARK "\xe2\x80\xa6" /* … */
#define CUT_NAME_TAIL_LEN 9     /* ~ and 8 digits */

/* What leads, or accounts, have of a model. */
typedef struct KindNames {
    Str *stages, *sinces;      /* by track */
    Str *scores, *ats;         /* by score */
    int64_t *board_half_lives; /* by board; 0: none */
    size_t n_boards;
} KindNames;

struct ViewFieldsBuffer {
    Arena *arena;
    bool with_hashes;
    const Model *model; /* whose names are below; NULL: none yet */
    KindNames names[_ENTITY_KIND_MAX];
    Str *sla_names; /* by policy */
};

/* The fields of one lead or account under construction. Values that are made for it are in `text`, until all are copied at once. */
typedef struct FieldList {
    ViewField *items;
    size_t n, n_max;
    char *text; /* FIELD_TEXT_SIZE(n_max) */
    size_t n_text;
} FieldList;
#define FIELD_TEXT_SIZE(n_max) ((size_t)(n_max) * VIEW_FIELD_LEN_MAX)

int view_fields_new(bool with_hashes, ViewFieldsBuffer **ret) {
    _cleanup_(view_fields_free) ViewFieldsBuffer *buffer = calloc(1, sizeof(*buffer));
    if (!buffer)
        return -ENOMEM;
    buffer->with_hashes = with_hashes;
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

size_t view_fields_memory(const ViewFieldsBuffer *buffer) {
    return arena_memory(buffer->arena);
}

/* ---- names ---- */

Str view_fields_name(const char *prefix, Str id, char text[static VIEW_FIELD_SIZE]) {
    size_t prefix_len = strlen(prefix);
    if (prefix_len + id.len <= VIEW_FIELD_LEN_MAX) {
        snprintf(text, VIEW_FIELD_SIZE, "%s%.*s", prefix, STR_FMT(id));
    } else {
        Str part = {id.data, str_cut(id, VIEW_FIELD_LEN_MAX - prefix_len - CUT_NAME_TAIL_LEN)};
        snprintf(text, VIEW_FIELD_SIZE, "%s%.*s~%08" PRIx32, prefix, STR_FMT(part),
                (uint32_t)siphash_13((SipKey){0, 0}, id));
    }
    return str_from(text);
}

/* Names for `n` things whose ids are at the beginning of structures of `size` bytes. */
static Str *make_names(Arena *arena, const char *prefix, const void *ids, size_t n, size_t size) {
    Str *names = arena_new_array(arena, Str, MAX(n, (size_t)1));
    for (size_t i = 0; names && i < n; i++) {
        char text[VIEW_FIELD_SIZE];
        Str id;
        memcpy(&id, (const char *)ids + i * size, sizeof(id));
        names[i] = arena_str(arena, view_fields_name(prefix, id, text));
        if (str_is_null(names[i]))
            return NULL;
    }
    return names;
}

/* ---- boards ---- */

static bool has_derived(const Model *model) {
    return model->n_derived > 0;
}

size_t view_fields_boards(const Model *model, EntityKind kind, const char *ret[static VIEW_BOARDS_MAX]) {
    if (kind == ENTITY_ACCOUNT) {
        for (size_t i = 0; i < model->n_account_scores; i++)
            ret[i] = model->account_scores[i].id.data;
        return model->n_account_scores;
    }
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

static int64_t half_life_of(const Decay *decay) {
    return decay->kind == DECAY_HALF_LIFE ? decay->span_ms : 0;
}

/* -1: it names nothing that decays or changes with time. */
static int64_t derived_half_life(const Model *model, const Condition *condition) {
    int64_t longest = -1;
    for (unsigned i = 0; i < condition->n_code; i++) {
        const Instruction *instruction = &condition->code[i];
        int64_t half_life = -1;
        if (instruction->op == OP_SCORE)
            half_life = half_life_of(&model->scores[instruction->index].decay);
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

static int64_t board_half_life(const Model *model, EntityKind kind, size_t board) {
    if (kind == ENTITY_ACCOUNT)
        return half_life_of(&model->account_scores[board].decay);
    if (has_derived(model))
        return latest(derived_half_life(model, model->derived[board].value), 0);
    return half_life_of(&model->scores[board].decay);
}

size_t view_fields_half_lives(const Model *model, EntityKind kind, int64_t ret[static VIEW_BOARDS_MAX]) {
    const char *names[VIEW_BOARDS_MAX];
    size_t n = view_fields_boards(model, kind, names);
    for (size_t i = 0; i < n; i++)
        ret[i] = board_half_life(model, kind, i);
    return n;
}

static void find_half_lives(ViewFieldsBuffer *buffer, const Model *model) {
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX; kind++)
        for (size_t i = 0; i < buffer->names[kind].n_boards; i++)
            buffer->names[kind].board_half_lives[i] = board_half_life(model, kind, i);
}

static double rank_of_value(double value, int64_t at_ms, int64_t half_life_ms) {
    if (!(value >= VIEW_RANK_VALUE_MIN))
        return -INFINITY;
    return log2(value) + (half_life_ms ? (double)at_ms / (double)half_life_ms : 0);
}

static double lead_rank(const ViewFieldsBuffer *buffer, const Lead *lead, unsigned board) {
    const Model *model = buffer->model;
    if (lead->merged_into.data)
        return -INFINITY;
    Situation now = {.model = model, .lead = lead, .at_ms = lead->clock_ms};
    double value = -1;
    if (!has_derived(model)) {
        value = lead_score(lead, model, board, lead->clock_ms);
    } else {
        Value v = condition_value(model->derived[board].value, &now);
        if (value_is_number(v))
            value = value_number(v);
    }
    return rank_of_value(value, lead->clock_ms, buffer->names[ENTITY_LEAD].board_half_lives[board]);
}

/* Of the sum that is not cut: of two that are, one falls below the maximum before the other. */
static double account_rank(const ViewFieldsBuffer *buffer, const Account *account, unsigned board) {
    Course sum = account_score_course(account, buffer->model, board, account->clock_ms);
    return rank_of_value(sum.constant + sum.exponential, account->clock_ms,
            buffer->names[ENTITY_ACCOUNT].board_half_lives[board]);
}

/* ---- names and boards of a model ---- */

static int make_kind_names(Arena *arena, const Track *tracks, size_t n_tracks, const void *scores,
        size_t n_scores, size_t score_size, size_t n_boards, KindNames *ret) {
    *ret = (KindNames){
            .stages = make_names(arena, "stage:", tracks, n_tracks, sizeof(Track)),
            .sinces = make_names(arena, "since:", tracks, n_tracks, sizeof(Track)),
            .scores = make_names(arena, "score:", scores, n_scores, score_size),
            .ats = make_names(arena, "at:", scores, n_scores, score_size),
            .board_half_lives = arena_new_array(arena, int64_t, MAX(n_boards, (size_t)1)),
            .n_boards = n_boards,
    };
    return ret->stages && ret->sinces && ret->scores && ret->ats && ret->board_half_lives ? 0 : -ENOMEM;
}

static int prepare(ViewFieldsBuffer *buffer, const Model *model) {
    if (buffer->model == model)
        return 0;
    Arena *arena = buffer->arena;
    const char *names[VIEW_BOARDS_MAX];

    static_assert(offsetof(Track, id) == 0 && offsetof(Score, id) == 0 && offsetof(SlaPolicy, id) == 0 &&
                          offsetof(AccountScore, id) == 0,
            "make_names() takes the first member");
    int r = make_kind_names(arena, model->tracks, model->n_tracks, model->scores, model->n_scores,
            sizeof(Score), view_fields_boards(model, ENTITY_LEAD, names), &buffer->names[ENTITY_LEAD]);
    if (!r)
        r = make_kind_names(arena, model->account_tracks, model->n_account_tracks, model->account_scores,
                model->n_account_scores, sizeof(AccountScore),
                view_fields_boards(model, ENTITY_ACCOUNT, names), &buffer->names[ENTITY_ACCOUNT]);
    if (r)
        return r;
    buffer->sla_names = make_names(arena, "sla:", model->policies, model->n_policies, sizeof(SlaPolicy));
    if (!buffer->sla_names)
        return -ENOMEM;
    find_half_lives(buffer, model);
    buffer->model = model;
    return 0;
}

/* ---- fields ---- */

/* A value that lives as long as the model, or is in the list's own text. */
static void add_borrowed(FieldList *list, Str name, Str value) {
    if (str_is_null(value) || list->n == list->n_max)
        return;
    list->items[list->n++] = (ViewField){.name = name, .value = value};
}

/* Room for a value; there is some for each field that the list can have. */
static char *text_begin(FieldList *list) {
    static_assert(DECIMAL_SIZE <= VIEW_FIELD_LEN_MAX, "a number fits");
    return list->n < list->n_max ? list->text + list->n_text : NULL;
}

static void text_end(FieldList *list, Str name, size_t len) {
    add_borrowed(list, name, (Str){list->text + list->n_text, len});
    list->n_text += len;
}

/* Text that others chose. */
static void add_text(FieldList *list, Str name, Str value) {
    char *text = text_begin(list);
    if (!text || str_is_null(value))
        return;
    if (value.len <= VIEW_FIELD_LEN_MAX) {
        if (value.len)
            memcpy(text, value.data, value.len);
        text_end(list, name, value.len);
        return;
    }
    size_t mark_len = strlen(CUT_MARK), len = str_cut(value, VIEW_FIELD_LEN_MAX - mark_len);
    memcpy(text, value.data, len);
    memcpy(text + len, CUT_MARK, mark_len);
    text_end(list, name, len + mark_len);
}

static void add_integer(FieldList *list, Str name, int64_t value) {
    char *text = text_begin(list);
    if (text)
        text_end(list, name, decimal_print(value, text));
}

static void add_time(FieldList *list, Str name, int64_t at_ms) {
    if (at_ms != TIME_NONE && at_ms != TIME_NEVER)
        add_integer(list, name, at_ms);
}

/* At most 6 decimals, without zeros at the end: the exact value is in the record, and these are for looking at. */
static void add_number(FieldList *list, Str name, double value) {
    char *text = text_begin(list);
    if (!text || !(fabs(value) < 9e18))
        return; /* nothing that earns points goes that far */
    if (fabs(value) >= 1e9) {
        /* So many digits that a double has no six decimals left. */
        add_integer(list, name, llround(value));
        return;
    }
    text_end(list, name, decimal_print_millionths(llround(value * 1e6), text));
}

static void add_stages(
        FieldList *list, const KindNames *names, const Track *tracks, const TrackState *states, size_t n) {
    for (size_t i = 0; i < n; i++)
        add_borrowed(list, names->stages[i], tracks[i].stages[states[i].stage].id);
}

static void add_sinces(FieldList *list, const KindNames *names, const TrackState *states, size_t n) {
    for (size_t i = 0; i < n; i++)
        add_time(list, names->sinces[i], states[i].stages[states[i].stage].entered_at_ms);
}

static void add_scores(FieldList *list, const ViewFieldsBuffer *buffer, const Lead *lead) {
    const KindNames *names = &buffer->names[ENTITY_LEAD];
    for (size_t i = 0; i < buffer->model->n_scores; i++) {
        const Decay *decay = &buffer->model->scores[i].decay;
        bool stepped = decay_is_stepped(decay);
        add_number(list, names->scores[i],
                stepped ? lead_score(lead, buffer->model, (unsigned)i, lead->clock_ms) : lead->scores[i].value);
        if (decay->kind != DECAY_NONE)
            add_time(list, names->ats[i], stepped ? lead->clock_ms : lead->scores[i].at_ms);
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
static void add_lead(FieldList *list, const ViewFieldsBuffer *buffer, const Lead *lead) {
    const Model *model = buffer->model;
    const KindNames *names = &buffer->names[ENTITY_LEAD];
    if (lead->merged_into.data) {
        add_text(list, STR_LITERAL("merged_into"), lead->merged_into);
        return;
    }
    add_time(list, STR_LITERAL("clock"), lead->clock_ms);
    add_time(list, STR_LITERAL("next_moment"), lead_next_moment(lead));
    add_text(list, STR_LITERAL("account"), lead->account_id);
    add_borrowed(list, STR_LITERAL("segment"), model_segment_id(model, lead->segment));
    add_borrowed(list, STR_LITERAL("route"), model_route_id(model, lead->route));
    add_stages(list, names, model->tracks, lead->tracks, model->n_tracks);
    add_scores(list, buffer, lead);
    add_clocks(list, buffer, lead);
    add_sinces(list, names, lead->tracks, model->n_tracks);
    add_text(list, STR_LITERAL("first_source"), lead->first_source);
    add_text(list, STR_LITERAL("last_source"), lead->last_source);
}

/* Fewer than VIEW_FIELDS_MAX. */
static void add_account(FieldList *list, const ViewFieldsBuffer *buffer, const Account *account) {
    const Model *model = buffer->model;
    const KindNames *names = &buffer->names[ENTITY_ACCOUNT];
    static_assert(4 + 2 * MODEL_TRACKS_MAX + 2 * MODEL_ACCOUNT_SCORES_MAX <= VIEW_FIELDS_MAX, "all fit");
    add_time(list, STR_LITERAL("clock"), account->clock_ms);
    add_time(list, STR_LITERAL("next_moment"), account->next_internal_ms);
    add_integer(list, STR_LITERAL("members"), (int64_t)account->n_members);
    add_integer(list, STR_LITERAL("committee"), account_committee(account, model, account->clock_ms));
    add_stages(list, names, model->account_tracks, account->tracks, model->n_account_tracks);
    for (unsigned i = 0; i < model->n_account_scores; i++) {
        add_number(list, names->scores[i], account_score(account, model, i, account->clock_ms));
        if (model->account_scores[i].decay.kind != DECAY_NONE)
            add_time(list, names->ats[i], account->clock_ms);
    }
    add_sinces(list, names, account->tracks, model->n_account_tracks);
}

/* The fields and their text, in one piece of memory: first `n_before` bytes for the caller. */
static char *copy_fields(Arena *arena, const FieldList *list, size_t n_before, ViewField **ret) {
    static_assert(sizeof(ViewField) % alignof(ViewRank) == 0 && sizeof(ViewRank) % alignof(ViewField) == 0, "one can follow the other");
    char *piece = arena_alloc(arena, n_before + list->n * sizeof(ViewField) + list->n_text, 1);
    if (!piece)
        return NULL;
    ViewField *fields = (ViewField *)(void *)(piece + n_before);
    char *text = (char *)(fields + list->n);
    memcpy(text, list->text, list->n_text);
    for (size_t i = 0; i < list->n; i++) {
        fields[i] = list->items[i];
        uintptr_t at = (uintptr_t)fields[i].value.data - (uintptr_t)list->text;
        if (at <= list->n_text) /* not a borrowed one */
            fields[i].value.data = text + at;
    }
    *ret = fields;
    return piece;
}

/* Copies id and fields into the buffer; the ranks are the caller's to set. */
static int make_write(ViewFieldsBuffer *buffer, EntityKind kind, Str id, const FieldList *list,
        ViewRank **ret_ranks, ViewWrite *ret) {
    size_t n_boards = buffer->names[kind].n_boards;
    ViewField *fields;
    void *ranks = copy_fields(buffer->arena, list, n_boards * sizeof(ViewRank), &fields);
    Str copy = arena_str(buffer->arena, id);
    if (!ranks || str_is_null(copy))
        return -ENOMEM;
    *ret_ranks = ranks;
    *ret = (ViewWrite){
            .kind = kind,
            .id = copy,
            .record = STR_NULL,
            .moment_ms = TIME_NEVER,
            .fields = fields,
            .n_fields = list->n,
            .ranks = ranks,
            .n_ranks = n_boards,
    };
    return 0;
}

int view_fields_make(ViewFieldsBuffer *buffer, const Model *model, const Lead *lead, ViewWrite *ret) {
    int r = prepare(buffer, model);
    if (r)
        return r;
    /* On the stack first: most leads have a dozen fields. */
    ViewField fields[VIEW_FIELDS_MAX];
    char text[FIELD_TEXT_SIZE(VIEW_FIELDS_MAX)];
    FieldList list = {.items = fields, .n_max = ARRAY_SIZE(fields), .text = text};
    ViewRank *ranks;
    if (buffer->with_hashes)
        add_lead(&list, buffer, lead);
    r = make_write(buffer, ENTITY_LEAD, lead->lead_id, &list, &ranks, ret);
    if (r)
        return r;
    /* An id that was merged is taken off all boards. */
    for (unsigned i = 0; i < ret->n_ranks; i++)
        ranks[i] = (ViewRank){.rank = i, .score = lead_rank(buffer, lead, i)};
    if (!lead->merged_into.data)
        ret->moment_ms = lead_next_moment(lead);
    return 0;
}

int view_fields_make_account(
        ViewFieldsBuffer *buffer, const Model *model, const Account *account, ViewWrite *ret) {
    int r = prepare(buffer, model);
    if (r)
        return r;
    ViewField fields[VIEW_FIELDS_MAX];
    char text[FIELD_TEXT_SIZE(VIEW_FIELDS_MAX)];
    FieldList list = {.items = fields, .n_max = ARRAY_SIZE(fields), .text = text};
    ViewRank *ranks;
    if (buffer->with_hashes)
        add_account(&list, buffer, account);
    r = make_write(buffer, ENTITY_ACCOUNT, account->account_id, &list, &ranks, ret);
    if (r)
        return r;
    for (unsigned i = 0; i < ret->n_ranks; i++)
        ranks[i] = (ViewRank){.rank = i, .score = account_rank(buffer, account, i)};
    ret->moment_ms = account->next_internal_ms;
    return 0;
}

int view_fields_make_erasure(ViewFieldsBuffer *buffer, EntityKind kind, Str id, ViewWrite *ret) {
    Str copy = arena_str(buffer->arena, id);
    if (str_is_null(copy))
        return -ENOMEM;
    *ret = (ViewWrite){.kind = kind, .id = copy, .record = STR_NULL, .moment_ms = TIME_NEVER};
    return 0;
}

/* ---- what is the same for all leads and accounts ---- */

/* "half_life:" and an id of the model. */
static Str info_name(Arena *arena, const char *prefix, Str id) {
    char text[32 + MODEL_ID_LEN_MAX];
    snprintf(text, sizeof(text), "%s%.*s", prefix, STR_FMT(id));
    return arena_str(arena, str_from(text));
}

static void add_half_life(FieldList *list, Arena *arena, const char *prefix, Str id, const Decay *decay) {
    if (decay->kind == DECAY_HALF_LIFE)
        add_integer(list, info_name(arena, prefix, id), decay->span_ms);
}

static void add_boards(FieldList *list, const ViewFieldsBuffer *buffer, EntityKind kind, const char *prefix) {
    const char *boards[VIEW_BOARDS_MAX];
    size_t n = view_fields_boards(buffer->model, kind, boards);
    for (size_t i = 0; i < n; i++)
        add_integer(list, info_name(buffer->arena, prefix, str_from(boards[i])),
                buffer->names[kind].board_half_lives[i]);
}

int view_fields_info(ViewFieldsBuffer *buffer, const Model *model, const ViewField **ret, size_t *ret_n) {
    int r = prepare(buffer, model);
    if (r)
        return r;
    Arena *arena = buffer->arena;
    FieldList list = {
            .items = arena_new_array(arena, ViewField, VIEW_INFO_FIELDS_MAX),
            .n_max = VIEW_INFO_FIELDS_MAX,
            .text = arena_alloc(arena, FIELD_TEXT_SIZE(VIEW_INFO_FIELDS_MAX), 1),
    };
    if (!list.items || !list.text)
        return -ENOMEM;

    add_borrowed(&list, STR_LITERAL("model"), model->id);
    add_integer(&list, STR_LITERAL("model_version"), model->version);
    for (size_t i = 0; i < model->n_scores; i++)
        add_half_life(&list, arena, "half_life:", model->scores[i].id, &model->scores[i].decay);
    for (size_t i = 0; i < model->n_derived; i++)
        add_borrowed(&list, info_name(arena, "derived:", model->derived[i].id),
                condition_text(model->derived[i].value));
    add_boards(&list, buffer, ENTITY_LEAD, "board:");
    for (size_t i = 0; i < model->n_account_scores; i++)
        add_half_life(&list, arena, "account_half_life:", model->account_scores[i].id, &model->account_scores[i].decay);
    add_boards(&list, buffer, ENTITY_ACCOUNT, "account_board:");

    for (size_t i = 0; i < list.n; i++)
        if (str_is_null(list.items[i].name))
            return -ENOMEM;
    *ret = list.items;
    *ret_n = list.n;
    return 0;
}
