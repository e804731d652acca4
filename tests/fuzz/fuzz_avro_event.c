/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writer schemas and data. The first byte chooses one of the schemas below for the bytes that follow, or has
 * them begin with a schema of their own, up to a NUL. What decodes is a valid event, and neither the datum
 * without its last byte nor with one more decodes too.
 */
#include <stdlib.h>

#include "daemon/io/avro/avro_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* clang-format off */
#define FIELD(name, type) "{\"name\": \"" name "\", \"type\": " type "}"
#define RECORD(name, fields) "{\"type\": \"record\", \"name\": \"" name "\", \"fields\": [" fields "]}"
#define ARRAY(items) "{\"type\": \"array\", \"items\": " items "}"
#define MAP(values) "{\"type\": \"map\", \"values\": " values "}"
#define NULLABLE_STRING "[\"null\", \"string\"]"

static const char *const schemas[] = {
    /* What our own producers write. */
    RECORD("Event",
        FIELD("event_id", "\"string\"") ","
        FIELD("occurred_at", "\"long\"") ","
        FIELD("lead_id", "\"string\"") ","
        FIELD("account_id", NULLABLE_STRING) ","
        FIELD("type", "\"string\"") ","
        FIELD("source", NULLABLE_STRING) ","
        FIELD("campaign", NULLABLE_STRING) ","
        FIELD("topic", NULLABLE_STRING) ","
        FIELD("properties", MAP("[\"null\", \"boolean\", \"long\", \"double\", \"string\"]"))),
    /* Every type that is passed over. */
    RECORD("Event",
        FIELD("event_id", "\"string\"") ","
        FIELD("occurred_at", "\"long\"") ","
        FIELD("lead_id", "\"string\"") ","
        FIELD("type", "\"string\"") ","
        FIELD("a", ARRAY("[\"null\", \"int\", \"float\", \"boolean\", \"double\"]")) ","
        FIELD("b", MAP(ARRAY("\"null\""))) ","
        FIELD("c", RECORD("List", FIELD("v", "\"bytes\"") "," FIELD("next", "[\"null\", \"List\"]"))) ","
        FIELD("d", "{\"type\": \"fixed\", \"name\": \"F\", \"size\": 3}") ","
        FIELD("e", "{\"type\": \"enum\", \"name\": \"E\", \"symbols\": [\"A\", \"B\"]}") ","
        FIELD("f", ARRAY(RECORD("Tree", FIELD("twigs", ARRAY("\"Tree\"")))))),
    /* Every way to write what is read. */
    RECORD("Event",
        FIELD("type", "{\"type\": \"enum\", \"name\": \"T\", \"symbols\": [\"view\", \"click\"]}") ","
        FIELD("occurred_at", "[\"null\", \"int\", {\"type\": \"long\", \"logicalType\": \"timestamp-micros\"}]") ","
        FIELD("properties", "[\"null\", " MAP("[\"int\", \"float\", \"bytes\", \"T\", " ARRAY("\"T\"") "]") "]") ","
        FIELD("lead_id", "\"bytes\"") ","
        FIELD("event_id", "[\"string\", \"bytes\", \"null\"]")),
};
/* clang-format on */

/* Not assert(): this must hold in a build without assertions, too. */
static void require(bool condition) {
    if (!condition)
        abort();
}

static void check_datum(const AvroPlan *plan, const uint8_t *datum, size_t len) {
    static AvroEventDecoder *decoder;
    char text[256], reason[256];
    LeadEvent event;

    if (!decoder)
        require(avro_event_decoder_new(&decoder) == 0);
    int r = avro_event_decode(decoder, plan, datum, len, &event, text, sizeof(text));
    if (r) {
        require(r == AVRO_EVENT_E_SCHEMA && strlen(text) > 0);
        return;
    }
    require(event_validate(&event, reason, sizeof(reason)));
    require(avro_event_decode(decoder, plan, datum, len - 1, &event, text, sizeof(text)) ==
            AVRO_EVENT_E_SCHEMA);

    uint8_t *longer = malloc(len + 1);
    require(longer != NULL);
    memcpy(longer, datum, len);
    longer[len] = 0;
    require(avro_event_decode(decoder, plan, longer, len + 1, &event, text, sizeof(text)) ==
            AVRO_EVENT_E_SCHEMA);
    free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static AvroPlan *plans[ARRAY_SIZE(schemas)];
    char text[256] = "";
    AvroPlan *plan = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(schemas); i++)
        if (!plans[i])
            require(avro_plan_new(str_from(schemas[i]), text, sizeof(text), &plans[i]) == 0);
    if (size == 0)
        return 0;
    if (data[0] < ARRAY_SIZE(schemas)) {
        check_datum(plans[data[0]], data + 1, size - 1);
        return 0;
    }
    const uint8_t *end = memchr(data + 1, '\0', size - 1);
    size_t len = end ? (size_t)(end - data - 1) : size - 1;
    int r = avro_plan_new((Str){(const char *)data + 1, len}, text, sizeof(text), &plan);
    require(r == 0 || (r == AVRO_PLAN_E_SCHEMA && strlen(text) > 0));
    if (r == 0 && end)
        check_datum(plan, end + 1, size - len - 2);
    avro_plan_free(plan);
    return 0;
}
