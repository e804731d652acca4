/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/footer.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#define NAME(s) STR_LITERAL(s)

/* A time as a number; TIME_NONE is null, so that no reader takes it for a date. */
static void write_ms(JsonWriter *w, Str name, int64_t at_ms) {
    if (at_ms == TIME_NONE)
        json_write_null(w, name);
    else
        json_write_integer(w, name, at_ms);
}

static void write_inputs(JsonWriter *w, const Footer *footer) {
    json_write_array_begin(w, NAME("inputs"));
    for (size_t i = 0; i < footer->n_inputs; i++) {
        const FooterInput *input = &footer->inputs[i];
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("topic"), str_from(input->topic));
        json_write_integer(w, NAME("offset"), input->offset);
        write_ms(w, NAME("newest"), input->newest_ms);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

int footer_print(const Footer *footer, JsonWriter *w) {
    json_write_object_begin(w, STR_NULL);
    json_write_integer(w, NAME("format"), FOOTER_FORMAT);
    json_write_string(w, NAME("lineage"), str_from(footer->lineage));
    json_write_integer(w, NAME("bno"), footer->bno);
    json_write_integer(w, NAME("shards"), footer->shards);
    write_ms(w, NAME("watermark"), footer->watermark_ms);
    write_ms(w, NAME("accounts_watermark"), footer->accounts_watermark_ms);
    write_inputs(w, footer);
    json_write_object_begin(w, NAME("model"));
    json_write_integer(w, NAME("version"), footer->model_version);
    json_write_string(w, NAME("hash"), str_from(footer->model_hash));
    json_write_object_end(w);
    json_write_object_begin(w, NAME("counts"));
    json_write_integer(w, NAME("events"), footer->n_events);
    json_write_integer(w, NAME("outputs"), footer->n_outputs);
    json_write_integer(w, NAME("records"), footer->n_records);
    json_write_object_end(w);
    json_write_string(w, NAME("hash"), str_from(footer->hash));
    json_write_object_end(w);
    return w->error;
}

static bool get_integer(const json_t *object, const char *key, int64_t *ret) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        return false;
    *ret = json_integer_value(value);
    return true;
}

static bool get_time(const json_t *object, const char *key, int64_t *ret_ms) {
    if (json_is_null(json_object_get(object, key))) {
        *ret_ms = TIME_NONE;
        return true;
    }
    return get_integer(object, key, ret_ms);
}

static bool get_text(const json_t *object, const char *key, char *ret, size_t size) {
    const char *value = json_string_value(json_object_get(object, key));
    if (!value || strlen(value) >= size)
        return false;
    memcpy(ret, value, strlen(value) + 1);
    return true;
}

static bool get_inputs(const json_t *inputs, Footer *footer) {
    size_t n = json_array_size(inputs);
    if (!json_is_array(inputs) || n > ARRAY_SIZE(footer->inputs))
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *input = json_array_get(inputs, i);
        FooterInput *ret = &footer->inputs[i];
        if (!get_text(input, "topic", ret->topic, sizeof(ret->topic)) ||
                !get_integer(input, "offset", &ret->offset) || !get_time(input, "newest", &ret->newest_ms))
            return false;
    }
    footer->n_inputs = n;
    return true;
}

static bool get_all(const json_t *json, Footer *footer) {
    const json_t *model = json_object_get(json, "model"), *counts = json_object_get(json, "counts");
    return get_text(json, "lineage", footer->lineage, sizeof(footer->lineage)) &&
            get_integer(json, "bno", &footer->bno) && footer->bno > 0 &&
            get_integer(json, "shards", &footer->shards) &&
            get_time(json, "watermark", &footer->watermark_ms) &&
            get_time(json, "accounts_watermark", &footer->accounts_watermark_ms) &&
            get_inputs(json_object_get(json, "inputs"), footer) &&
            get_integer(model, "version", &footer->model_version) &&
            get_text(model, "hash", footer->model_hash, sizeof(footer->model_hash)) &&
            get_integer(counts, "events", &footer->n_events) &&
            get_integer(counts, "outputs", &footer->n_outputs) &&
            get_integer(counts, "records", &footer->n_records) &&
            get_text(json, "hash", footer->hash, sizeof(footer->hash));
}

int footer_parse(Str text, Footer *ret) {
    Footer footer = {0};
    int64_t format = 0;
    json_t *json = json_loadb(text.data ? text.data : "", text.len, 0, NULL);
    int r = FOOTER_E_CORRUPT;
    if (get_integer(json, "format", &format) && format > FOOTER_FORMAT)
        r = FOOTER_E_FORMAT;
    else if (format == FOOTER_FORMAT && get_all(json, &footer))
        r = 0;
    json_decref(json);
    if (r == 0)
        *ret = footer;
    return r;
}

const FooterInput *footer_input(const Footer *footer, const char *topic) {
    for (size_t i = 0; i < footer->n_inputs; i++)
        if (strcmp(footer->inputs[i].topic, topic) == 0)
            return &footer->inputs[i];
    return NULL;
}

void hint_print(const Hint *hint, char text[static HINT_SIZE]) {
    (void)snprintf(text, HINT_SIZE, "scored1 %s %" PRId64 " %" PRId64, hint->lineage, hint->bno, hint->footer_offset);
}

bool hint_parse(const char *text, Hint *ret) {
    Hint hint = {0};
    int end = 0;
    if (sscanf(text, "scored1 %32[0-9a-f] %" SCNd64 " %" SCNd64 "%n", hint.lineage, &hint.bno, &hint.footer_offset,
                &end) != 3 ||
            text[end] != '\0' || strlen(hint.lineage) != LINEAGE_LEN || hint.bno < 1)
        return false;
    *ret = hint;
    return true;
}
