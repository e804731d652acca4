/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over outputs against SPEC section 7, written out as one line of text by the visitor below. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/engine/output.h"
#include "tests/unit/suite.h"

typedef struct Recorder {
    char text[4096];
    size_t len;
    unsigned n_calls, fail_at; /* the call that fails; 0: none */
} Recorder;

static int record(void *userdata, const char *format, ...) PRINTF_LIKE(2, 3);
static int record(void *userdata, const char *format, ...) {
    Recorder *r = userdata;
    va_list arguments;

    if (++r->n_calls == r->fail_at)
        return -EIO;
    va_start(arguments, format);
    int n = vsnprintf(r->text + r->len, sizeof(r->text) - r->len, format, arguments);
    va_end(arguments);
    r->len += (size_t)n;
    ck_assert_uint_lt(r->len, sizeof(r->text));
    return 0;
}

static int on_null(void *u, Str name) {
    return record(u, "%.*s=null ", STR_FMT(name));
}
static int on_boolean(void *u, Str name, bool value) {
    return record(u, "%.*s=%s ", STR_FMT(name), value ? "true" : "false");
}
static int on_integer(void *u, Str name, int64_t value) {
    return record(u, "%.*s=%" PRId64 " ", STR_FMT(name), value);
}
static int on_number(void *u, Str name, double value) {
    return record(u, "%.*s=%g! ", STR_FMT(name), value);
}
static int on_string(void *u, Str name, Str value) {
    ck_assert_ptr_nonnull(value.data);
    return record(u, "%.*s=%.*s ", STR_FMT(name), STR_FMT(value));
}
static int on_bytes(void *u, Str name, Str value) {
    return record(u, "%.*s=<%.*s> ", STR_FMT(name), STR_FMT(value));
}
static int on_time(void *u, Str name, int64_t at_ms) {
    return record(u, "%.*s=@%" PRId64 " ", STR_FMT(name), at_ms);
}
static int on_map_begin(void *u, Str name) {
    return record(u, "%.*s={ ", STR_FMT(name));
}
static int on_map_end(void *u) {
    return record(u, "} ");
}
static int on_list_begin(void *u, Str name) {
    return record(u, "%.*s=[ ", STR_FMT(name));
}
static int on_list_end(void *u) {
    return record(u, "] ");
}
static int on_record_begin(void *u, Str name) {
    ck_assert_ptr_null(name.data);
    return record(u, "( ");
}
static int on_record_end(void *u) {
    return record(u, ") ");
}

static const OutputVisitor visitor = {
        .null = on_null,
        .boolean = on_boolean,
        .integer = on_integer,
        .number = on_number,
        .string = on_string,
        .bytes = on_bytes,
        .time = on_time,
        .map_begin = on_map_begin,
        .map_end = on_map_end,
        .list_begin = on_list_begin,
        .list_end = on_list_end,
        .record_begin = on_record_begin,
        .record_end = on_record_end,
};

static void assert_visited(const Output *output, const char *expected) {
    Recorder recorder = {0};
    ck_assert_int_eq(output_visit(output, &visitor, &recorder), 0);
    ck_assert_str_eq(recorder.text, expected);
}

/* What all outputs of a lead have. */
static Output lead_output(OutputType type) {
    static const Property carried[] = {
            {STR_LITERAL("profile.crm_id"), {.type = VALUE_LONG, .integer = INT64_C(9007199254740993)}},
            {STR_LITERAL("event.reason"), {.type = VALUE_STRING, .string = STR_LITERAL("late")}},
    };
    return (Output){
            .type = type,
            .event_id = {{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0x5d, 0xef, 0x80, 0, 0, 0, 0, 0, 0, 1}},
            .lead_id = STR_LITERAL("l1"),
            .segment = STR_LITERAL("default"),
            .ordinal = 7,
            .carried = carried,
            .n_carried = ARRAY_SIZE(carried),
            .model = STR_LITERAL("acme"),
            .model_version = 3,
    };
}

#define EVENT_ID "event_id=12345678-9abc-5def-8000-000000000001 "
#define CARRIED "ordinal=7 carried={ profile.crm_id=9007199254740993 event.reason=late } "

