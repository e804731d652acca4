/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml's event parser drives a recursive descent, one level per collection and so at most YAML_DEPTH_MAX
 * deep. (libyaml's own document loader would do, but it drops style and end of a scalar, expands nothing and
 * limits nothing.) The children of all open collections lie on one stack; a collection that ends moves its
 * own from there into the arena.
 *
 * What cannot be part of a tree (an alias, say) is reported and reading goes on, to find the other errors;
 * the tree is then withheld, because follow-up errors about its gaps would only confuse.
 */
#include <stdio.h>
#include <yaml.h>
#include "lib/model/yaml.h"

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

enum { _YAML_E_SUCCESS, YAML_E_SYNTAX /* reported; nothing can be read after it */ };

typedef struct Builder {
    yaml_parser_t parser;
    yaml_event_t event; /* the present one */
    Arena *arena;
    Diagnostics *diagnostics;
    Str source;
    /* Character `cursor_index` of the source is at byte `cursor_offset`. */
    size_t cursor_index, cursor_offset;
    YamlNode **stack;
    size_t n_stack, n_stack_alloc;
    size_t n_nodes;
    bool withheld;
} Builder;

static bool is_char_start(char c) {
    return ((unsigned char)c & 0xC0) != 0x80;
}

static size_t count_chars(Str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += is_char_start(s.data[i]);
    return n;
}

/* The place of a byte of the source. */
static Mark mark_of_offset(Str source, size_t offset) {
    size_t line = 1, line_start = 0;
    for (size_t i = 0; i < offset; i++)
        if (source.data[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    size_t column = count_chars((Str){source.data + line_start, offset - line_start}) + 1;
    return (Mark){(unsigned)line, (unsigned)column, 1};
}

/* libyaml counts from 0. YAML_BYTES_MAX makes the numbers fit. */
static Mark mark_of_range(const yaml_mark_t *start, const yaml_mark_t *end) {
    unsigned length = end->index > start->index ? (unsigned)(end->index - start->index) : 1;
    return (Mark){(unsigned)start->line + 1, (unsigned)start->column + 1, length};
}

/* The first byte of the source's character at a place that libyaml gave; NUL at the end. */
static char source_char(Builder *b, const yaml_mark_t *mark) {
    /* Events come in file order, so that this walks the source once; an error may point back. */
    if (mark->index < b->cursor_index)
        b->cursor_index = b->cursor_offset = 0;
    while (b->cursor_index < mark->index && b->cursor_offset < b->source.len) {
        do
            b->cursor_offset++;
        while (b->cursor_offset < b->source.len && !is_char_start(b->source.data[b->cursor_offset]));
        b->cursor_index++;
    }
    return b->cursor_offset < b->source.len ? b->source.data[b->cursor_offset] : '\0';
}

/* What libyaml says, and how it is said to people who write a model. NULL: as it is. */
typedef struct Wording {
    const char *theirs, *ours;
} Wording;

#define QUOTE_IT "a text with quotes, commas or brackets in it stands in single quotes: '…'"

static const Wording problems[] = {
        {"did not find expected ',' or '}'", "\",\" or \"}\" expected; " QUOTE_IT},
        {"did not find expected ',' or ']'", "\",\" or \"]\" expected; " QUOTE_IT},
        {"did not find expected '-' indicator",
                "the next \"-\" of the list expected, as far in as the others"},
        {"did not find expected key", "a key expected, as far in as the others; " QUOTE_IT},
        {"could not find expected ':'", "\":\" expected"},
        {"mapping values are not allowed in this context",
                "a \":\" cannot stand here; a text that has one is quoted, and keys side by side begin "
                "as far in"},
        {"found unknown escape character",
                "an unknown escape; within single quotes \"\\\" stands for itself"},
        {"found unexpected end of stream", "the file ends here, and the closing quote is missing"},
};

static const Wording contexts[] = {
        {"while parsing a flow mapping", "within { }"},
        {"while parsing a flow sequence", "within [ ]"},
        {"while parsing a block mapping", "within the mapping"},
        {"while parsing a block collection", "within the list"},
        {"while scanning a simple key", "after the key"},
        {"while scanning a quoted scalar", "of the text"},
        {"while parsing a quoted scalar", "of the text"},
};

static const char *reword(const Wording *wordings, size_t n, const char *theirs) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(wordings[i].theirs, theirs) == 0)
            return wordings[i].ours;
    return theirs;
}

