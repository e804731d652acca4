#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the benchmark's programs: --name value, all with defaults or needed. */
#include "lib/base/util.h"

typedef struct Option {
    const char *name; /* without the dashes */
    const char **text; /* one of these is where it goes */
    double *number;
    bool *flag; /* takes no value */
} Option;

/* Reads all arguments; exits with 2 and a list of what there is if one is wrong, or a text that is NULL was not given. */
void options_read(int argc, char **argv, const Option *options, size_t n);
/* Ends the program with a message. */
_Noreturn void fail(const char *format, ...) PRINTF_LIKE(1, 2);
