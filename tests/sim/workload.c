/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/workload.h"

#include <stdio.h>

#include "tests/demo/event_avro.h"
#include "tests/sim/adapters.h"
#include "tests/sim/registry.h"
#include "tests/sim/scenario.h"

#define LEADS 12
#define ACCOUNTS 4
#define RECENT_MAX 16

SentEvent *workload_events;
size_t workload_n_events;
static size_t n_alloc;

/* A record as it is to be appended. */
typedef struct Sending {
    unsigned source;
    LeadEvent event;
    Str key, value;
    int32_t partition; /* -1: that of the key */
} Sending;

static struct {
    Chance chance;
    unsigned n_ids;
    Sending recent[RECENT_MAX];
    size_t n_recent;
    Str merged[256];
    size_t n_merged;
    Transaction *open[CONFIG_SOURCES_MAX]; /* of an upstream producer */
} load;

static Str text_of(const char *prefix, unsigned number) {
    char text[64];
    (void)snprintf(text, sizeof(text), "%s%u", prefix, number);
    return world_copy(str_from(text));
}

static unsigned below(unsigned n) {
    return (unsigned)chance_between(&load.chance, 0, n - 1);
}

/* --- records ----------------------------------------------------------------------------------------- */

static Str encode(const LeadEvent *event) {
    Buffer buffer = {0};
    if (event_avro_write(event, registry_draw_id(), &buffer) != 0)
        world_fail("an event cannot be encoded");
    return (Str){(const char *)buffer.data, buffer.len};
}

/* Which clocks of the model it has to do with. */
static void note(const Sending *sending, const Partition *partition) {
    bool starts = str_eq_c(sending->event.type, "form");
    if (!starts && !str_eq_c(sending->event.type, "sales_touch"))
        return;
    workload_events = world_grow(workload_events, &n_alloc, workload_n_events, sizeof(SentEvent));
    workload_events[workload_n_events++] = (SentEvent){.lead_id = sending->event.lead_id, .event_id = sending->event.event_id,
            .occurred_at_ms = sending->event.occurred_at_ms, .appended_at_ms = world.now_ms, .partition = partition->number,
            .source = sending->source, .offset = (int64_t)partition->n, .kind = starts ? SENT_START : SENT_STOP};
}

static void end_upstream(void *userdata) {
    unsigned source = *(unsigned *)userdata;
    if (load.open[source])
        transaction_end(load.open[source], chance_percent(&load.chance, 70));
    load.open[source] = NULL;
}

/* Some come in transactions; what is aborted never was. */
static Transaction *upstream(unsigned source) {
    if (!load.open[source] && world.now_ms < scenario.ends_at_ms && chance_percent(&load.chance, 5)) {
        unsigned *copy = world_alloc(1, sizeof(*copy));
        *copy = source;
        load.open[source] = transaction_new();
        world_at(world.now_ms + chance_between(&load.chance, 10, 3000), end_upstream, copy);
    }
    return load.open[source];
}

/* Where it went. */
static int32_t append(const Sending *sending, bool is_whole) {
    int32_t n = scenario.n_partitions[sending->source], number = sending->partition;
    if (number < 0)
        number = scenario.config.is_routed[sending->source] ? (int32_t)below((unsigned)n) : kafka_partition_of(&scenario.config, sending->key, n);
    if (number < 0)
        number = (int32_t)below((unsigned)n);
    Partition *partition = adapter_partition(scenario.config.sources[sending->source], number);
    Transaction *transaction = upstream(sending->source);
    if (is_whole && !transaction)
        note(sending, partition);
    Value into = property_find(sending->event.properties, sending->event.n_properties, STR_LITERAL("into"));
    world_trace("-- %s [%d] %zu: %.*s of %.*s %.*s%s", partition->topic->name, (int)number, partition->n, STR_FMT(sending->event.type),
            STR_FMT(sending->event.lead_id), STR_FMT(into.type == VALUE_STRING ? into.string : STR_NULL), transaction ? ", in a transaction" : "");
    broker_append(partition, sending->key, sending->value, transaction);
    return number;
}

static void send_event(Sending sending) {
    sending.key = sending.event.lead_id;
    sending.value = encode(&sending.event);
    sending.partition = -1;
    /* Sent again, it goes there once more, so that the first one is the one that counts. */
    sending.partition = append(&sending, true);
    load.recent[load.n_recent++ % RECENT_MAX] = sending;
}

static Sending new_event(Str lead, const char *type, int64_t age_ms) {
    LeadEvent event = {.event_id = text_of("e", ++load.n_ids), .lead_id = lead, .type = str_from(type), .occurred_at_ms = world.now_ms - age_ms};
    bool is_of_company = chance_percent(&load.chance, 60) && (strcmp(type, "page_view") == 0 || strcmp(type, "form") == 0);
    if (is_of_company)
        event.account_id = text_of("company-", chance_percent(&load.chance, 90) ? (unsigned)lead.data[lead.len - 1] % ACCOUNTS : below(ACCOUNTS));
    return (Sending){.source = below((unsigned)scenario.config.n_sources), .event = event};
}

