/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/workload.h"

#include <math.h>
#include <stdio.h>

#define HOUR_MS (INT64_C(3600) * 1000)
#define PROPERTIES_MAX 4

typedef enum Step { STEP_TOUCH, STEP_ACCEPT, STEP_REJECT, STEP_MEETING, STEP_OPPORTUNITY } Step;

/* What sales will do. */
typedef struct FollowUp {
    int64_t at_ms;
    uint32_t lead;
    Step step;
} FollowUp;

/* For drawing from Zipf's law without a table; see draw_rank(). */
typedef struct Zipf {
    double exponent, low, high, shortcut;
} Zipf;

struct Workload {
    WorkloadOptions options;
    Zipf zipf;
    uint64_t state; /* of the generator of random numbers */
    uint64_t n_done;
    FollowUp *heap; /* by time, from index 0 */
    size_t n_heap, n_heap_alloc;
    /* The event at hand. */
    char event_id[37], lead_id[24], account_id[24], text[64];
    Property properties[PROPERTIES_MAX];
    size_t n_properties;
};

/* --- chance ------------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* splitmix64. */
static uint64_t draw(Workload *w) {
    return mix(w->state += UINT64_C(0x9e3779b97f4a7c15));
}

/* In [0, 1). */
static double draw_fraction(Workload *w) {
    return (double)(draw(w) >> 11) * 0x1p-53;
}

static uint32_t draw_below(Workload *w, uint32_t n) {
    return (uint32_t)((draw(w) >> 32) * n >> 32);
}

static bool chance(Workload *w, double probability) {
    return draw_fraction(w) < probability;
}

/* The integral of 1/x^exponent, and its inverse. */
static double integral(const Zipf *z, double x) {
    double log_x = log(x);
    return z->exponent == 1 ? log_x : expm1((1 - z->exponent) * log_x) / (1 - z->exponent);
}
static double integral_inverse(const Zipf *z, double x) {
    return z->exponent == 1 ? exp(x) : exp(log1p(x * (1 - z->exponent)) / (1 - z->exponent));
}
static double weight(const Zipf *z, double x) {
    return exp(-z->exponent * log(x));
}

static uint32_t n_active(const Workload *w) {
    return w->options.n_active ? w->options.n_active : w->options.n_leads;
}

static void zipf_init(Zipf *z, double exponent, uint32_t n) {
    z->exponent = exponent;
    z->low = integral(z, 1.5) - 1;
    z->high = integral(z, n + 0.5);
    z->shortcut = 2 - integral_inverse(z, integral(z, 2.5) - weight(z, 2));
}

/*
 * From 0: by rejection-inversion (Hörmann and Derflinger, 1996): a draw from the continuous law is rounded, and nearly always taken.
 */
static uint32_t draw_rank(Workload *w) {
    const Zipf *z = &w->zipf;
    if (z->exponent <= 0)
        return draw_below(w, n_active(w));
    for (;;) {
        double u = z->high + draw_fraction(w) * (z->low - z->high);
        double x = integral_inverse(z, u), k = fmin(fmax(floor(x + 0.5), 1), (double)n_active(w));
        if (k - x <= z->shortcut || u >= integral(z, k + 0.5) - weight(z, k))
            return (uint32_t)k - 1;
    }
}

/* --- what sales will do ------------------------------------------------------------------------------ */

