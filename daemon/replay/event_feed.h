#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An Event Feed
 *
 * Where a command that runs events once, from the first to the last, gets them from: a file of JSON lines, or what topics hold.
 */
#include <signal.h>

#include "daemon/io/file/file_source.h"
#include "daemon/io/kafka/kafka_history.h"
#include "daemon/io/registry/registry.h"

enum {
    _EVENT_FEED_E_SUCCESS,
    EVENT_FEED_E_END,
    EVENT_FEED_E_BAD,     /* no event; see `reason` and `text` */
    EVENT_FEED_E_STOPPED, /* it was told to, before its end */
    EVENT_FEED_E_FAILED,  /* it cannot go on; `text` says why */
};

/* What it borrows is valid until the next one is asked for. */
typedef struct FedEvent {
    LeadEvent event;
    const char *reason, *text;
} FedEvent;

/* Where the latest event, good or bad, stands: "events.jsonl:17", "lead-events [3] offset 17". */
#define EVENT_PLACE_SIZE 512

typedef struct EventFeed {
    /* 0, an outcome above, or a negative errno. *ret is set on 0 and EVENT_FEED_E_BAD, its text on EVENT_FEED_E_FAILED. */
    int (*next)(void *userdata, FedEvent *ret);
    void (*place)(const void *userdata, char place[static EVENT_PLACE_SIZE]);
    void *userdata;
} EventFeed;

/* All is borrowed, as in the other. */
typedef struct FileFeed {
    FileSource *source;
    const char *name;
    uint64_t line; /* the latest */
} FileFeed;
/* What it is made of outlives the feed. */
EventFeed event_feed_of_file(FileFeed *file);

enum { TOPICS_FEED_E_REGISTRY = 200 }; /* beside KAFKA_E_*: the Schema Registry is away */

typedef struct TopicsFeed {
    KafkaHistory *history;
    const char *const *topics; /* the history's */
    Registry *registry;
    AvroEventDecoder *decoder;
    const volatile sig_atomic_t *stop; /* the feed ends when it is not 0 any more */
    KafkaHistoryRecord record; /* the latest */
    int outcome;               /* KAFKA_E_* or TOPICS_FEED_E_* of what EVENT_FEED_E_FAILED tells */
    char text[KAFKA_TEXT_SIZE];
} TopicsFeed;
EventFeed event_feed_of_topics(TopicsFeed *topics);