static Property *property(const char *name, Value value) {
    Property *copy = world_alloc(1, sizeof(*copy));
    *copy = (Property){.name = str_from(name), .value = value};
    return copy;
}

static void give(Sending *sending, Property *properties) {
    sending->event.properties = properties;
    sending->event.n_properties = 1;
}

/* --- what is no event -------------------------------------------------------------------------------- */

static void send_malformed(Str lead) {
    Sending sending = new_event(lead, "page_view", 0);
    unsigned what = below(8);
    if (what == 0)
        sending.event.occurred_at_ms += INT64_C(10) * 86400 * 1000;
    if (what == 1)
        sending.event.type = STR_LITERAL("lead_merged"); /* into nothing */
    sending.key = what == 2 ? text_of("stray-", below(100)) : what == 3 ? STR_NULL : lead;
    sending.value = what == 4 ? STR_NULL : encode(&sending.event);
    if (what == 5)
        sending.value.len -= 3;
    if (what == 6)
        ((char *)sending.value.data)[4]++; /* an unknown schema */
    sending.partition = what == 7 ? (int32_t)below((unsigned)scenario.n_partitions[sending.source]) : -1;
    (void)append(&sending, false);
}

/* --- what happens ------------------------------------------------------------------------------------ */

typedef struct Call {
    Str lead;
} Call;

static void send_call(void *userdata) {
    send_event(new_event(((Call *)userdata)->lead, "sales_touch", 0));
}

/* Somebody calls, mostly in time, which is 2 s. */
static void send_form(Str lead) {
    send_event(new_event(lead, "form", 0));
    if (!chance_percent(&load.chance, 75))
        return;
    Call *call = world_alloc(1, sizeof(*call));
    call->lead = lead;
    world_at(world.now_ms + chance_between(&load.chance, 100, 2600), send_call, call);
}

static void send_profile(Str lead) {
    Sending sending = new_event(lead, "profile_updated", 0);
    Value employees = {.type = VALUE_LONG, .integer = below(1000)};
    Value country = {.type = VALUE_STRING, .string = chance_percent(&load.chance, 50) ? STR_LITERAL("DE") : STR_LITERAL("US")};
    give(&sending, chance_percent(&load.chance, 50) ? property("employees", employees) : property("country", country));
    send_event(sending);
}

static void send_late(Str lead) {
    static const char *const types[] = {"page_view", "form", "sales_touch"};
    int64_t most_ms = below(2) ? 900 : below(2) ? 5000 : 60000;
    send_event(new_event(lead, types[below(3)], chance_between(&load.chance, 50, most_ms)));
}

static void end_lead(Str lead, Str into) {
    Sending sending = new_event(lead, str_is_null(into) ? "lead_forgotten" : "lead_merged", 0);
    if (!str_is_null(into))
        give(&sending, property("into", (Value){.type = VALUE_STRING, .string = into}));
    for (int i = 0; i < 2 && load.n_merged < ARRAY_SIZE(load.merged); i++)
        load.merged[load.n_merged++] = i ? into : lead;
    send_event(sending);
}

bool workload_is_merged(Str lead_id) {
    for (size_t i = 0; i < load.n_merged; i++)
        if (str_eq(load.merged[i], lead_id))
            return true;
    return false;
}

static Str some_lead(void) {
    return text_of("lead-", below(LEADS));
}

static void send_one(void) {
    Str lead = some_lead();
    unsigned what = below(100);
    if (what < 42) {
        send_event(new_event(lead, "page_view", 0));
    } else if (what < 60) {
        send_form(lead);
    } else if (what < 68) {
        send_profile(lead);
    } else if (what < 74) {
        Sending sending = new_event(lead, "sales_accepted", 0);
        if (below(3))
            give(&sending, property("rep", (Value){.type = VALUE_STRING, .string = STR_LITERAL("ann")}));
        send_event(sending);
    } else if (what < 82) {
        send_late(lead);
    } else if (what < 88 && load.n_recent) {
        (void)append(&load.recent[below((unsigned)MIN(load.n_recent, (size_t)RECENT_MAX))], false);
    } else if (what < 92) {
        send_malformed(lead);
    } else if (what < 94) {
        send_event(new_event(lead, "page_view", -chance_between(&load.chance, 1000, 5000))); /* dated ahead */
    } else if (what < 97) {
        end_lead(lead, some_lead());
    } else if (what < 98) {
        end_lead(lead, STR_NULL);
    }
}

static void happen(void *userdata) {
    (void)userdata;
    if (world.now_ms >= scenario.ends_at_ms)
        return;
    send_one();
    world_at(world.now_ms + chance_between(&load.chance, 0, 2 * scenario.events_each_ms), happen, NULL);
}

void workload_start(void) {
    load.chance = (Chance){world.seed ^ UINT64_C(0x5bd1e995)};
    happen(NULL);
}
