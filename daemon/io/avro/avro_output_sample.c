/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/avro/avro_output_sample.h"

#include <math.h>

#define S(text) STR_LITERAL(text)
#define OPTIONAL(text) (full ? S(text) : STR_NULL)

static const Property carried[] = {
        {.name = {"profile.n", 9}, .value = {.type = VALUE_NULL}},
        {.name = {"profile.b", 9}, .value = {.type = VALUE_BOOLEAN, .boolean = true}},
        {.name = {"profile.l", 9}, .value = {.type = VALUE_LONG, .integer = INT64_MAX}},
        {.name = {"event.d", 7}, .value = {.type = VALUE_DOUBLE, .number = 0.5}},
        {.name = {"event.s", 7}, .value = {.type = VALUE_STRING, .string = {"text", 4}}},
};

static const NamedNumber scores[] = {
        {.name = {"fit", 3}, .value = -1.5},
        {.name = {"total", 5}, .value = NAN},
};

static const NamedStr stages[] = {
        {.name = {"lifecycle", 9}, .value = {"mql", 3}},
        {.name = {"temperature", 11}, .value = {"hot", 3}},
};

static void sample_stage_changed(bool full, StageChanged *ret) {
    *ret = (StageChanged){
            .entity = full ? S("lead") : S("account"),
            .track = S("lifecycle"),
            .from = S("lead"),
            .to = S("mql"),
            .changed_at_ms = 3,
            .transition = OPTIONAL("qualify"),
            .cause = full ? CAUSE_EVENT : CAUSE_MERGE,
            .cause_event_id = OPTIONAL("e-1"),
            .scores = scores,
            .n_scores = full ? ARRAY_SIZE(scores) : 0,
            .owner = OPTIONAL("sales"),
            .sequence = 2,
            .previous_entered_at_ms = full ? 1 : TIME_NONE,
            .first_source = OPTIONAL("web"),
            .last_source = OPTIONAL("event"),
            .next_change_at_ms = full ? 4 : TIME_NEVER,
    };
    ret->has_committee = !full;
    ret->committee = full ? 0 : 3;
    if (!full) {
        ret->n_members = 2;
        ret->members[0] = S("lead-1");
        ret->members[1] = S("lead-2");
    }
    if (full) {
        ret->n_reasons = 2;
        ret->reasons[0] = (Reason){
                .rule = S("pricing"),
                .score = S("intent"),
                .points = 15,
                .present_value = 7.5,
                .occurred_at_ms = 2,
                .event_id = S("e-0"),
        };
        ret->reasons[1] =
                (Reason){.rule = S("senior"), .score = S("fit"), .points = 30, .from_profile = true};
    }
}

static void sample_sla_event(bool full, SlaEvent *ret) {
    *ret = (SlaEvent){
            .policy = S("speed-to-lead"),
            .epoch = UINT32_MAX,
            .kind = full ? SLA_WARNING : SLA_CANCELLED,
            .level = OPTIONAL("50%"),
            .started_at_ms = 1,
            .due_at_ms = full ? 5 : TIME_NEVER,
            .occurred_at_ms = 3,
            .stopped_at_ms = full ? 4 : TIME_NONE,
            .elapsed_ms = 2,
            .calendar = OPTIONAL("us-east"),
            .breached = full,
            .start_event_id = OPTIONAL("e-1"),
            .stop_event_id = OPTIONAL("e-2"),
            .stages = stages,
            .n_stages = full ? ARRAY_SIZE(stages) : 0,
            .owner = OPTIONAL("sales"),
    };
}

static void sample_dead_letter(bool full, DeadLetter *ret) {
    *ret = (DeadLetter){
            .original = full ? S("\xFF\0{") : STR_NULL,
            .topic = S("leads"),
            .partition = INT32_MAX,
            .offset = INT64_MAX,
            .reason = S("schema"),
            .text = S("field \"type\", byte 7: …"),
    };
}

void output_sample(OutputType type, bool full, Output *ret) {
    /* A change of an account has neither lead nor segment; every other output is a lead's. */
    bool lead = full || type != OUTPUT_STAGE_CHANGED;

    *ret = (Output){
            .type = type,
            .lead_id = lead ? S("lead-1") : STR_NULL,
            .account_id = OPTIONAL("account-1"),
            .segment = lead ? S("default") : STR_NULL,
            .route = OPTIONAL("emea"),
            .at_ms = 3,
            .ordinal = 7,
            .carried = carried,
            .n_carried = full ? ARRAY_SIZE(carried) : 0,
            .model = S("acme-b2b"),
            .model_version = 3,
    };
    switch (type) {
    case OUTPUT_STAGE_CHANGED:
        sample_stage_changed(full, &ret->stage_changed);
        break;
    case OUTPUT_SLA_EVENT:
        sample_sla_event(full, &ret->sla_event);
        break;
    case OUTPUT_REFUSED:
        ret->refused = (Refused){
                .refused_event_id = S("e-1"),
                .type = S("sales_rejected"),
                .track = S("lifecycle"),
                .stage = S("mql"),
                .transition = S("reject"),
                .requirement = S("present(event.reason)"),
                .at_ms = 3,
        };
        break;
    case OUTPUT_LEAD_RETIRED:
        ret->lead_retired = (LeadRetired){
                .cause = full ? S("merged") : S("forgotten"),
                .into = OPTIONAL("lead-2"),
                .at_ms = 3,
        };
        break;
    case OUTPUT_DEAD_LETTER:
        sample_dead_letter(full, &ret->dead_letter);
        break;
    default:
        break;
    }
}
