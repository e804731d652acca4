#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An Event Feed
 *
 * Where a command that runs events once, from the first to the last, gets them from: a file of JSON lines,
 * for one.
 */
#include "daemon/io/file_source.h"

enum {
    _EVENT_FEED_E_SUCCESS,
    EVENT_FEED_E_END,
    EVENT_FEED_E_BAD, /* no event; see `reason`, `text` and `place` */
};

/* What it borrows is valid until the next one is asked for. */
typedef struct FedEvent {
    LeadEvent event;
    uint64_t place; /* in its source: a line, an offset */
    const char *reason, *text;
} FedEvent;

typedef struct EventFeed {
    /* 0, an outcome above, or a negative errno. *ret is set on 0 and EVENT_FEED_E_BAD. */
    int (*next)(void *userdata, FedEvent *ret);
    void *userdata;
} EventFeed;

/* The source outlives the feed. */
EventFeed event_feed_of_file(FileSource *source);
