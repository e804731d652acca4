#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a Model File
 *
 * What the parts of model_load() share; private to model_yaml*.c. Each part reads one kind of thing and goes
 * on after an error, so that all errors of a file come out in one go. What was wrong is left out or replaced
 * by something harmless (an id by "", a reference by 0): a model with errors is never handed out, but later
 * parts still read it.
 *
 * Functions that return int return 0, -ENOMEM or what the model's files returned; what is wrong with the file
 * goes to the diagnostics.
 */
#include <stddef.h>

#include "lib/model/model.h"

/* Text of the file in a message: as much as helps to find it. Stays within one character of UTF-8. */
Str loader_shown(Str text);
#define SHOWN(node) STR_FMT(loader_shown((node)->text))

/* Ids that must differ from each other, with the places where they are given. */
typedef struct TakenId {
    const YamlNode *node;
    const char *kind; /* "score" */
} TakenId;

typedef struct TakenIds {
    TakenId *ids;
    size_t n, n_max;
} TakenIds;

typedef struct ModelLoader {
    Model *model;
    Arena *arena; /* the model's; the YAML tree is in it too, and the model's strings are the tree's */
    const ModelFiles *files; /* NULL: none to be had */
    Diagnostics *diagnostics;
    const YamlNode *root;
    /* Sections that are read in two steps; NULL if absent. */
    const YamlNode *segments, *routes, *scores, *derived, *counters, *policies;
    /* Params, scores, derived scores and tracks: conditions name them all alike. */
    TakenIds names;
    /* Params again, account scores and account tracks: what conditions on accounts name. */
    TakenIds account_names;
    TakenIds rule_ids;
    /* Where each score is fed first; NULL: not by that kind of rule. */
    const YamlNode *fed_by_profile_rules[MODEL_SCORES_MAX];
    const YamlNode *fed_by_rules[MODEL_SCORES_MAX];
} ModelLoader;

/* An array in the model's arena; 0 or -ENOMEM. Nothing is allocated for n = 0. */
#define LOADER_ALLOC(l, array, n)                                                                            \
    ((n) == 0 || ((array) = arena_new_array((l)->arena, __typeof__(*(array)), (n))) ? 0 : -ENOMEM)

void loader_error(ModelLoader *l, const YamlNode *node, const char *format, ...) PRINTF_LIKE(3, 4);
void loader_warning(ModelLoader *l, const YamlNode *node, const char *format, ...) PRINTF_LIKE(3, 4);

/* The keys that a mapping can have. */
typedef struct KeySet {
    const char *const *keys;
    size_t n;
} KeySet;

#define KEY_SET(array) ((KeySet){(array), ARRAY_SIZE(array)})

/* Is `node` a mapping? Reports that, and its unknown keys. */
MUST_CHECK bool loader_check_mapping(ModelLoader *l, const YamlNode *node, const char *what, KeySet keys);
/* Is `node` of the type, and not null? Else the error says `key`, what was expected, and what it is. */
MUST_CHECK bool loader_check_type(
        ModelLoader *l, const YamlNode *node, YamlType type, const char *key, const char *expected);
/* The value under `key`, or NULL; also for a node that is no mapping (that has been reported). */
const YamlNode *loader_get(const YamlNode *node, const char *key);
/* The same; if it is absent, an error says so and what was expected. `kind` names the thing: "rule". */
const YamlNode *loader_require(
        ModelLoader *l, const YamlNode *node, const char *kind, const char *key, const char *expected);

/* A list or a mapping of things under a key. */
typedef struct Collection {
    const char *key;
    YamlType type;
    const char *expected; /* "a list of rules" */
    size_t min, max;      /* how many */
} Collection;

/*
 * The list or mapping under the key; NULL if it is absent or an error. *ret_n is how many of its items are to
 * be read: none for NULL, at most `max`.
 */
const YamlNode *loader_collection(
        ModelLoader *l, const YamlNode *parent, const Collection *collection, size_t *ret_n);

/* Room for at most n_max ids. */
MUST_CHECK int taken_ids_init(ModelLoader *l, TakenIds *taken, size_t n_max);
/* The id of an item of a list, under "id". */
Str loader_id(ModelLoader *l, const YamlNode *item, const char *kind, TakenIds *taken);
/* A key that conditions use as a name, among those of leads (l->names) or of accounts (l->account_names). */
Str loader_name(ModelLoader *l, const YamlNode *key, const char *kind, TakenIds *taken);
/* A key that is an id; a mapping's keys differ from each other already. */
Str loader_key_id(ModelLoader *l, const YamlNode *key, const char *kind);

