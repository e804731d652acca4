/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evaluator. It cannot fail: what makes no sense is null, and null makes a comparison false (SPEC
 * section 2). The compiler has checked that no program needs more than CONDITION_STACK_MAX cells.
 */
#include "lib/condition/condition_program.h"

#include <math.h>

#include "lib/engine/score_cache.h"
#include "lib/lead/account.h"
#include "lib/lead/lead.h"

static Value elapsed(int64_t since_ms, int64_t at_ms) {
    return since_ms == TIME_NONE ? VALUE_NONE : value_double((double)(at_ms - since_ms));
}

static Value finite_or_null(double number) {
    return isfinite(number) ? value_double(number) : VALUE_NONE;
}

static Value event_value(const Instruction *i, const LeadEvent *event) {
    if (!event)
        return VALUE_NONE;
    switch (i->op) {
    case OP_EVENT_TYPE:
        return value_string(event->type);
    case OP_EVENT_SOURCE:
        return value_string(event->source);
    case OP_EVENT_CAMPAIGN:
        return value_string(event->campaign);
    default: /* OP_EVENT_TOPIC */
        return value_string(event->topic);
    }
}

double condition_score(const Situation *s, unsigned score) {
    if (s->account)
        return account_score(s->account, s->model, score, s->at_ms);
    if (s->scores)
        return s->scores[score];
    if (s->cache && s->cache->at_ms == s->at_ms)
        return score_cache_value(s->cache, s->lead, s->model, score);
    return lead_score(s->lead, s->model, score, s->at_ms);
}

static const TrackState *track_state(unsigned track, const Situation *s) {
    return s->account ? &s->account->tracks[track] : &s->lead->tracks[track];
}

static Str stage_id(unsigned track, const Situation *s) {
    const Track *tracks = s->account ? s->model->account_tracks : s->model->tracks;
    return tracks[track].stages[track_state(track, s)->stage].id;
}

static Value push_rare(const Instruction *i, const Situation *s) {
    const Model *model = s->model;
    const Lead *lead = s->lead;
    const TrackState *track;

    switch (i->op) {
    case OP_PARAM_GLOBAL:
        return value_double(model->params[i->index].value);
    case OP_PROFILE:
        return lead_profile(lead, i->constant.string);
    case OP_SEGMENT:
        return value_string(model_segment_id(model, lead->segment));
    case OP_ROUTE:
        return value_string(model_route_id(model, lead->route));
    case OP_FIRST_SOURCE:
        return value_string(lead->first_source);
    case OP_LAST_SOURCE:
        return value_string(lead->last_source);
    case OP_STAGE:
        return value_string(stage_id(i->index, s));
    case OP_AGE:
        track = track_state(i->index, s);
        return elapsed(track->stages[track->stage].entered_at_ms, s->at_ms);
    case OP_SINCE:
        return elapsed(track_state(i->index, s)->stages[i->stage].entered_at_ms, s->at_ms);
    case OP_LEFT:
        return elapsed(track_state(i->index, s)->stages[i->stage].left_at_ms, s->at_ms);
    case OP_ENTRIES:
        return value_double(track_state(i->index, s)->stages[i->stage].entries);
    case OP_COUNTER:
        return value_double(lead_counter(lead, model, i->index, s->at_ms));
    case OP_COMMITTEE:
        return value_double(account_committee(s->account, model, s->at_ms));
    case OP_IDLE:
        return elapsed(lead->latest_activity_ms, s->at_ms);
    default:
        return event_value(i, s->event);
    }
}

/* The most frequent by themselves. */
static inline void push(const Instruction *i, const Situation *s, Value *ret) {
    if (i->op == OP_CONSTANT)
        *ret = i->constant;
    else if (i->op == OP_SCORE)
        *ret = value_double(condition_score(s, i->index));
    else if (i->op == OP_PARAM)
        *ret = value_double(s->model->segment_params[s->lead->segment * s->model->n_params + i->index]);
    else if (i->op == OP_DERIVED)
        *ret = condition_value(s->model->derived[i->index].value, s);
    else if (i->op == OP_EVENT_PROPERTY)
        *ret = s->event ? event_property(s->event, i->constant.string) : VALUE_NONE;
    else
        *ret = push_rare(i, s);
}

Value condition_push(const Instruction *i, const Situation *s) {
    Value value;
    push(i, s, &value);
    return value;
}

static bool is_true(Value v) {
    return v.type == VALUE_BOOLEAN && v.boolean;
}

