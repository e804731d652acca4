/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a footer: tables say which members its objects have, of which kind they are and where they go, and one loop reads any of them.
 * Members may come in any order, and unknown ones are passed over; of one that comes twice the last counts. What is no footer of this format
 * is read to its end all the same, for a footer of a newer one must be told from what is no JSON.
 */
#include "daemon/io/json/json_reader.h"
#include "daemon/pipeline/footer.h"

typedef enum MemberKind {
    MEMBER_INTEGER,
    MEMBER_TIME, /* or null: TIME_NONE */
    MEMBER_PARTITION,
    MEMBER_TEXT,
    MEMBER_OBJECT, /* its members go where those of the outer one do */
    MEMBER_LIST,   /* of objects */
} MemberKind;

typedef enum MemberNeed {
    MEMBER_NEEDED,
    MEMBER_MAY_LACK,   /* it came later than format 1 */
    MEMBER_MAY_BE_ANY, /* nobody goes on from it: a footer without, of an earlier program, is as good */
} MemberNeed;

typedef struct Shape Shape;
typedef struct Member {
    const char *name;
    MemberKind kind;
    MemberNeed need;
    size_t at;           /* in what it is read into */
    int64_t otherwise;   /* of what is not needed and not there */
    size_t size;         /* of a text's place, or of a list's element */
    size_t n_max, n_at;  /* of a list: how many there may be, and where it goes how many there are */
    const Shape *shape;
} Member;

struct Shape {
    const Member *members;
    size_t n;
};
#define SHAPE(members) {members, ARRAY_SIZE(members)}

#define AT(type, field) .at = offsetof(type, field)
#define TEXT(type, field) .kind = MEMBER_TEXT, .at = offsetof(type, field), .size = sizeof(((type *)0)->field)
#define LIST(field, n_field, item_shape)                                                                                                            \
    .kind = MEMBER_LIST, .at = offsetof(Footer, field), .size = sizeof(((Footer *)0)->field[0]), .n_max = ARRAY_SIZE(((Footer *)0)->field),         \
    .n_at = offsetof(Footer, n_field), .shape = &(item_shape)

/* In the order in which they are written, which is the one in which they are looked for. */
static const Member input_members[] = {
        {"topic", TEXT(FooterInput, topic)},
        {"partition", MEMBER_PARTITION, MEMBER_MAY_LACK, AT(FooterInput, partition), .otherwise = -1},
        {"offset", MEMBER_INTEGER, MEMBER_NEEDED, AT(FooterInput, offset)},
        {"newest", MEMBER_TIME, MEMBER_NEEDED, AT(FooterInput, newest_ms)},
        {"proved", MEMBER_TIME, MEMBER_MAY_BE_ANY, AT(FooterInput, proved_ms), .otherwise = TIME_NONE},
};
static const Shape input_shape = SHAPE(input_members);

static const Member routed_members[] = {
        {"topic", TEXT(FooterRouted, topic)},
        {"newest", MEMBER_TIME, MEMBER_NEEDED, AT(FooterRouted, newest_ms)},
};
static const Shape routed_shape = SHAPE(routed_members);

static const Member skeleton_members[] = {
        {"version", MEMBER_INTEGER, MEMBER_NEEDED, AT(FooterSkeleton, version)},
        {"offset", MEMBER_INTEGER, MEMBER_NEEDED, AT(FooterSkeleton, offset)},
};
static const Shape skeleton_shape = SHAPE(skeleton_members);

static const Member model_members[] = {
        {"version", MEMBER_INTEGER, MEMBER_NEEDED, AT(Footer, model_version)},
        {"hash", TEXT(Footer, model_hash)},
        {"skeletons", LIST(skeletons, n_skeletons, skeleton_shape)},
        {"walk_next", MEMBER_INTEGER, MEMBER_NEEDED, AT(Footer, walk_next)},
        {"walk_end", MEMBER_INTEGER, MEMBER_NEEDED, AT(Footer, walk_end)},
};
static const Shape model_shape = SHAPE(model_members);

