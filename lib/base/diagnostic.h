#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics
 *
 * What is wrong in a file that people write (the model, scored.yaml): collected while the file is read to
 * its end, so that all errors are reported in one go, each with place, offending text, what was expected
 * and the nearest known name.
 */
#include "lib/base/util.h"

/* More would not be read by anybody; the rest is counted. */
#define DIAGNOSTICS_MAX 100

typedef enum DiagnosticLevel { DIAGNOSTIC_ERROR, DIAGNOSTIC_WARNING } DiagnosticLevel;

/* A place in the file. Lines and columns count from 1; a column counts characters, not bytes. */
typedef struct Mark {
    unsigned line, column;
    unsigned length; /* of the offending text in characters; 0: the line is not to be shown */
} Mark;

typedef struct Diagnostic {
    DiagnosticLevel level;
    Mark mark;
    char *message; /* owned */
} Diagnostic;

typedef struct Diagnostics {
    Diagnostic *items; /* sorted by place after diagnostics_sort() */
    size_t n_items, n_alloc;
    size_t n_errors, n_warnings; /* counts those left out too */
} Diagnostics;

#define DIAGNOSTICS_INIT ((Diagnostics){0})
void diagnostics_done(Diagnostics *diagnostics);

/* Adds one; out of memory is counted as an error all the same, so that a load can never succeed by it. */
void diagnostics_add(Diagnostics *diagnostics, DiagnosticLevel level, Mark mark, const char *format, ...)
        PRINTF_LIKE(4, 5);
/* By line, then column; stable. */
void diagnostics_sort(Diagnostics *diagnostics);
/*
 * Renders all as
 *     model.yaml:12:7: error: unknown key "treshold"; did you mean "threshold"?
 *         treshold: 5
 *         ^~~~~~~~
 * into a heap string, which the caller frees; NULL when out of memory. `source` is the file's bytes.
 */
char *diagnostics_render(const Diagnostics *diagnostics, const char *file_name, Str source);

/*
 * The candidate nearest to `name` by edit distance (transpositions count one), or NULL if none is near
 * enough to be a likely slip: at most a third of the longer length, and at most 3.
 */
const char *diagnostic_nearest(Str name, const char *const *candidates, size_t n_candidates);