static Value arithmetic(Op op, Value a, Value b) {
    if (!value_is_number(a) || !value_is_number(b))
        return VALUE_NONE;
    double x = value_number(a), y = value_number(b);
    switch (op) {
    case OP_ADD:
        return finite_or_null(x + y);
    case OP_SUBTRACT:
        return finite_or_null(x - y);
    case OP_MULTIPLY:
        return finite_or_null(x * y);
    case OP_DIVIDE:
        return y == 0 ? VALUE_NONE : finite_or_null(x / y);
    case OP_MIN:
        return value_double(MIN(x, y));
    default:
        return value_double(MAX(x, y));
    }
}

static bool numbers_equal(double x, double y) {
    return fabs(x - y) < SCORE_EPSILON;
}

static bool values_equal(Value a, Value b) {
    if (value_is_number(a) && value_is_number(b))
        return numbers_equal(value_number(a), value_number(b));
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case VALUE_BOOLEAN:
        return a.boolean == b.boolean;
    case VALUE_STRING:
        return str_eq(a.string, b.string);
    default:
        return true; /* null == null */
    }
}

static bool ordered(Op op, int order) {
    switch (op) {
    case OP_LESS:
        return order < 0;
    case OP_LESS_EQUAL:
        return order <= 0;
    case OP_GREATER:
        return order > 0;
    default:
        return order >= 0;
    }
}

static bool compare(Op op, Value a, Value b) {
    if (op == OP_EQUAL || op == OP_NOT_EQUAL)
        return values_equal(a, b) == (op == OP_EQUAL);
    if (value_is_number(a) && value_is_number(b)) {
        double x = value_number(a), y = value_number(b);
        return ordered(op, numbers_equal(x, y) ? 0 : x < y ? -1 : 1);
    }
    if (a.type == VALUE_STRING && b.type == VALUE_STRING)
        return ordered(op, str_compare(a.string, b.string));
    return false;
}

static char ascii_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The first byte from there on that is `wanted`, in lower case; `end`: there is none. */
static const char *find_byte(const char *from, const char *end, char wanted) {
    if (wanted < 'a' || wanted > 'z') {
        const char *found = from < end ? memchr(from, wanted, (size_t)(end - from)) : NULL;
        return found ? found : end;
    }
    while (from < end && ascii_lower(*from) != wanted)
        from++;
    return from;
}

static inline bool begins_with(const char *text, Str piece) {
    for (size_t i = 0; i < piece.len; i++)
        if (text[i] != piece.data[i] && ascii_lower(text[i]) != ascii_lower(piece.data[i]))
            return false;
    return true;
}

/* Behind the first place in [from, end) where the piece stands; NULL: nowhere. */
static const char *find_piece(const char *from, const char *end, Str piece) {
    if (piece.len == 0)
        return from;
    Str behind_first = {piece.data + 1, piece.len - 1};
    while ((size_t)(end - from) >= piece.len) {
        from = find_byte(from, end - piece.len + 1, ascii_lower(piece.data[0]));
        if (from == end - piece.len + 1)
            return NULL;
        from++;
        if (begins_with(from, behind_first))
            return from + behind_first.len;
    }
    return NULL;
}

/* Takes off the bytes before the next star, and the star; there is one. */
static Str next_piece(Str *pattern) {
    const char *star = memchr(pattern->data, '*', pattern->len);
    Str piece = {pattern->data, (size_t)(star - pattern->data)};
    *pattern = (Str){star + 1, pattern->len - piece.len - 1};
    return piece;
}

/*
 * Glob with `*` only: what stands before the first star begins the text, what stands behind the last one ends it, and each piece
 * between them is looked for behind the one before, where it comes first. At most len(text) * len(pattern) steps.
 */
static bool like(Str text, const Instruction *i) {
    Str pattern = i->constant.string, first = {pattern.data, i->left};
    Str last = {pattern.data + pattern.len - i->right, i->right};
    if (text.len < first.len + last.len || !begins_with(text.data, first))
        return false;
    if (first.len == pattern.len)
        return text.len == first.len;
    const char *at = text.data + first.len, *end = text.data + text.len - last.len;
    if (!begins_with(end, last))
        return false;
    for (Str rest = {pattern.data + first.len + 1, pattern.len - first.len - 1 - last.len}; rest.len > 0 && at;)
        at = find_piece(at, end, next_piece(&rest));
    return at;
}

/* Decimal digits with sign, fraction and exponent; nothing around them. No "inf", "nan" or hexadecimal. */
static Value number_of(Value v) {
    char text[64];
    if (value_is_number(v))
        return v;
    if (v.type != VALUE_STRING || v.string.len == 0 || v.string.len >= sizeof(text))
        return VALUE_NONE;
    memcpy(text, v.string.data, v.string.len);
    text[v.string.len] = '\0';
    if (strspn(text, "0123456789+-.eE") != v.string.len || text[0] == 'e' || text[0] == 'E')
        return VALUE_NONE;
    char *end;
    double number = strtod(text, &end);
    return end == text + v.string.len ? finite_or_null(number) : VALUE_NONE;
}

