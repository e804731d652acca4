#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Errors and Warnings Mean
 *
 * One row for each event that is logged as an error or a warning: its id, which never changes, what it means, where it comes from
 * and what to do. From it come the journal's catalogue (`scored log --catalog`) and `scored log EVENT`.
 */
#include "lib/base/util.h"

typedef struct LogMeaning {
    const char *event;
    const char *id; /* 128 bits in hexadecimal: the journal's MESSAGE_ID */
    /* It will not pass by itself: somebody is to be called. Else it is to be looked at if it goes on. */
    bool needs_operator;
    const char *title, *cause, *remedy;
} LogMeaning;

extern const LogMeaning log_catalogue[];
extern const size_t log_catalogue_n;

/* NULL: there is none. */
const LogMeaning *log_catalogue_find(const char *event);
