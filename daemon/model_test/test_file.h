#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model Tests
 *
 * A file in which an analyst says what a model is to do: named cases, each a story of events and of what is
 * expected at instants between them. README, "Testing a model", has the format. Read completely and checked
 * against the model before anything runs; immutable afterwards.
 */
#include "lib/model/model.h"

/* Limits on what a file may hold. YAML_NODES_MAX bounds the whole; these bound what one line can ask for. */
#define TEST_CASES_MAX 10000
#define TEST_STEPS_MAX 10000
#define TEST_PROFILES_MAX 1000
#define TEST_TIMES_MAX 1000 /* repetitions of an event */
#define TEST_ITEMS_MAX 1000 /* of a list or mapping of expectations */
#define TEST_NAME_LEN_MAX 200

/* When a case starts if the file does not say: Monday, 2026-01-05T09:00:00Z. */
#define TEST_START_MS INT64_C(1767603600000)
/* By how much a score may miss if the file does not say. */
#define TEST_TOLERANCE 0.01
/* Whose events these are if they do not say. */
#define TEST_LEAD "lead"

/* What is expected of one fact (facts.h). */
typedef enum ExpectedType {
    EXPECTED_NULL,
    EXPECTED_TEXT,
    EXPECTED_BOOLEAN,
    EXPECTED_RANGE,   /* a number from min to max */
    EXPECTED_PRESENT, /* there is such a fact */
    EXPECTED_ABSENT,
} ExpectedType;

typedef struct ExpectedFact {
    Mark mark;
    Str path;  /* of facts.h */
    Str shown; /* the path as the file has it: "scores.total" */
    ExpectedType type;
    Str text;
    bool boolean;
    double min, max;
    Str wanted; /* as the file says it */
} ExpectedFact;

/* What is expected of what a policy has told in the case so far. */
typedef struct ExpectedVerdict {
    SlaKind kind;
    Str level; /* null: any */
} ExpectedVerdict;

typedef struct ExpectedSla {
    Mark mark;
    unsigned policy;
    bool latest_only; /* one verdict, and it is the latest; else all of them in order */
    ExpectedVerdict *verdicts;
    size_t n_verdicts;
} ExpectedSla;

/* An output that is expected since the expectation before. */
typedef enum ExpectedOutputType {
    EXPECTED_MOVED,   /* by the transition `name` */
    EXPECTED_ENTERED, /* the stage `name` of `track`, however */
    EXPECTED_REFUSED, /* the transition `name` */
    EXPECTED_SLA,     /* `verdict` of the policy `name` */
    EXPECTED_RETIRED, /* with the cause `name` */
} ExpectedOutputType;

typedef struct ExpectedOutput {
    Mark mark;
    ExpectedOutputType type;
    Str track; /* for EXPECTED_ENTERED */
    Str name;
    ExpectedVerdict verdict;
    int64_t at_ms; /* TIME_NONE: whenever */
    Str wanted;
} ExpectedOutput;

typedef struct Expectation {
    Mark mark;
    bool is_account;
    Str id;
    ExpectedFact *facts;
    size_t n_facts;
    ExpectedSla *slas;
    size_t n_slas;
    bool has_outputs, only; /* only: these and nothing else; else these, in this order, among others */
    Mark outputs_mark;
    ExpectedOutput *outputs;
    size_t n_outputs;
} Expectation;

typedef struct TestStep {
    Mark mark;
    LeadEvent *events;
    size_t n_events;
    Expectation *expectations;
    size_t n_expectations;
    int64_t now_ms; /* of the expectations */
} TestStep;

typedef struct TestCase {
    Str name;
    Mark mark;
    int64_t start_ms;
    TestStep *steps;
    size_t n_steps;
} TestCase;

typedef struct TestFile {
    Arena *arena;
    Model *model;     /* owned */
    char *model_path; /* owned */
    TestCase *cases;
    size_t n_cases;
} TestFile;

enum {
    _TEST_FILE_E_SUCCESS,
    TEST_FILE_E_MODEL, /* the model did not load */
};

/* Loads the model at the path; what is wrong with it is reported there. 0 or not. */
typedef struct TestModelLoader {
    int (*load)(void *userdata, const char *path, Model **ret);
    void *userdata;
} TestModelLoader;

/*
 * Reads a file's bytes. `path` is the file's, from which the model's is relative; `model_path` takes the
 * place of the one that the file names, unless it is NULL. All errors go to `diagnostics`; *ret is set only
 * if there is none. 0, TEST_FILE_E_MODEL or a negative errno.
 */
MUST_CHECK int test_file_load(Str source, const char *path, const char *model_path, TestModelLoader loader,
        Diagnostics *diagnostics, TestFile **ret);
TestFile *test_file_free(TestFile *file);
DEFINE_CLEANUP(TestFile *, test_file_free)
