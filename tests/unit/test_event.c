/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "lib/event/event.h"
#include "tests/unit/suite.h"

/* As long as any limit, and one more. */
static char filler[EVENT_PROPERTY_STRING_LEN_MAX + 1];

static Str filled(size_t len) {
    memset(filler, 'x', sizeof(filler));
    return (Str){filler, len};
}

static LeadEvent valid_event(void) {
    return (LeadEvent){
            .event_id = STR_LITERAL("e1"),
            .occurred_at_ms = 1000,
            .lead_id = STR_LITERAL("l1"),
            .type = STR_LITERAL("page_view"),
    };
}

static void assert_valid(const LeadEvent *event) {
    char text[128] = "untouched";
    ck_assert_msg(event_validate(event, text, sizeof(text)), "%s", text);
    ck_assert_str_eq(text, "untouched");
}

static void assert_refused(const LeadEvent *event, const char *expected) {
    char text[128];
    ck_assert(!event_validate(event, text, sizeof(text)));
    ck_assert_str_eq(text, expected);
}

START_TEST(event_with_required_fields_only_is_valid) {
    LeadEvent event = valid_event();
    assert_valid(&event);
}
END_TEST

#define FIELD(name) #name, offsetof(LeadEvent, name)

static const struct {
    const char *field;
    size_t offset;
    Str value; /* null, or only its length counts */
    const char *refusal;
} field_rows[] = {
        {FIELD(event_id), {NULL, 0}, "event_id: 1 to 64 bytes expected, got null"},
        {FIELD(event_id), {"", 0}, "event_id: 1 to 64 bytes expected, got 0"},
        {FIELD(event_id), {"", 1}, NULL},
        {FIELD(event_id), {"", 64}, NULL},
        {FIELD(event_id), {"", 65}, "event_id: 1 to 64 bytes expected, got 65"},
        {FIELD(lead_id), {NULL, 0}, "lead_id: 1 to 128 bytes expected, got null"},
        {FIELD(lead_id), {"", 0}, "lead_id: 1 to 128 bytes expected, got 0"},
        {FIELD(lead_id), {"", 128}, NULL},
        {FIELD(lead_id), {"", 129}, "lead_id: 1 to 128 bytes expected, got 129"},
        {FIELD(account_id), {NULL, 0}, NULL},
        {FIELD(account_id), {"", 0}, "account_id: null or 1 to 128 bytes expected, got 0"},
        {FIELD(account_id), {"", 128}, NULL},
        {FIELD(account_id), {"", 129}, "account_id: at most 128 bytes expected, got 129"},
        {FIELD(type), {NULL, 0}, "type: 1 to 64 bytes expected, got null"},
        {FIELD(type), {"", 0}, "type: 1 to 64 bytes expected, got 0"},
        {FIELD(type), {"", 64}, NULL},
        {FIELD(type), {"", 65}, "type: 1 to 64 bytes expected, got 65"},
        {FIELD(source), {"", 0}, NULL},
        {FIELD(source), {"", 1024}, NULL},
        {FIELD(source), {"", 1025}, "source: at most 1024 bytes expected, got 1025"},
        {FIELD(campaign), {"", 1024}, NULL},
        {FIELD(campaign), {"", 1025}, "campaign: at most 1024 bytes expected, got 1025"},
        {FIELD(topic), {"", 1024}, NULL},
        {FIELD(topic), {"", 1025}, "topic: at most 1024 bytes expected, got 1025"},
};

START_TEST(length_of_each_field_is_checked) {
    LeadEvent event = valid_event();
    Str value = field_rows[_i].value.data ? filled(field_rows[_i].value.len) : STR_NULL;
    memcpy((char *)&event + field_rows[_i].offset, &value, sizeof(value));
    if (field_rows[_i].refusal)
        assert_refused(&event, field_rows[_i].refusal);
    else
        assert_valid(&event);
}
END_TEST

static const struct {
    int64_t at_ms;
    const char *refusal;
} time_rows[] = {
        {0, NULL},
        {INT64_C(253402300799999), NULL},
        {-1, "occurred_at: 0 to 253402300799999 (the years 1970 to 9999) expected, got -1"},
        {INT64_C(253402300800000),
                "occurred_at: 0 to 253402300799999 (the years 1970 to 9999) expected, got 253402300800000"},
        {INT64_MIN, "occurred_at: 0 to 253402300799999 (the years 1970 to 9999) expected, got "
                    "-9223372036854775808"},
};