Value condition_unary(const Instruction *i, Value v) {
    switch (i->op) {
    case OP_NEGATE:
        return value_is_number(v) ? value_double(-value_number(v)) : VALUE_NONE;
    case OP_NUMBER:
        return number_of(v);
    case OP_PRESENT:
        return value_boolean(v.type != VALUE_NULL);
    case OP_LIKE:
        return value_boolean(v.type == VALUE_STRING && like(v.string, i));
    case OP_NOT:
        return value_boolean(!is_true(v));
    default:
        return value_boolean(is_true(v)); /* OP_TRUTH */
    }
}

Value condition_binary(const Instruction *i, Value a, Value b) {
    if (i->op >= OP_EQUAL)
        return value_boolean(compare(i->op, a, b));
    if (i->op == OP_DEFAULT)
        return a.type == VALUE_NULL ? b : a;
    return arithmetic(i->op, a, b);
}

static Value in_list(Value value, const Value *items, unsigned n) {
    if (value.type == VALUE_NULL)
        return value_boolean(false);
    for (unsigned k = 0; k < n; k++)
        if (values_equal(value, items[k]))
            return value_boolean(true);
    return value_boolean(false);
}

/* Two doubles, as most operands are; false: they are something else, or it is no such instruction. */
static inline bool run_on_doubles(Op op, Value *a, const Value *b) {
    if (a->type != VALUE_DOUBLE || b->type != VALUE_DOUBLE)
        return false;
    double x = a->number, y = b->number;
    switch (op) {
    case OP_ADD:
        x += y;
        break;
    case OP_SUBTRACT:
        x -= y;
        break;
    case OP_MULTIPLY:
        x *= y;
        break;
    case OP_LESS:
        *a = value_boolean(x < y && !numbers_equal(x, y));
        return true;
    case OP_LESS_EQUAL:
        *a = value_boolean(x < y || numbers_equal(x, y));
        return true;
    case OP_GREATER:
        *a = value_boolean(x > y && !numbers_equal(x, y));
        return true;
    case OP_GREATER_EQUAL:
        *a = value_boolean(x > y || numbers_equal(x, y));
        return true;
    default:
        return false;
    }
    if (!isfinite(x))
        return false;
    a->number = x;
    return true;
}

Value condition_run(const Condition *condition, unsigned begin, unsigned end, const Situation *s) {
    Value stack[CONDITION_STACK_MAX];
    unsigned n = 0;

    for (unsigned pc = begin; pc < end; pc++) {
        const Instruction *i = &condition->code[pc];
        if (i->op <= OP_IDLE) {
            push(i, s, &stack[n++]);
        } else if (i->op <= OP_LIKE || i->op == OP_TRUTH) {
            stack[n - 1] = condition_unary(i, stack[n - 1]);
        } else if (i->op <= OP_GREATER_EQUAL) {
            n--;
            if (!run_on_doubles(i->op, &stack[n - 1], &stack[n]))
                stack[n - 1] = condition_binary(i, stack[n - 1], stack[n]);
        } else if (i->op == OP_IN) {
            n -= i->index;
            stack[n - 1] = in_list(stack[n - 1], &stack[n], i->index);
        } else {
            bool decided = is_true(stack[n - 1]) == (i->op == OP_OR_ELSE);
            if (decided) {
                stack[n - 1] = value_boolean(i->op == OP_OR_ELSE);
                pc = i->index - 1;
            } else {
                n--;
            }
        }
    }
    assert(n == 1);
    return stack[0];
}

Value condition_value(const Condition *condition, const Situation *situation) {
    if (condition->n_code == 1) /* as most points are */
        return condition_push(condition->code, situation);
    return condition_run(condition, 0, condition->n_code, situation);
}

bool condition_holds(const Condition *condition, const Situation *situation) {
    return !condition || is_true(condition_value(condition, situation));
}

bool condition_is_time_dependent(const Condition *condition) {
    return condition && condition->n_atoms > 0;
}

bool condition_names_scores(const Condition *condition) {
    for (unsigned i = 0; condition && i < condition->n_code; i++)
        if (condition->code[i].op == OP_SCORE || condition->code[i].op == OP_DERIVED)
            return true;
    return false;
}

Str condition_text(const Condition *condition) {
    return condition->text;
}

uint32_t condition_derived(const Condition *condition) {
    return condition->derived;
}
