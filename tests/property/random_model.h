#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random Models
 *
 * Valid models that use every construct of the language with each other: spans, bounds and marks are by chance, and some
 * constructs are left out now and then. Their time zone is in here: nothing is read from the system.
 */
#include "tests/unit/engine_fixture.h"

/* As ck_assert(), but it costs nothing where it holds: check notes the place of each assertion that it passes. */
#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            ck_abort_msg("%s", #condition);                                                                  \
    } while (0)

typedef struct RandomModel {
    Model *model;
    char *text;        /* what it was made from, for a message */
    int64_t unit_ms;   /* the scale of its spans, and of the time that its events should take */
    int64_t begin_ms;  /* when they should begin */
    bool has_accounts;
} RandomModel;

typedef struct RandomModelOptions {
    bool no_accounts;
    int version;     /* 0: 3 */
    int64_t unit_ms; /* 0: by chance */
} RandomModelOptions;

/* What they refer to: the time zone, holidays. */
extern const ModelFiles random_model_files;

RandomModel random_model(uint64_t *random, RandomModelOptions options);
void random_model_done(RandomModel *m);
static inline void random_model_done_cleanup(RandomModel *m) {
    random_model_done(m);
}