START_TEST(time_is_within_four_digit_years) {
    LeadEvent event = valid_event();
    event.occurred_at_ms = time_rows[_i].at_ms;
    if (time_rows[_i].refusal)
        assert_refused(&event, time_rows[_i].refusal);
    else
        assert_valid(&event);
}
END_TEST

START_TEST(properties_of_all_types_are_valid) {
    Property properties[] = {
            {STR_LITERAL("null"), VALUE_NONE},
            {STR_LITERAL("boolean"), value_boolean(true)},
            {STR_LITERAL("long"), value_long(INT64_MIN)},
            {STR_LITERAL("double"), value_double(-1e308)},
            {STR_LITERAL("empty"), value_string(STR_LITERAL(""))},
            {STR_LITERAL("longest"), value_string(filled(EVENT_PROPERTY_STRING_LEN_MAX))},
            {STR_LITERAL(""), VALUE_NONE},
            {filled(EVENT_PROPERTY_NAME_LEN_MAX), VALUE_NONE},
    };
    LeadEvent event = valid_event();
    event.properties = properties;
    event.n_properties = ARRAY_SIZE(properties);
    assert_valid(&event);
}
END_TEST

START_TEST(property_s_limits_are_checked) {
    Property properties[] = {{STR_LITERAL("fine"), VALUE_NONE}, {STR_LITERAL("url"), VALUE_NONE}};
    LeadEvent event = valid_event();
    event.properties = properties;
    event.n_properties = ARRAY_SIZE(properties);

    properties[1].value = value_double(INFINITY);
    assert_refused(&event, "properties.url: a finite number expected, got inf");
    properties[1].value = value_double(-INFINITY);
    assert_refused(&event, "properties.url: a finite number expected, got -inf");
    properties[1].value = value_double(NAN);
    assert_refused(&event, "properties.url: a finite number expected, got nan");
    properties[1].value = value_string(filled(EVENT_PROPERTY_STRING_LEN_MAX + 1));
    assert_refused(&event, "properties.url: at most 32768 bytes expected, got 32769");
    properties[1] = (Property){filled(EVENT_PROPERTY_NAME_LEN_MAX + 1), VALUE_NONE};
    assert_refused(&event, "properties: a name of at most 256 bytes expected, got 257 (property 2)");
}
END_TEST

START_TEST(number_of_properties_is_checked) {
    static Property properties[EVENT_PROPERTIES_MAX + 1];
    for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
        properties[i] = (Property){STR_LITERAL("p"), VALUE_NONE};
    LeadEvent event = valid_event();
    event.properties = properties;
    event.n_properties = EVENT_PROPERTIES_MAX;
    assert_valid(&event);
    event.n_properties++;
    assert_refused(&event, "properties: at most 1024 expected, got 1025");
}
END_TEST

START_TEST(text_is_cut_to_its_size) {
    /* 40 times é: shown in part, and never half of one */
    char name[80];
    for (size_t i = 0; i < sizeof(name); i += 2)
        memcpy(name + i, "\xC3\xA9", 2);
    Property property = {{name, sizeof(name)}, value_double(NAN)};
    LeadEvent event = valid_event();
    event.properties = &property;
    event.n_properties = 1;

    char text[16];
    memset(text, 'x', sizeof(text));
    ck_assert(!event_validate(&event, text, 0));
    ck_assert_int_eq(text[0], 'x');
    ck_assert(!event_validate(&event, text, 1));
    ck_assert_str_eq(text, "");
    ck_assert(!event_validate(&event, text, 14));
    ck_assert_str_eq(text, "properties.");
    ck_assert(!event_validate(&event, text, 15));
    ck_assert_str_eq(text, "properties.\xC3\xA9");
    ck_assert_int_eq(text[15], 'x');
    ck_assert(!event_validate(&event, text, 16));
    ck_assert_str_eq(text, "properties.\xC3\xA9");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("event");
    TCase *tc = tcase_create("event");
    tcase_add_test(tc, event_with_required_fields_only_is_valid);
    tcase_add_loop_test(tc, length_of_each_field_is_checked, 0, ARRAY_SIZE(field_rows));
    tcase_add_loop_test(tc, time_is_within_four_digit_years, 0, ARRAY_SIZE(time_rows));
    tcase_add_test(tc, properties_of_all_types_are_valid);
    tcase_add_test(tc, property_s_limits_are_checked);
    tcase_add_test(tc, number_of_properties_is_checked);
    tcase_add_test(tc, text_is_cut_to_its_size);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
