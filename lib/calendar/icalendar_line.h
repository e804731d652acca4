#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of an iCalendar File
 *
 * Content lines `NAME;PARAMETER=VALUE:value` (RFC 5545 section 3.1), unfolded. Private to icalendar*.c.
 */
#include "lib/base/arena.h"

typedef struct IcalendarLine {
    unsigned number; /* in the file, from 1 */
    Str name;
    Str parameters; /* with the ";" before each; empty: none */
    Str value;
} IcalendarLine;

typedef struct IcalendarLines {
    Str rest;
    char *unfolded; /* room for as many bytes as the file has */
    unsigned n_lines;
} IcalendarLines;

/* Lines, and what they hold, live as long as the arena. 0 or -ENOMEM. */
MUST_CHECK int icalendar_lines_init(IcalendarLines *lines, Arena *arena, Str bytes);
/* The next line that is not empty. False: there is none, or it has no ":", then ret->value is null. */
MUST_CHECK bool icalendar_lines_next(IcalendarLines *lines, IcalendarLine *ret);

/* Names are compared in any case; `b` is in capitals. */
bool icalendar_name_is(Str name, const char *b);
/* The value of a parameter without its quotes, or null. */
Str icalendar_parameter(const IcalendarLine *line, const char *name);
