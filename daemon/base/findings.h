#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings
 *
 * What a check has found, right or wrong, in the words of people, and what to do.
 */
#include <stdio.h>

#include "daemon/io/json/json_writer.h"
#include "lib/base/util.h"

typedef enum FindingSeverity {
    FINDING_OK,      /* looked at, and right */
    FINDING_NOTE,    /* worth knowing */
    FINDING_WARNING, /* works, but not as it should */
    FINDING_ERROR,   /* does not work */
    _FINDING_SEVERITY_MAX,
} FindingSeverity;

typedef struct Finding {
    FindingSeverity severity;
    char *subject, *text; /* what was looked at, and what was found */
    char *expected; /* NULL: the text says it */
    char *remedy; /* NULL: nothing is to be done */
    int32_t shard; /* that it is about; -1: none */
} Finding;

typedef struct Findings {
    Finding *items;
    size_t n, n_alloc;
    size_t counts[_FINDING_SEVERITY_MAX];
    bool out_of_memory; /* some are missing */
} Findings;

#define FINDINGS_INIT ((Findings){0})
void findings_deinit(Findings *findings);

void findings_add(Findings *findings, FindingSeverity severity, const char *subject, const char *format, ...) PRINTF_LIKE(4, 5);
/* What should have been found instead, of the one that was added last. */
void findings_expected(Findings *findings, const char *format, ...) PRINTF_LIKE(2, 3);
/* What to do about the one that was added last. */
void findings_remedy(Findings *findings, const char *format, ...) PRINTF_LIKE(2, 3);
/* Which shard the one that was added last is about. */
void findings_shard(Findings *findings, int32_t shard);

void findings_print(const Findings *findings, FILE *file);
/* An array of objects, within something or, with a line's end, by itself. */
void findings_write_array(const Findings *findings, Str name, JsonWriter *writer);
void findings_write(const Findings *findings, JsonWriter *writer);