static const Member counts_members[] = {
        {"events", MEMBER_INTEGER, MEMBER_NEEDED, AT(Footer, n_events)},
        {"outputs", MEMBER_INTEGER, MEMBER_NEEDED, AT(Footer, n_outputs)},
        {"records", MEMBER_INTEGER, MEMBER_NEEDED, AT(Footer, n_records)},
        {"written", MEMBER_INTEGER, MEMBER_MAY_BE_ANY, AT(Footer, n_written), .otherwise = -1},
};
static const Shape counts_shape = SHAPE(counts_members);

/* The format is read beside the footer. */
typedef struct Parsed {
    Footer footer;
    int64_t format;
} Parsed;
static_assert(offsetof(Parsed, footer) == 0, "members of the footer are where they are within it");

static const Member footer_members[] = {
        {"format", MEMBER_INTEGER, MEMBER_NEEDED, AT(Parsed, format)},
        {"lineage", TEXT(Footer, lineage)},
        {"bno", MEMBER_INTEGER, MEMBER_NEEDED, AT(Footer, bno)},
        {"shards", MEMBER_INTEGER, MEMBER_NEEDED, AT(Footer, shards)},
        {"watermark", MEMBER_TIME, MEMBER_NEEDED, AT(Footer, watermark_ms)},
        {"accounts_watermark", MEMBER_TIME, MEMBER_NEEDED, AT(Footer, accounts_watermark_ms)},
        {"begun_watermark", MEMBER_INTEGER, MEMBER_MAY_BE_ANY, AT(Footer, begun_watermark_ms), .otherwise = TIME_NONE},
        {"taken", MEMBER_INTEGER, MEMBER_MAY_BE_ANY, AT(Footer, taken_bno)},
        {"inputs", LIST(inputs, n_inputs, input_shape)},
        {"routed", LIST(routed, n_routed, routed_shape), .need = MEMBER_MAY_LACK},
        {"model", MEMBER_OBJECT, .shape = &model_shape},
        {"counts", MEMBER_OBJECT, .shape = &counts_shape},
        {"hash", TEXT(Footer, hash)},
};
static const Shape footer_shape = SHAPE(footer_members);

/* `begin`: where it stands, most likely. The number of members: it is none of them. */
static size_t find_member(const Shape *shape, size_t begin, Str name) {
    for (size_t i = 0; i < shape->n; i++) {
        size_t at = begin + i < shape->n ? begin + i : begin + i - shape->n;
        if (str_eq_c(name, shape->members[at].name))
            return at;
    }
    return shape->n;
}

static void put_integer(const Member *member, char *into, int64_t value) {
    if (member->kind == MEMBER_PARTITION)
        *(int32_t *)(void *)(into + member->at) = (int32_t)value;
    else
        *(int64_t *)(void *)(into + member->at) = value;
}

static bool put_text(const Member *member, char *into, Str value) {
    if (value.len >= member->size || memchr(value.data, '\0', value.len))
        return false;
    memcpy(into + member->at, value.data, value.len);
    into[member->at + value.len] = '\0';
    return true;
}

/* False: it is of another kind. */
static bool put_scalar(const JsonReader *json, JsonToken token, const Member *member, char *into) {
    if (member->kind == MEMBER_TEXT)
        return token == JSON_TOKEN_STRING && put_text(member, into, json->string);
    bool is_null = member->kind == MEMBER_TIME && token == JSON_TOKEN_NULL;
    if (!is_null && token != JSON_TOKEN_INTEGER)
        return false;
    if (member->kind == MEMBER_PARTITION && (json->integer < 0 || json->integer > INT32_MAX))
        return false;
    put_integer(member, into, is_null ? TIME_NONE : json->integer);
    return true;
}

static void put_defaults(const Shape *shape, char *into) {
    for (size_t i = 0; i < shape->n; i++) {
        const Member *member = &shape->members[i];
        if (member->kind == MEMBER_LIST)
            *(size_t *)(void *)(into + member->n_at) = 0;
        else if (member->need != MEMBER_NEEDED)
            put_integer(member, into, member->otherwise);
    }
}

static int read_value(JsonReader *json, JsonToken token, const Member *member, char *into, bool *ret_fits);