START_TEST(stage_change_of_a_lead_has_all_fields_in_order) {
    static const NamedNumber scores[] = {
            {STR_LITERAL("fit"), 30},
            {STR_LITERAL("ratio"), NAN},
    };
    Output output = lead_output(OUTPUT_STAGE_CHANGED);
    output.account_id = STR_LITERAL("a1");
    output.route = STR_LITERAL("ae");
    output.stage_changed = (StageChanged){
            .entity = STR_LITERAL("lead"),
            .track = STR_LITERAL("lifecycle"),
            .from = STR_LITERAL("lead"),
            .to = STR_LITERAL("mql"),
            .changed_at_ms = 1000,
            .transition = STR_LITERAL("qualify"),
            .cause = CAUSE_EVENT,
            .cause_event_id = STR_LITERAL("e9"),
            .scores = scores,
            .n_scores = ARRAY_SIZE(scores),
            .owner = STR_LITERAL("marketing"),
            .sequence = 2,
            .previous_entered_at_ms = 500,
            .first_source = STR_LITERAL("ads"),
            .last_source = STR_LITERAL(""),
            .reasons = {{.rule = STR_LITERAL("pricing"),
                                .score = STR_LITERAL("fit"),
                                .points = 15,
                                .present_value = 7.5,
                                .occurred_at_ms = 900,
                                .event_id = STR_LITERAL("e8")},
                    {.rule = STR_LITERAL("senior"),
                            .score = STR_LITERAL("fit"),
                            .points = 5,
                            .present_value = 5,
                            .from_profile = true}},
            .n_reasons = 2,
            .next_change_at_ms = 2000,
    };
    assert_visited(&output,
            EVENT_ID "entity=lead lead_id=l1 account_id=a1 track=lifecycle from=lead to=mql changed_at=@1000 "
                     "transition=qualify cause=event cause_event_id=e9 scores={ fit=30! ratio=null } "
                     "segment=default route=ae owner=marketing sequence=2 previous_entered_at=@500 "
                     "first_source=ads last_source= reasons=[ "
                     "( rule=pricing score=fit points=15! present_value=7.5! occurred_at=@900 event_id=e8 ) "
                     "( rule=senior score=fit points=5! present_value=5! occurred_at=null event_id=null ) ] "
                     "next_change_at=@2000 committee=null members=null model=acme model_version=3 " CARRIED);
}
END_TEST

START_TEST(what_a_stage_change_lacks_is_null) {
    Output output = lead_output(OUTPUT_STAGE_CHANGED);
    output.stage_changed = (StageChanged){
            .entity = STR_LITERAL("lead"),
            .track = STR_LITERAL("t"),
            .from = STR_LITERAL("a"),
            .to = STR_LITERAL("b"),
            .cause = CAUSE_MERGE,
            .sequence = 1,
            .next_change_at_ms = TIME_NEVER,
    };
    assert_visited(&output,
            EVENT_ID "entity=lead lead_id=l1 account_id=null track=t from=a to=b changed_at=@0 "
                     "transition=null cause=merge cause_event_id=null scores={ } segment=default route=null "
                     "owner=null sequence=1 previous_entered_at=@0 first_source=null last_source=null "
                     "reasons=[ ] next_change_at=null committee=null members=null model=acme "
                     "model_version=3 " CARRIED);
}
END_TEST

START_TEST(stage_change_of_an_account_has_committee_and_members) {
    Output output = lead_output(OUTPUT_STAGE_CHANGED);
    output.lead_id = output.segment = STR_NULL;
    output.account_id = STR_LITERAL("acme");
    output.stage_changed = (StageChanged){
            .entity = STR_LITERAL("account"),
            .track = STR_LITERAL("t"),
            .from = STR_LITERAL("a"),
            .to = STR_LITERAL("b"),
            .cause = CAUSE_TIME,
            .sequence = 1,
            .next_change_at_ms = TIME_NEVER,
            .has_committee = true,
            .committee = 4,
            .members = {STR_LITERAL("ann"), STR_LITERAL("bea")},
            .n_members = 2,
    };
    assert_visited(&output,
            EVENT_ID "entity=account lead_id=null account_id=acme track=t from=a to=b changed_at=@0 "
                     "transition=null cause=time cause_event_id=null scores={ } segment=null route=null "
                     "owner=null sequence=1 previous_entered_at=@0 first_source=null last_source=null "
                     "reasons=[ ] next_change_at=null committee=4 members=[ =ann =bea ] model=acme "
                     "model_version=3 " CARRIED);
}
END_TEST

START_TEST(sla_event_has_all_fields_in_order) {
    static const NamedStr stages[] = {
            {STR_LITERAL("lifecycle"), STR_LITERAL("mql")},
            {STR_LITERAL("temperature"), STR_LITERAL("hot")},
    };
    Output output = lead_output(OUTPUT_SLA_EVENT);
    output.sla_event = (SlaEvent){
            .policy = STR_LITERAL("speed"),
            .epoch = 2,
            .kind = SLA_WARNING,
            .level = STR_LITERAL("50%"),
            .started_at_ms = 100,
            .due_at_ms = 200,
            .occurred_at_ms = 150,
            .stopped_at_ms = TIME_NONE,
            .elapsed_ms = 50,
            .calendar = STR_LITERAL("us-east"),
            .breached = false,
            .start_event_id = STR_LITERAL("e1"),
            .stages = stages,
            .n_stages = ARRAY_SIZE(stages),
            .owner = STR_LITERAL("sales"),
    };
    assert_visited(&output,
            EVENT_ID "lead_id=l1 account_id=null policy=speed epoch=2 kind=warning level=50% started_at=@100 "
                     "due_at=@200 occurred_at=@150 stopped_at=null elapsed_ms=50 calendar=us-east "
                     "segment=default route=null breached=false start_event_id=e1 stop_event_id=null "
                     "stages={ lifecycle=mql temperature=hot } owner=sales model=acme "
                     "model_version=3 " CARRIED);
}
END_TEST