/* The ids of an array of things that begin with their id, as all of model.h's do. */
typedef struct IdList {
    const void *first;
    size_t stride, n;
} IdList;
#define ID_LIST(array, n_array)                                                                              \
    ({                                                                                                       \
        static_assert(offsetof(__typeof__(*(array)), id) == 0, "the id comes first");                        \
        (IdList){(array), sizeof(*(array)), (n_array)};                                                      \
    })

/* Bytes of a scalar as a scalar of their own, so that an error points at them alone. */
YamlNode loader_part(const YamlNode *node, size_t offset, size_t len);
/* The index of the thing that the scalar names. False: an error has been added, *ret is untouched. */
MUST_CHECK bool loader_find(
        ModelLoader *l, const YamlNode *node, const char *kind, IdList ids, unsigned *ret);
/* Reports each item of a list of scalars that is there already. Items from n on are not looked at. */
void loader_check_repeats(ModelLoader *l, const YamlNode *list, size_t n, const char *key);

/* The event types under `key` ("on"); all of them if it is absent. *ret_present says whether it is there. */
MUST_CHECK int loader_event_types(ModelLoader *l, const YamlNode *item, const char *key, EventTypes *ret, bool *ret_present);
/* A score's decay; what is wrong with it leaves *ret as it is. */
void loader_decay(ModelLoader *l, const YamlNode *node, Decay *ret);
/* Points by score under "add"; each score remembers in `fed` where it is fed first. */
MUST_CHECK int loader_awards(ModelLoader *l, const YamlNode *item, const char *kind, ConditionPlace place, const YamlNode **fed,
        Award **ret, size_t *ret_n);
/* Where tracks are: under "tracks" of the file, or of its accounts. */
typedef struct TrackPlace {
    const YamlNode *parent;
    TakenIds *names;
    bool is_account;
    Track **tracks;
    size_t *n_tracks;
} TrackPlace;
MUST_CHECK int loader_declare_tracks_of(ModelLoader *l, const TrackPlace *place);
MUST_CHECK int loader_read_tracks_of(ModelLoader *l, const TrackPlace *place);
/* Compiles the condition under `key`; NULL if it is absent or an error. */
MUST_CHECK int loader_condition(
        ModelLoader *l, const YamlNode *item, const char *key, ConditionPlace place, Condition **ret);

/* The steps of model_load(), in their order; model_yaml.c says why it is this one. */
MUST_CHECK int loader_declare_params(ModelLoader *l);
MUST_CHECK int loader_declare_segments(ModelLoader *l);
MUST_CHECK int loader_declare_routes(ModelLoader *l);
MUST_CHECK int loader_declare_scores(ModelLoader *l);
MUST_CHECK int loader_declare_derived(ModelLoader *l);
MUST_CHECK int loader_declare_counters(ModelLoader *l);
MUST_CHECK int loader_declare_tracks(ModelLoader *l);
MUST_CHECK int loader_declare_calendars(ModelLoader *l);
MUST_CHECK int loader_declare_policies(ModelLoader *l);
MUST_CHECK int loader_declare_accounts(ModelLoader *l);
MUST_CHECK int loader_read_derived(ModelLoader *l);
MUST_CHECK int loader_read_segments(ModelLoader *l);
MUST_CHECK int loader_read_routes(ModelLoader *l);
MUST_CHECK int loader_read_ignore(ModelLoader *l);
MUST_CHECK int loader_read_profile_rules(ModelLoader *l);
MUST_CHECK int loader_read_rules(ModelLoader *l);
MUST_CHECK int loader_read_idle_rules(ModelLoader *l);
MUST_CHECK int loader_read_counters(ModelLoader *l);
MUST_CHECK int loader_check_feeding(ModelLoader *l);
MUST_CHECK int loader_read_tracks(ModelLoader *l);
MUST_CHECK int loader_read_policies(ModelLoader *l);
MUST_CHECK int loader_read_accounts(ModelLoader *l);
MUST_CHECK int loader_read_carry(ModelLoader *l);
