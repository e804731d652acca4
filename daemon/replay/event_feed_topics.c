/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/replay/event_feed.h"

/* How soon it is noticed that it is to stop. */
#define POLL_MS 100
/* Ends are told at once, so that nothing comes for so long only from brokers that don't answer. */
#define SILENCE_MS_MAX 30000

static int fail(TopicsFeed *topics, int outcome, FedEvent *ret) {
    topics->outcome = outcome;
    *ret = (FedEvent){.text = topics->text};
    return EVENT_FEED_E_FAILED;
}

static int next_record(TopicsFeed *topics) {
    int64_t silent_at_ms = TIME_NONE;
    for (;;) {
        int r = kafka_history_next(topics->history, POLL_MS, topics->text, &topics->record);
        if (r != KAFKA_E_TIMEOUT || *topics->stop)
            return r;
        int64_t now_ms = clock_monotonic_ms();
        if (silent_at_ms == TIME_NONE)
            silent_at_ms = now_ms;
        if (now_ms - silent_at_ms >= SILENCE_MS_MAX)
            return r;
    }
}

static int next_event(void *userdata, FedEvent *ret) {
    TopicsFeed *topics = userdata;
    const char *reason;

    int r = next_record(topics);
    if (*topics->stop)
        return EVENT_FEED_E_STOPPED;
    if (r == KAFKA_HISTORY_E_END)
        return EVENT_FEED_E_END;
    if (r != 0)
        return r < 0 ? r : fail(topics, r, ret);
    LeadEvent event;
    Str value = topics->record.value;
    r = message_decode(topics->registry, topics->decoder, value.data, value.len, &event, &reason, topics->text, sizeof(topics->text));
    if (r == MESSAGE_E_AWAITED)
        return fail(topics, TOPICS_FEED_E_REGISTRY, ret);
    if (r == MESSAGE_E_REJECTED) {
        *ret = (FedEvent){.reason = reason, .text = topics->text};
        return EVENT_FEED_E_BAD;
    }
    if (r == 0)
        *ret = (FedEvent){.event = event};
    return r;
}

static void record_place(const void *userdata, char place[static EVENT_PLACE_SIZE]) {
    const TopicsFeed *topics = userdata;
    const KafkaHistoryRecord *record = &topics->record;
    (void)snprintf(place, EVENT_PLACE_SIZE, "%s [%" PRId32 "] offset %" PRId64, topics->topics[record->topic], record->partition,
            record->offset);
}

EventFeed event_feed_of_topics(TopicsFeed *topics) {
    return (EventFeed){.next = next_event, .place = record_place, .userdata = topics};
}
