/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/property/random_story.h"

#define EVENTS_MIN 30
#define EVENTS_MORE 60

static const char *const lead_ids[STORY_LEADS] = {"ann", "bea", "cid", "dan", "eva", "fay"};
static const char *const account_ids[STORY_ACCOUNTS] = {"acme", "bolt", "corp"};

const char *story_lead_id(unsigned lead) {
    return lead_ids[lead];
}

static const char *random_type(uint64_t *random, StoryOptions options) {
    static const char *const types[] = {"view", "view", "view", "view", "ask", "ask", "click", "click", "other", "profile_updated", "profile_updated",
            "sales_touch", "sales_touch", "sales_accepted", "lost"};
    uint64_t n = random_below(random, 100);
    if (n < 3)
        return "lead_forgotten";
    if (n < 9 && !options.no_merges)
        return "lead_merged";
    return types[random_below(random, ARRAY_SIZE(types))];
}

static void add_property(StoryEvent *e, const char *name, Value value) {
    e->properties[e->event.n_properties++] = (Property){str_from(name), value};
}

static void add_properties(StoryEvent *e, uint64_t *random, StoryOptions options) {
    unsigned families = MAX(options.families, 1u);
    if (str_eq_c(e->event.type, "profile_updated")) {
        static const char *const countries[] = {"DE", "FR", "US"};
        if (random_below(random, 2))
            add_property(e, "country", value_string(str_from(countries[random_below(random, 3)])));
        if (random_below(random, 2))
            add_property(e, "vip", random_below(random, 4) ? value_boolean(random_below(random, 2)) : VALUE_NONE);
    } else if (str_eq_c(e->event.type, "lead_merged")) {
        unsigned into = (unsigned)random_below(random, STORY_LEADS / families) * families + e->lead % families;
        add_property(e, "into", value_string(str_from(lead_ids[into])));
    } else {
        add_property(e, "n", value_long((int64_t)random_below(random, 6)));
        if (random_below(random, 12) == 0)
            add_property(e, "bot", value_boolean(true));
    }
}

/* Mostly a step forward; some happen at the same millisecond, some stay away for long. */
static int64_t random_step(uint64_t *random, int64_t unit_ms) {
    switch (random_below(random, 8)) {
    case 0: return 0;
    case 1: return 1;
    case 2: return unit_ms;
    case 3: return (int64_t)random_below(random, (uint64_t)unit_ms * 12);
    default: return (int64_t)random_below(random, (uint64_t)unit_ms * 2);
    }
}

static void fill(StoryEvent *e, uint64_t *random, const RandomModel *m, StoryOptions options, size_t i, int64_t now_ms) {
    static const char *const sources[] = {"ads", "web", ""};
    bool repeated = i > 0 && random_below(random, 15) == 0;
    e->lead = (unsigned)random_below(random, STORY_LEADS);
    (void)snprintf(e->event_id, sizeof(e->event_id), "e%zu", repeated ? random_below(random, i) : i);
    int64_t late_ms = options.sorted || random_below(random, 3) ? 0 : (int64_t)random_below(random, (uint64_t)m->unit_ms * 8);
    e->event = (LeadEvent){.event_id = str_from(e->event_id), .occurred_at_ms = MAX(now_ms - late_ms, 0),
            .lead_id = str_from(lead_ids[e->lead]), .type = str_from(random_type(random, options)), .properties = e->properties};
    if (m->has_accounts && random_below(random, 3) == 0)
        e->event.account_id = str_from(account_ids[random_below(random, STORY_ACCOUNTS)]);
    if (random_below(random, 3) == 0)
        e->event.source = str_from(sources[random_below(random, 3)]);
    add_properties(e, random, options);
}

Story random_story(uint64_t *random, const RandomModel *m, StoryOptions options) {
    Story story = {.n = EVENTS_MIN + random_below(random, EVENTS_MORE)};
    int64_t now_ms = m->begin_ms, latest_ms = 0;
    story.events = calloc(story.n, sizeof(*story.events));
    ck_assert_ptr_nonnull(story.events);
    for (size_t i = 0; i < story.n; i++) {
        StoryEvent *e = &story.events[i];
        now_ms += random_step(random, m->unit_ms);
        fill(e, random, m, options, i, now_ms);
        latest_ms = MAX(latest_ms, e->event.occurred_at_ms);
        e->watermark_ms = latest_ms - m->model->lateness_ms;
    }
    story.end_ms = latest_ms + 60 * m->unit_ms;
    return story;
}

void story_done(Story *story) {
    free(story->events);
    *story = (Story){0};
}
