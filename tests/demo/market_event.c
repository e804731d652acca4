/* SPDX-License-Identifier: Apache-2.0 */
/* What each thing that happens looks like as a lead event. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/demo/market_internal.h"

const char *const market_pages[] = {
        [PAGE_HOME] = "https://www.northwind.example/",
        [PAGE_BLOG] = "https://www.northwind.example/blog/pipeline-hygiene",
        [PAGE_FEATURES] = "https://www.northwind.example/features",
        [PAGE_PRICING] = "https://www.northwind.example/pricing",
        [PAGE_COMPARE] = "https://www.northwind.example/compare/spreadsheets",
        [PAGE_CAREERS] = "https://www.northwind.example/careers",
        [PAGE_DOCS] = "https://docs.northwind.example/start",
};
static_assert(ARRAY_SIZE(market_pages) == _PAGE_MAX, "an address for each");

static const char *const reps[] = {"r.brandt", "s.moreau", "t.oneill", "u.ferrara"};

typedef struct Builder {
    LeadEvent *event;
    Property *properties;
} Builder;

static void put(Builder *b, const char *name, Value value) {
    assert(b->event->n_properties < PROPERTIES_MAX);
    b->properties[b->event->n_properties++] = (Property){str_from(name), value};
}

static void put_text(Builder *b, const char *name, const char *text) {
    if (text)
        put(b, name, value_string(str_from(text)));
}

static void put_profile(Builder *b, const Person *person) {
    put_text(b, "email", person->email);
    put_text(b, "seniority", person->seniority);
    put_text(b, "department", person->department);
    put(b, "crm_id", value_long(person->crm_id));
    const Company *company = person->company;
    if (!company)
        return;
    put_text(b, "company", company->name);
    put_text(b, "industry", company->industry);
    put_text(b, "country", company->country);
    put(b, "employees", value_long(company->n_employees));
    if (company->is_competitor)
        put(b, "competitor", value_boolean(true));
}

static void put_reason(Builder *b, TaskKind kind, unsigned detail) {
    static const char *const rejections[] = {"wrong_persona", "student", "invalid_data"};
    static const char *const recyclings[] = {"no_current_need", "no_budget", "no_answer"};
    static const char *const losses[] = {"competitor_won", "no_decision"};
    if (kind == TASK_REJECT)
        put_text(b, "reason", rejections[detail % ARRAY_SIZE(rejections)]);
    else if (kind == TASK_RECYCLE)
        put_text(b, "reason", recyclings[detail % ARRAY_SIZE(recyclings)]);
    else if (kind == TASK_LOST)
        put_text(b, "reason", losses[detail % ARRAY_SIZE(losses)]);
}

static void put_marketing(Builder *b, const Task *task) {
    switch (task->kind) {
    case TASK_PAGE:
    case TASK_SCANNER_CLICK:
        put_text(b, "url", market_pages[task->detail % _PAGE_MAX]);
        put(b, "seconds", value_double(0.5 + (double)(task->number % 400) / 10));
        if (task->kind == TASK_SCANNER_CLICK)
            put(b, "is_bot", value_boolean(true));
        break;
    case TASK_DOWNLOAD:
        put_text(b, "asset", "buyers-guide.pdf");
        break;
    case TASK_WEBINAR:
        put(b, "minutes", value_long(task->detail));
        break;
    case TASK_EMAIL_CLICK:
        put_text(b, "url", market_pages[PAGE_FEATURES]);
        break;
    case TASK_TRIAL:
        put_text(b, "plan", "team");
        break;
    case TASK_DEMO_REQUEST:
        put_text(b, "form", "book-a-demo");
        break;
    default:
        break;
    }
}

static void put_sales(Builder *b, const Task *task, EventSpace *space) {
    put_text(b, "rep", reps[task->person % ARRAY_SIZE(reps)]);
    put_reason(b, task->kind, task->detail);
    switch (task->kind) {
    case TASK_AUTO_REPLY:
        put(b, "automated", value_boolean(true));
        put_text(b, "channel", "email");
        break;
    case TASK_TOUCH:
        put(b, "automated", value_boolean(false));
        put_text(b, "channel", task->detail % 2 ? "phone" : "email");
        break;
    case TASK_QUALIFY:
        put_text(b, "need", "one list for all teams");
        put_text(b, "next_step", "technical call");
        break;
    case TASK_OPPORTUNITY:
        snprintf(space->opportunity_id, sizeof(space->opportunity_id), "opp-%" PRIu64, task->number);
        put_text(b, "opportunity_id", space->opportunity_id);
        put(b, "amount", value_double(1000.0 * (5 + task->detail % 60)));
        break;
    default:
        break;
    }
}

static const char *const types[] = {
        [TASK_PROFILE] = "profile_updated",
        [TASK_PAGE] = "page_view",
        [TASK_DOWNLOAD] = "content_downloaded",
        [TASK_WEBINAR] = "webinar_attended",
        [TASK_EMAIL_CLICK] = "email_clicked",
        [TASK_TRIAL] = "trial_started",
        [TASK_DEMO_REQUEST] = "demo_requested",
        [TASK_UNSUBSCRIBE] = "unsubscribed",
        [TASK_BOUNCE] = "email_bounced",
        [TASK_SCANNER_CLICK] = "page_view",
        [TASK_AUTO_REPLY] = "sales_touch",
        [TASK_TOUCH] = "sales_touch",
        [TASK_ACCEPT] = "sales_accepted",
        [TASK_REJECT] = "sales_rejected",
        [TASK_REJECT_BARE] = "sales_rejected",
        [TASK_QUALIFY] = "sales_qualified",
        [TASK_QUALIFY_BARE] = "sales_qualified",
        [TASK_RECYCLE] = "sales_recycled",
        [TASK_OPPORTUNITY] = "sales_opportunity_opened",
        [TASK_LOST] = "sales_lost",
        [TASK_FORGOTTEN] = "lead_forgotten",
        [TASK_BROKEN] = "page_view",
};

static void name_event(const Task *task, uint64_t run_id, EventSpace *space) {
    char name[64];
    snprintf(name, sizeof(name), "demo:%" PRIx64 ":%" PRIu64, run_id, task->number);
    Uuid uuid = uuid_from_name(str_from(name));
    uuid_print(&uuid, space->event_id);
}

void market_make_event(
        const Task *task, const Person *person, uint64_t run_id, EventSpace *space, MarketEvent *ret) {
    bool is_sales = str_starts_with(str_from(types[task->kind]), "sales_");
    bool is_web = !is_sales && task->kind != TASK_PROFILE && task->kind != TASK_FORGOTTEN;
    assert(task->kind >= TASK_FIRST_EVENT);
    name_event(task, run_id, space);
    *ret = (MarketEvent){.source = is_web ? MARKET_WEB : MARKET_CRM, .is_broken = task->kind == TASK_BROKEN};
    ret->event = (LeadEvent){
            .event_id = {space->event_id, UUID_TEXT_LEN},
            .occurred_at_ms = task->occurred_at_ms,
            .lead_id = str_from(person->id),
            .account_id = person->company ? str_from(person->company->name) : STR_NULL,
            .type = str_from(types[task->kind]),
            .source = is_web ? str_from(person->channel) : STR_NULL,
            .campaign = is_web ? str_from(person->campaign) : STR_NULL,
            .topic = task->kind == TASK_DOWNLOAD || task->kind == TASK_WEBINAR ? STR_LITERAL("lead-scoring")
                                                                               : STR_NULL,
            .properties = space->properties,
    };
    Builder builder = {&ret->event, space->properties};
    if (task->kind == TASK_PROFILE)
        put_profile(&builder, person);
    else if (is_sales)
        put_sales(&builder, task, space);
    else
        put_marketing(&builder, task);
}
