#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File Source
 *
 * Lead events from a stream of JSON lines, one by one, in the order in which they stand there.
 */
#include <stdio.h>

#include "lib/event/event.h"

typedef struct FileSource FileSource;

enum {
    _FILE_SOURCE_E_SUCCESS,
    FILE_SOURCE_E_END,      /* no further line */
    FILE_SOURCE_E_BAD_LINE, /* not an event; see `reason` and `text` */
};

/* A line. What it borrows is valid until the next one is read. */
typedef struct FileLine {
    uint64_t number;    /* counts from 1, blank lines too */
    Str original;       /* without its newline; of an over-long line the beginning */
    LeadEvent event;    /* unless it is a bad line */
    const char *reason; /* of a bad line: a code of SPEC section 8 */
    const char *text;   /* of a bad line: for people */
} FileLine;

/* `file` is borrowed and stays the caller's to close. */
MUST_CHECK int file_source_new(FILE *file, FileSource **ret);
FileSource *file_source_free(FileSource *source);
DEFINE_CLEANUP(FileSource *, file_source_free)

/*
 * The next line that is not blank. 0, an outcome above, or a negative errno: out of memory or what reading
 * failed with. *ret is set on 0 and FILE_SOURCE_E_BAD_LINE.
 */
MUST_CHECK int file_source_next(FileSource *source, FileLine *ret);