static void add_parser_error(Builder *b) {
    yaml_parser_t *parser = &b->parser;
    const char *problem = parser->problem ? parser->problem : "not valid YAML";

    if (parser->error == YAML_READER_ERROR) {
        size_t offset = MIN(parser->problem_offset, b->source.len);
        diagnostics_add(b->diagnostics, DIAGNOSTIC_ERROR, mark_of_offset(b->source, offset), "%s", problem);
        return;
    }
    const char *context = parser->context ? reword(contexts, ARRAY_SIZE(contexts), parser->context) : NULL;
    Mark mark = mark_of_range(&parser->problem_mark, &parser->problem_mark);
    char c = source_char(b, &parser->problem_mark);
    problem = reword(problems, ARRAY_SIZE(problems), problem);
    if (c == '\t')
        diagnostics_add(
                b->diagnostics, DIAGNOSTIC_ERROR, mark, "a tab cannot stand here; indent with spaces");
    else if (strstr(problem, "cannot start any token") && c > ' ')
        diagnostics_add(
                b->diagnostics, DIAGNOSTIC_ERROR, mark, "a text that starts with \"%c\" must be quoted", c);
    else if (!parser->context)
        diagnostics_add(b->diagnostics, DIAGNOSTIC_ERROR, mark, "%s", problem);
    else if (parser->context_mark.line == parser->problem_mark.line)
        diagnostics_add(b->diagnostics, DIAGNOSTIC_ERROR, mark, "%s (%s)", problem, context);
    else
        diagnostics_add(b->diagnostics, DIAGNOSTIC_ERROR, mark, "%s (%s from line %zu)", problem, context,
                parser->context_mark.line + 1);
}

