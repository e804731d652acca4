#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading Model Tests
 *
 * What the parts of test_file_load() share; private to test_file.c and test_reader*.c. Each part goes on
 * after an error, so that all errors of a file come out in one go; what was wrong is left out.
 *
 * Functions that return int return 0 or -ENOMEM; what is wrong with the file goes to the diagnostics.
 */
#include "daemon/model_test/facts.h"
#include "daemon/model_test/test_file.h"
#include "lib/model/yaml.h"

typedef struct TestReader {
    Arena *arena;
    Diagnostics *diagnostics;
    const Model *model;
    const YamlNode *profiles;        /* NULL: none */
    Facts fresh_lead, fresh_account; /* without history: what can be expected at all */
    double tolerance;
    /* of the case at hand */
    int64_t start_ms;
    int64_t now_ms; /* the latest instant that its steps have named */
    unsigned n_events;
    /* of the expectation at hand: a lead's or an account's */
    const Facts *fresh;
    const Track *tracks;
    size_t n_tracks;
} TestReader;

#define READER_SHOWN_LEN_MAX 72
#define READER_SHOWN(node) (int)str_cut((node)->text, READER_SHOWN_LEN_MAX), (node)->text.data

/* An array in the arena; 0 or -ENOMEM. Nothing is allocated for n = 0. */
#define READER_ALLOC(reader, array, n)                                                                       \
    ((n) == 0 || ((array) = arena_new_array((reader)->arena, __typeof__(*(array)), (n))) ? 0 : -ENOMEM)

/* Is the node of the type, with at most `max` items? Else the error says what was expected. */
MUST_CHECK bool reader_check(TestReader *reader, const YamlNode *node, YamlType type, const char *what,
        const char *expected, size_t max);
/* An error about a name that is not known, with the nearest of `known`. */
void reader_unknown(
        TestReader *reader, const YamlNode *node, const char *kind, const char *const *known, size_t n_known);
/* An instant of the case. False: an error has been added. */
MUST_CHECK bool reader_instant(TestReader *reader, const YamlNode *node, const char *what, int64_t *ret_ms);
/* A name of 1 to `max` bytes. False: an error has been added. */
MUST_CHECK bool reader_name(TestReader *reader, const YamlNode *node, const char *what, size_t max, Str *ret);
/* The index of the policy; false: an error has been added. */
MUST_CHECK bool reader_policy(TestReader *reader, const YamlNode *node, Str name, unsigned *ret);

/* The events of a step: `profile` and `event` with what belongs to them. */
MUST_CHECK int reader_events(TestReader *reader, const YamlNode *step, int64_t at_ms, TestStep *ret);
/* One thing under `expect`. */
MUST_CHECK int reader_expectation(TestReader *reader, const YamlNode *node, Expectation *ret);
/* Room for a fact of the expectation; `node` is what the file says of it. */
ExpectedFact *reader_new_fact(const YamlNode *node, Expectation *expectation);
/* What is expected of a policy: an item of the mapping under `sla`. */
MUST_CHECK int reader_sla(
        TestReader *reader, const YamlNode *key, const YamlNode *node, Expectation *expectation);
/* What is expected of outputs, under `told` or `only`. */
MUST_CHECK int reader_outputs(TestReader *reader, const YamlNode *list, const char *key, Expectation *ret);
/* "breached" or "warning 50%". False: an error has been added. */
MUST_CHECK bool reader_verdict(
        TestReader *reader, const YamlNode *node, Str text, unsigned policy, ExpectedVerdict *ret);