START_TEST(refusal_has_all_fields_in_order) {
    Output output = lead_output(OUTPUT_REFUSED);
    output.refused = (Refused){
            .refused_event_id = STR_LITERAL("e5"),
            .type = STR_LITERAL("sales_rejected"),
            .track = STR_LITERAL("lifecycle"),
            .stage = STR_LITERAL("mql"),
            .transition = STR_LITERAL("reject"),
            .requirement = STR_LITERAL("present(event.reason)"),
            .at_ms = 5,
    };
    assert_visited(&output,
            EVENT_ID "lead_id=l1 account_id=null refused_event_id=e5 type=sales_rejected track=lifecycle "
                     "stage=mql transition=reject requirement=present(event.reason) at=@5 model=acme "
                     "model_version=3 " CARRIED);
}
END_TEST

START_TEST(retirement_has_all_fields_in_order) {
    Output output = lead_output(OUTPUT_LEAD_RETIRED);
    output.lead_retired =
            (LeadRetired){.cause = STR_LITERAL("merged"), .into = STR_LITERAL("l2"), .at_ms = 5};
    assert_visited(&output, EVENT_ID "lead_id=l1 account_id=null cause=merged into=l2 at=@5 " CARRIED);
}
END_TEST

START_TEST(dead_letter_has_its_own_fields_only) {
    Output output = {
            .type = OUTPUT_DEAD_LETTER,
            .dead_letter = {.original = STR_LITERAL("{\xFF"),
                    .topic = STR_LITERAL("web"),
                    .partition = 3,
                    .offset = 12,
                    .reason = STR_LITERAL("bad_json"),
                    .text = STR_LITERAL("not UTF-8")},
    };
    assert_visited(
            &output, "original=<{\xFF> topic=web partition=3 offset=12 reason=bad_json text=not UTF-8 ");
    output.dead_letter.topic = STR_NULL;
    output.dead_letter.partition = -1;
    assert_visited(
            &output, "original=<{\xFF> topic=null partition=null offset=12 reason=bad_json text=not UTF-8 ");
}
END_TEST

START_TEST(first_error_ends_the_walk) {
    Output output = lead_output(OUTPUT_SLA_EVENT);
    Recorder whole = {0};
    ck_assert_int_eq(output_visit(&output, &visitor, &whole), 0);
    for (unsigned i = 1; i <= whole.n_calls; i++) {
        Recorder recorder = {.fail_at = i};
        ck_assert_int_eq(output_visit(&output, &visitor, &recorder), -EIO);
        ck_assert_uint_eq(recorder.n_calls, i);
        ck_assert_int_eq(strncmp(whole.text, recorder.text, recorder.len), 0);
    }
}
END_TEST

START_TEST(names_are_those_of_the_specification) {
    static const char *const types[] = {"StageChanged", "SlaEvent", "Refused", "LeadRetired", "DeadLetter"};
    static const char *const causes[] = {"event", "time", "sla", "merge", "model"};
    ck_assert_uint_eq(ARRAY_SIZE(types), _OUTPUT_TYPE_MAX);
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        ck_assert_str_eq(output_type_name((OutputType)i), types[i]);
    for (size_t i = 0; i < ARRAY_SIZE(causes); i++)
        ck_assert_str_eq(cause_name((Cause)i), causes[i]);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("output");
    TCase *tcase = tcase_create("output");
    tcase_add_test(tcase, stage_change_of_a_lead_has_all_fields_in_order);
    tcase_add_test(tcase, what_a_stage_change_lacks_is_null);
    tcase_add_test(tcase, stage_change_of_an_account_has_committee_and_members);
    tcase_add_test(tcase, sla_event_has_all_fields_in_order);
    tcase_add_test(tcase, refusal_has_all_fields_in_order);
    tcase_add_test(tcase, retirement_has_all_fields_in_order);
    tcase_add_test(tcase, dead_letter_has_its_own_fields_only);
    tcase_add_test(tcase, first_error_ends_the_walk);
    tcase_add_test(tcase, names_are_those_of_the_specification);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
