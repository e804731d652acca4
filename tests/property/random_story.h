#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random Stories
 *
 * What happens to a few leads: events in the order of their arrival, some late, some twice, with merges and forgets, and the watermark
 * that comes with each.
 */
#include "tests/property/random_model.h"

#define STORY_LEADS 6
#define STORY_ACCOUNTS 3
#define STORY_PROPERTIES_MAX 3

typedef struct StoryEvent {
    LeadEvent event; /* borrows from the rest */
    int64_t watermark_ms;
    unsigned lead; /* its number */
    char event_id[16];
    Property properties[STORY_PROPERTIES_MAX];
} StoryEvent;

typedef struct Story {
    StoryEvent *events;
    size_t n;
    int64_t end_ms; /* the watermark at the end, when all has been quiet for a while */
} Story;

typedef struct StoryOptions {
    bool sorted;       /* by occurred_at */
    bool no_merges;
    unsigned families; /* leads are merged within theirs only: lead % families; 0: one */
} StoryOptions;

Story random_story(uint64_t *random, const RandomModel *m, StoryOptions options);
void story_done(Story *story);
static inline void story_done_cleanup(Story *story) {
    story_done(story);
}
const char *story_lead_id(unsigned lead);