/* After its beginning. *ret_fits: it has what the shape says. */
static int read_object(JsonReader *json, const Shape *shape, char *into, bool *ret_fits) {
    uint32_t fits = 0, strays = 0; /* a bit for each member */
    JsonToken token;
    put_defaults(shape, into);
    for (size_t next = 0;;) {
        int r = json_reader_next(json, &token);
        if (r != 0)
            return r;
        if (token == JSON_TOKEN_OBJECT_END)
            break;
        size_t i = find_member(shape, next, json->string);
        bool is_fit = false;
        r = json_reader_next(json, &token);
        if (r == 0)
            r = i == shape->n ? json_reader_skip(json, token) : read_value(json, token, &shape->members[i], into, &is_fit);
        if (r != 0)
            return r;
        if (i == shape->n)
            continue;
        next = i + 1;
        fits = is_fit ? fits | UINT32_C(1) << i : fits & ~(UINT32_C(1) << i);
        strays = is_fit ? strays & ~(UINT32_C(1) << i) : strays | UINT32_C(1) << i;
    }
    *ret_fits = true;
    for (size_t i = 0; i < shape->n; i++) {
        const Member *member = &shape->members[i];
        bool is_fit = fits >> i & 1, is_stray = strays >> i & 1;
        if (is_stray && member->need == MEMBER_MAY_BE_ANY)
            put_integer(member, into, member->otherwise);
        if (member->need == MEMBER_NEEDED ? !is_fit : is_stray && member->need == MEMBER_MAY_LACK)
            *ret_fits = false;
    }
    return 0;
}

static int read_list(JsonReader *json, const Member *member, char *into, bool *ret_fits) {
    size_t n = 0;
    JsonToken token;
    *ret_fits = true;
    for (;;) {
        bool is_fit = false;
        int r = json_reader_next(json, &token);
        if (r != 0)
            return r;
        if (token == JSON_TOKEN_ARRAY_END)
            break;
        if (token == JSON_TOKEN_OBJECT_BEGIN && n < member->n_max)
            r = read_object(json, member->shape, into + member->at + n++ * member->size, &is_fit);
        else
            r = json_reader_skip(json, token);
        if (r != 0)
            return r;
        *ret_fits &= is_fit;
    }
    *(size_t *)(void *)(into + member->n_at) = n;
    return 0;
}

static int read_value(JsonReader *json, JsonToken token, const Member *member, char *into, bool *ret_fits) {
    if (member->kind == MEMBER_OBJECT && token == JSON_TOKEN_OBJECT_BEGIN)
        return read_object(json, member->shape, into, ret_fits);
    if (member->kind == MEMBER_LIST && token == JSON_TOKEN_ARRAY_BEGIN)
        return read_list(json, member, into, ret_fits);
    *ret_fits = member->kind != MEMBER_OBJECT && member->kind != MEMBER_LIST && put_scalar(json, token, member, into);
    return json_reader_skip(json, token);
}

static int read_footer(JsonReader *json, Parsed *parsed, bool *ret_fits) {
    JsonToken token;
    int r = json_reader_next(json, &token);
    *ret_fits = false;
    if (r == 0 && token == JSON_TOKEN_OBJECT_BEGIN)
        r = read_object(json, &footer_shape, (char *)parsed, ret_fits);
    else if (r == 0)
        r = json_reader_skip(json, token);
    if (r == 0)
        r = json_reader_next(json, &token); /* nothing may follow */
    return r;
}

size_t footer_size(const Footer *footer) {
    return offsetof(Footer, inputs) + footer->n_inputs * sizeof(footer->inputs[0]);
}

static void copy_footer(Footer *to, const Footer *from) {
    memcpy(to, from, offsetof(Footer, routed));
    memcpy(to->routed, from->routed, from->n_routed * sizeof(from->routed[0]));
    memcpy(to->inputs, from->inputs, from->n_inputs * sizeof(from->inputs[0]));
}

int footer_parse(Str text, Footer *ret) {
    JsonReader json;
    Parsed parsed;
    bool fits;
    int r = json_reader_init(&json);
    if (r < 0)
        return r;
    parsed.format = 0;
    json_reader_start(&json, text);
    r = read_footer(&json, &parsed, &fits);
    json_reader_deinit(&json);
    if (r < 0)
        return r;
    if (r == 0 && parsed.format > FOOTER_FORMAT)
        return FOOTER_E_FORMAT;
    if (r != 0 || !fits || parsed.format != FOOTER_FORMAT || parsed.footer.bno <= 0)
        return FOOTER_E_CORRUPT;
    copy_footer(ret, &parsed.footer);
    return 0;
}