static int next_event(Builder *b) {
    yaml_event_delete(&b->event);
    if (yaml_parser_parse(&b->parser, &b->event))
        return 0;
    if (b->parser.error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    add_parser_error(b);
    return YAML_E_SYNTAX;
}

static Mark event_mark(const Builder *b) {
    return mark_of_range(&b->event.start_mark, &b->event.end_mark);
}

static void withhold(Builder *b, Mark mark, const char *text) {
    diagnostics_add(b->diagnostics, DIAGNOSTIC_ERROR, mark, "%s", text);
    b->withheld = true;
}

/* Anchors and tags stand in front of the node and are where its event starts. */
static void check_properties(Builder *b, const yaml_char_t *anchor, const yaml_char_t *tag) {
    Mark mark = mark_of_range(&b->event.start_mark, &b->event.start_mark);
    if (anchor)
        withhold(b, mark, "anchors are not supported; write the value out");
    /* libyaml swallows the tag `!` of a scalar. */
    if (tag || (b->event.type == YAML_SCALAR_EVENT && source_char(b, &b->event.start_mark) == '!'))
        withhold(b, mark, "tags are not supported; types follow from the key");
}

static int node_new(Builder *b, YamlType type, YamlNode **ret) {
    if (b->n_nodes >= YAML_NODES_MAX) {
        diagnostics_add(
                b->diagnostics, DIAGNOSTIC_ERROR, event_mark(b), "more than %d values", YAML_NODES_MAX);
        return YAML_E_SYNTAX;
    }
    YamlNode *node = arena_new_array(b->arena, YamlNode, 1);
    if (!node)
        return -ENOMEM;
    b->n_nodes++;
    node->type = type;
    node->mark = event_mark(b);
    *ret = node;
    return 0;
}

/* The present event is a scalar; see `text_exact` in the header. */
static int build_scalar(Builder *b, YamlNode **ret) {
    const yaml_event_t *event = &b->event;
    Str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    check_properties(b, event->data.scalar.anchor, event->data.scalar.tag);

    YamlNode *node;
    int r = node_new(b, YAML_SCALAR, &node);
    if (r)
        return r;
    node->text = arena_str(b->arena, text);
    if (!node->text.data)
        return -ENOMEM;
    if (memchr(node->text.data, '\0', text.len))
        withhold(b, node->mark, "a text cannot hold the character \"\\0\"");

    yaml_scalar_style_t style = event->data.scalar.style;
    bool in_quotes = style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    node->quoted = style != YAML_PLAIN_SCALAR_STYLE;
    node->text_column = node->mark.column + in_quotes;
    /* An escape is always longer in the file than what it stands for. */
    node->text_exact =
            (in_quotes || !node->quoted) && event->start_mark.line == event->end_mark.line &&
            event->end_mark.column - event->start_mark.column == count_chars(text) + (in_quotes ? 2 : 0);
    *ret = node;
    return 0;
}

/* Order by text, then by place: the keys are slots of one mapping's part of the stack. */
static int compare_key_slots(const void *a, const void *b) {
    YamlNode **slot_a = *(YamlNode * *const *)a, **slot_b = *(YamlNode * *const *)b;
    int c = str_compare((*slot_a)->text, (*slot_b)->text);
    return c ? c : (slot_a > slot_b) - (slot_a < slot_b);
}

/* Reports keys that occur again and sets their slots to NULL. `pairs` holds key, value, key, value, … */
static int drop_duplicates(Builder *b, YamlNode **pairs, size_t n_pairs) {
    if (n_pairs < 2)
        return 0;
    _cleanup_(free_null) YamlNode ***slots = reallocarray(NULL, n_pairs, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    for (size_t i = 0; i < n_pairs; i++)
        slots[i] = &pairs[2 * i];
    qsort(slots, n_pairs, sizeof(*slots), compare_key_slots);

    const YamlNode *first = *slots[0];
    for (size_t i = 1; i < n_pairs; i++) {
        const YamlNode *key = *slots[i];
        /* Where the tree is withheld, an empty text may stand for a key that has been reported already. */
        if (!str_eq(key->text, first->text) || (key->text.len == 0 && b->withheld)) {
            first = key;
            continue;
        }
        diagnostics_add(b->diagnostics, DIAGNOSTIC_ERROR, key->mark,
                "duplicate key \"%.*s\"; the first is in line %u", STR_FMT(key->text), first->mark.line);
        *slots[i] = NULL;
    }
    return 0;
}

static int end_mapping(Builder *b, YamlNode *node, YamlNode **pairs, size_t n_pairs) {
    int r = drop_duplicates(b, pairs, n_pairs);
    if (r)
        return r;
    node->keys = arena_new_array(b->arena, YamlNode *, n_pairs);
    node->items = arena_new_array(b->arena, YamlNode *, n_pairs);
    if (!node->keys || !node->items)
        return -ENOMEM;
    for (size_t i = 0; i < n_pairs; i++) {
        if (!pairs[2 * i])
            continue;
        node->keys[node->n_items] = pairs[2 * i];
        node->items[node->n_items++] = pairs[2 * i + 1];
    }
    return 0;
}

static int end_sequence(Builder *b, YamlNode *node, YamlNode **items, size_t n_items) {
    node->items = arena_new_array(b->arena, YamlNode *, n_items);
    if (!node->items)
        return -ENOMEM;
    if (n_items)
        memcpy(node->items, items, n_items * sizeof(*items));
    node->n_items = n_items;
    return 0;
}

/* A key that is no text is replaced by an empty one, so that all keys can be compared. */
static int check_key(Builder *b, YamlNode **key) {
    if ((*key)->type == YAML_SCALAR && ((*key)->text.len || (*key)->quoted))
        return 0;
    withhold(b, (*key)->mark,
            (*key)->type == YAML_SCALAR ? "a key is missing here" : "a key must be a plain text");
    if ((*key)->type == YAML_SCALAR)
        return 0;
    YamlNode *empty;
    int r = node_new(b, YAML_SCALAR, &empty);
    if (r)
        return r;
    empty->mark = (*key)->mark;
    empty->text = STR_LITERAL("");
    *key = empty;
    return 0;
}

static int build_node(Builder *b, unsigned depth, YamlNode **ret);

/* The present event starts a collection; afterwards it is the one that ends it. */
static int build_collection(Builder *b, unsigned depth, YamlType type, YamlNode **ret) {
    if (depth > YAML_DEPTH_MAX) {
        diagnostics_add(b->diagnostics, DIAGNOSTIC_ERROR, event_mark(b), "nested more than %d levels deep",
                YAML_DEPTH_MAX);
        return YAML_E_SYNTAX;
    }
    YamlNode *node;
    int r = node_new(b, type, &node);
    if (r)
        return r;

    yaml_event_type_t end = type == YAML_MAPPING ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    size_t base = b->n_stack;
    for (;;) {
        r = next_event(b);
        if (r)
            return r;
        if (b->event.type == end)
            break;
        YamlNode *child;
        r = build_node(b, depth, &child);
        if (!r && type == YAML_MAPPING && (b->n_stack - base) % 2 == 0)
            r = check_key(b, &child);
        if (!r)
            r = array_reserve(&b->stack, &b->n_stack_alloc, b->n_stack, sizeof(*b->stack));
        if (r)
            return r;
        b->stack[b->n_stack++] = child;
    }

    size_t n = b->n_stack - base;
    YamlNode **children = n ? b->stack + base : NULL;
    r = type == YAML_MAPPING ? end_mapping(b, node, children, n / 2) : end_sequence(b, node, children, n);
    b->n_stack = base;
    *ret = node;
    return r;
}

/* An alias becomes an empty scalar; the tree is withheld anyway. */
static int build_alias(Builder *b, YamlNode **ret) {
    withhold(b, event_mark(b), "aliases are not supported; write the value out");
    int r = node_new(b, YAML_SCALAR, ret);
    if (r)
        return r;
    (*ret)->text = STR_LITERAL("");
    (*ret)->quoted = true;
    return 0;
}

/* The present event starts the node, which is inside `depth` collections. */
static int build_node(Builder *b, unsigned depth, YamlNode **ret) {
    switch (b->event.type) {
    case YAML_SCALAR_EVENT:
        return build_scalar(b, ret);
    case YAML_SEQUENCE_START_EVENT:
        check_properties(b, b->event.data.sequence_start.anchor, b->event.data.sequence_start.tag);
        return build_collection(b, depth + 1, YAML_SEQUENCE, ret);
    case YAML_MAPPING_START_EVENT:
        check_properties(b, b->event.data.mapping_start.anchor, b->event.data.mapping_start.tag);
        return build_collection(b, depth + 1, YAML_MAPPING, ret);
    case YAML_ALIAS_EVENT:
        return build_alias(b, ret);
    default:
        /* libyaml's grammar has nothing else where a node stands. */
        withhold(b, event_mark(b), "a value expected");
        return YAML_E_SYNTAX;
    }
}

/* From the stream's start to its end. */
static int build_stream(Builder *b, YamlNode **ret) {
    int r = next_event(b); /* the stream's start */
    if (!r)
        r = next_event(b);
    if (r)
        return r;

    YamlNode *root = NULL;
    if (b->event.type == YAML_DOCUMENT_START_EVENT) {
        if (b->event.data.document_start.tag_directives.start !=
                b->event.data.document_start.tag_directives.end)
            withhold(b, mark_of_range(&b->event.start_mark, &b->event.start_mark), "tags are not supported");
        r = next_event(b);
        if (!r)
            r = build_node(b, 0, &root);
        if (!r)
            r = next_event(b); /* the document's end */
        if (!r)
            r = next_event(b);
        if (r)
            return r;
        if (b->event.type != YAML_STREAM_END_EVENT)
            withhold(b, mark_of_range(&b->event.start_mark, &b->event.start_mark),
                    "a second document; only one is expected");
    }
    if (!root || (yaml_is_null(root) && root->text.len == 0))
        withhold(b, (Mark){1, 1, 1}, "the file is empty");
    *ret = b->withheld ? NULL : root;
    return 0;
}

/*
 * YAML ends a line at characters at which no editor does, and folds them into spaces within a text. Lines
 * would be counted differently, so they are refused.
 */
static bool check_line_breaks(Str source, Diagnostics *diagnostics) {
    static const char *const breaks[] = {"\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"};
    for (size_t i = 0; i < source.len; i++) {
        Str rest = {source.data + i, source.len - i};
        bool found = rest.data[0] == '\r' && !str_starts_with(rest, "\r\n");
        for (size_t k = 0; k < ARRAY_SIZE(breaks); k++)
            found |= rest.data[0] == breaks[k][0] && str_starts_with(rest, breaks[k]);
        if (found) {
            diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, mark_of_offset(source, i),
                    "a line break other than LF or CR LF");
            return false;
        }
    }
    return true;
}

int yaml_parse(Arena *arena, Str source, Diagnostics *diagnostics, YamlNode **ret_root) {
    *ret_root = NULL;
    if (source.len > YAML_BYTES_MAX) {
        diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, (Mark){1, 1, 1}, "more than %d bytes", YAML_BYTES_MAX);
        return 0;
    }
    if (str_starts_with(source, BYTE_ORDER_MARK))
        source = (Str){source.data + 3, source.len - 3};
    if (!check_line_breaks(source, diagnostics))
        return 0;

    Builder builder = {.arena = arena, .diagnostics = diagnostics, .source = source};
    if (!yaml_parser_initialize(&builder.parser))
        return -ENOMEM;
    const char *bytes = source.data ? source.data : "";
    yaml_parser_set_input_string(&builder.parser, (const unsigned char *)bytes, source.len);
    /* Or it would guess, and take UTF-16. */
    yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);

    int r = build_stream(&builder, ret_root);

    yaml_event_delete(&builder.event);
    yaml_parser_delete(&builder.parser);
    free(builder.stack);
    return r < 0 ? r : 0;
}