static bool heap_push(Workload *w, FollowUp item) {
    if (array_reserve(&w->heap, &w->n_heap_alloc, w->n_heap, sizeof(*w->heap)) < 0)
        return false;
    size_t i = w->n_heap++;
    for (; i > 0 && w->heap[(i - 1) / 2].at_ms > item.at_ms; i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = item;
    return true;
}

static FollowUp heap_pop(Workload *w) {
    FollowUp top = w->heap[0], last = w->heap[--w->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < w->n_heap; i = child) {
        if (child + 1 < w->n_heap && w->heap[child + 1].at_ms < w->heap[child].at_ms)
            child++;
        if (w->heap[child].at_ms >= last.at_ms)
            break;
        w->heap[i] = w->heap[child];
    }
    w->heap[i] = last;
    return top;
}

/* After a delay of so many hours on average. */
static bool plan(Workload *w, uint32_t lead, Step step, int64_t now_ms, double hours) {
    double delay_ms = -log1p(-draw_fraction(w)) * hours * (double)HOUR_MS * (double)w->options.span_ms / (double)WORKLOAD_SPAN_MS;
    return heap_push(w, (FollowUp){.at_ms = now_ms + (int64_t)delay_ms, .lead = lead, .step = step});
}

static bool plan_after(Workload *w, uint32_t lead, Step step, int64_t now_ms) {
    switch (step) {
    case STEP_TOUCH:
        return chance(w, 0.65) ? plan(w, lead, STEP_ACCEPT, now_ms, 12) : chance(w, 0.8) ? plan(w, lead, STEP_REJECT, now_ms, 24) : true;
    case STEP_ACCEPT:
        return chance(w, 0.7) ? plan(w, lead, STEP_MEETING, now_ms, 72) : chance(w, 0.8) ? plan(w, lead, STEP_REJECT, now_ms, 96) : true;
    case STEP_MEETING:
        return chance(w, 0.6) ? plan(w, lead, STEP_OPPORTUNITY, now_ms, 168) : true;
    case STEP_REJECT:
    case STEP_OPPORTUNITY:
        break;
    }
    return true;
}

/* --- what happens ------------------------------------------------------------------------------------ */

static const char *const paths[] = {"", "blog/how-we-cut-our-onboarding-time-in-half", "product/automation", "docs/getting-started",
        "pricing", "customers/northwind-traders", "docs/api/authentication", "compare/us-versus-them", "blog/release-notes-2025-03",
        "pricing/enterprise", "docs/guides/webhooks", "about/careers"};
static const char *const sources[] = {"organic", "paid_search", "newsletter", "partner", "social", "direct"};
static const char *const campaigns[] = {"spring-launch-2025", "q2-abm-tier1", "always-on-brand"};
static const char *const topics[] = {"lead-management", "data-integration", "revenue-operations"};
static const char *const seniorities[] = {"staff", "senior", "manager", "director", "vp", "c_level", "owner"};
static const char *const countries[] = {"DE", "FR", "GB", "US", "NL", "ES"};

static void add(Workload *w, const char *name, Value value) {
    assert(w->n_properties < PROPERTIES_MAX);
    w->properties[w->n_properties++] = (Property){str_from(name), value};
}
static void add_text(Workload *w, const char *name, const char *value) {
    add(w, name, value_string(str_from(value)));
}
static void add_number(Workload *w, const char *name, uint32_t n) {
    add(w, name, value_long(n));
}
#define PICK(w, list) (list)[draw_below((w), ARRAY_SIZE(list))]

static void fill_page(Workload *w) {
    (void)snprintf(w->text, sizeof(w->text), "https://www.example.com/%s", PICK(w, paths));
    add_text(w, "url", w->text);
    add_number(w, "seconds", 3 + draw_below(w, 60) * (1 + draw_below(w, 4)));
}
static void fill_email(Workload *w) {
    (void)snprintf(w->text, sizeof(w->text), "nurture-%02u/en/variant-b", draw_below(w, 40));
    add_text(w, "message", w->text);
}
static void fill_asset(Workload *w) {
    (void)snprintf(w->text, sizeof(w->text), "ebook-%02u-the-state-of-lead-management.pdf", draw_below(w, 40));
    add_text(w, "asset", w->text);
}
static void fill_webinar(Workload *w) {
    add_text(w, "title", "from-mql-to-revenue-in-ninety-days");
    add_number(w, "minutes", 5 + draw_below(w, 70));
}
static void fill_form(Workload *w) {
    add_text(w, "form", "request-a-demo-long");
    add_text(w, "url", "https://www.example.com/demo");
}
static void fill_feature(Workload *w) {
    (void)snprintf(w->text, sizeof(w->text), "workspace.feature-%02u.opened", draw_below(w, 30));
    add_text(w, "feature", w->text);
}
static void fill_calls(Workload *w) {
    add_text(w, "endpoint", "/v2/contacts/batch");
    add_number(w, "calls", 1 + draw_below(w, 250));
}
static void fill_place(Workload *w) {
    add_text(w, "place", "expo-berlin-2025/hall-4/booth-17");
}
static void fill_profile(Workload *w) {
    (void)snprintf(w->text, sizeof(w->text), "person.%06x@company.example", draw_below(w, 1 << 24));
    add_number(w, "employees", 1 + draw_below(w, 2000));
    add_text(w, "seniority", PICK(w, seniorities));
    add_text(w, "country", PICK(w, countries));
    add_text(w, "email", w->text);
}

/* In per mille; `is_raised`: sales may come. */
static const struct Activity {
    const char *type;
    unsigned share;
    void (*fill)(Workload *w);
    bool is_raised;
} activities[] = {
        {"page_view", 449, fill_page, false},
        {"email_opened", 150, fill_email, false},
        {"feature_used", 110, fill_feature, false},
        {"email_clicked", 80, fill_email, false},
        {"api_called", 50, fill_calls, false},
        {"content_downloaded", 45, fill_asset, false},
        {"profile_updated", 45, fill_profile, false},
        {"webinar_attended", 15, fill_webinar, false},
        {"chat_started", 10, fill_place, false},
        {"teammate_invited", 9, fill_feature, false},
        {"trial_activated", 5, fill_form, false},
        {"booth_visited", 5, fill_place, false},
        {"trial_started", 11, fill_form, true},
        {"demo_requested", 9, fill_form, true},
        {"contact_requested", 7, fill_form, true},
};

static const struct Activity *draw_activity(Workload *w) {
    unsigned at = draw_below(w, 1000);
    const struct Activity *activity = activities;
    for (; at >= activity->share; activity++)
        at -= activity->share;
    return activity;
}

static const char *const step_types[] = {[STEP_TOUCH] = "sales_touch", [STEP_ACCEPT] = "sales_accepted",
        [STEP_REJECT] = "sales_rejected", [STEP_MEETING] = "sales_meeting", [STEP_OPPORTUNITY] = "sales_opportunity"};

/* A UUID of version 4. */
static void write_event_id(Workload *w) {
    static const char digits[] = "0123456789abcdef";
    uint64_t halves[] = {(draw(w) & ~UINT64_C(0xf000)) | 0x4000, draw(w) >> 2 | UINT64_C(1) << 63};
    char *at = w->event_id;
    for (int i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *at++ = '-';
        *at++ = digits[halves[i / 16] >> (60 - 4 * (i % 16)) & 15];
    }
    *at = 0;
}

/* Digits after a prefix; snprintf() would be the slowest part of all. */
static Str write_id(char *buffer, const char *prefix, uint32_t n) {
    size_t len = strlen(prefix);
    memcpy(buffer, prefix, len);
    for (int i = 7; i >= 0; i--, n /= 10)
        buffer[len + (size_t)i] = (char)('0' + n % 10);
    return (Str){buffer, len + 8};
}

/* What the lead always has: whether it belongs to a company, and to which. */
static Str account_of(Workload *w, uint32_t lead) {
    uint64_t hash = mix(lead + UINT64_C(1));
    return hash % 10 < 6 ? write_id(w->account_id, "acct-", (uint32_t)(hash >> 8) % (w->options.n_leads / 8 + 1)) : STR_NULL;
}

static LeadEvent begin_event(Workload *w, uint32_t lead, int64_t at_ms, const char *type) {
    write_event_id(w);
    w->n_properties = 0;
    return (LeadEvent){.event_id = {w->event_id, sizeof(w->event_id) - 1},
            .occurred_at_ms = at_ms,
            .lead_id = write_id(w->lead_id, "lead-", lead),
            .account_id = account_of(w, lead),
            .type = str_from(type),
            .properties = w->properties};
}

static bool next_follow_up(Workload *w, int64_t at_ms, LeadEvent *ret) {
    FollowUp item = heap_pop(w);
    *ret = begin_event(w, item.lead, at_ms, step_types[item.step]);
    add_text(w, "rep", "sales.person@company.example");
    return plan_after(w, item.lead, item.step, at_ms);
}

static bool next_activity(Workload *w, uint32_t lead, int64_t at_ms, LeadEvent *ret) {
    const struct Activity *activity = draw_activity(w);
    *ret = begin_event(w, lead, at_ms, activity->type);
    activity->fill(w);
    ret->source = str_from(PICK(w, sources));
    if (chance(w, 0.5))
        ret->campaign = str_from(PICK(w, campaigns));
    if (chance(w, 0.4))
        ret->topic = str_from(PICK(w, topics));
    return activity->is_raised && chance(w, 0.85) ? plan(w, lead, STEP_TOUCH, at_ms, 2.5) : true;
}

/* Both hands of a lead, one after the other; sales does not answer. */
static void next_raised(Workload *w, uint64_t number, int64_t at_ms, LeadEvent *ret) {
    *ret = begin_event(w, (uint32_t)(number / 2), at_ms, number % 2 ? "trial_started" : "demo_requested");
    fill_form(w);
}

bool workload_next(Workload *w, LeadEvent *ret) {
    const WorkloadOptions *o = &w->options;
    if (w->n_done == o->n_events)
        return false;
    int64_t at_ms = o->from_ms + (int64_t)((double)o->span_ms * (double)w->n_done / (double)o->n_events);
    uint64_t number = w->n_done++;
    bool done = true;
    if (o->each_raised && number < UINT64_C(2) * o->n_leads)
        next_raised(w, number, at_ms, ret);
    else if (o->each_first && number < o->n_leads)
        done = next_activity(w, (uint32_t)number, at_ms, ret);
    else if (w->n_heap && w->heap[0].at_ms <= at_ms)
        done = next_follow_up(w, at_ms, ret);
    else
        done = next_activity(w, draw_rank(w), at_ms, ret);
    ret->n_properties = w->n_properties;
    return done;
}

int workload_new(const WorkloadOptions *options, Workload **ret) {
    assert(options->n_leads > 0 && options->n_events > 0 && options->n_active <= options->n_leads);
    Workload *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->options = *options;
    w->state = options->seed;
    zipf_init(&w->zipf, options->exponent, n_active(w));
    *ret = w;
    return 0;
}

Workload *workload_free(Workload *w) {
    if (!w)
        return NULL;
    free(w->heap);
    return free_null(w);
}
