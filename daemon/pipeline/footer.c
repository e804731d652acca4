/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/footer.h"

#include <inttypes.h>
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
        if (input->partition >= 0)
            json_write_integer(w, NAME("partition"), input->partition);
        json_write_integer(w, NAME("offset"), input->offset);
        write_ms(w, NAME("newest"), input->newest_ms);
        write_ms(w, NAME("proved"), input->proved_ms);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

/* Only where there are any: it came later than format 1. */
static void write_routed(JsonWriter *w, const Footer *footer) {
    if (footer->n_routed == 0)
        return;
    json_write_array_begin(w, NAME("routed"));
    for (size_t i = 0; i < footer->n_routed; i++) {
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("topic"), str_from(footer->routed[i].topic));
        write_ms(w, NAME("newest"), footer->routed[i].newest_ms);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

static void write_skeletons(JsonWriter *w, const Footer *footer) {
    json_write_array_begin(w, NAME("skeletons"));
    for (size_t i = 0; i < footer->n_skeletons; i++) {
        json_write_object_begin(w, STR_NULL);
        json_write_integer(w, NAME("version"), footer->skeletons[i].version);
        json_write_integer(w, NAME("offset"), footer->skeletons[i].offset);
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
    write_ms(w, NAME("begun_watermark"), footer->begun_watermark_ms);
    json_write_integer(w, NAME("taken"), footer->taken_bno);
    write_inputs(w, footer);
    write_routed(w, footer);
    json_write_object_begin(w, NAME("model"));
    json_write_integer(w, NAME("version"), footer->model_version);
    json_write_string(w, NAME("hash"), str_from(footer->model_hash));
    write_skeletons(w, footer);
    json_write_integer(w, NAME("walk_next"), footer->walk_next);
    json_write_integer(w, NAME("walk_end"), footer->walk_end);
    json_write_object_end(w);
    json_write_object_begin(w, NAME("counts"));
    json_write_integer(w, NAME("events"), footer->n_events);
    json_write_integer(w, NAME("outputs"), footer->n_outputs);
    json_write_integer(w, NAME("records"), footer->n_records);
    if (footer->n_written >= 0)
        json_write_integer(w, NAME("written"), footer->n_written);
    json_write_object_end(w);
    json_write_string(w, NAME("hash"), str_from(footer->hash));
    json_write_object_end(w);
    return w->error;
}

const FooterInput *footer_input(const Footer *footer, int32_t shard, const char *topic, int32_t partition) {
    for (size_t i = 0; i < footer->n_inputs; i++) {
        const FooterInput *input = &footer->inputs[i];
        if ((input->partition < 0 ? shard : input->partition) == partition && strcmp(input->topic, topic) == 0)
            return input;
    }
    return NULL;
}

int64_t footer_routed(const Footer *footer, const char *topic) {
    for (size_t i = 0; i < footer->n_routed; i++)
        if (strcmp(footer->routed[i].topic, topic) == 0)
            return footer->routed[i].newest_ms;
    return TIME_NONE;
}

#define SKIP " skip"

void hint_print(const Hint *hint, char text[static HINT_SIZE]) {
    (void)snprintf(text, HINT_SIZE, "scored1 %s %" PRId64 " %" PRId64 "%s", hint->lineage, hint->bno, hint->footer_offset,
            hint->is_skip ? SKIP : "");
}

bool hint_parse(const char *text, Hint *ret) {
    Hint hint = {0};
    int end = 0;
    if (sscanf(text, "scored1 %32[0-9a-f] %" SCNd64 " %" SCNd64 "%n", hint.lineage, &hint.bno, &hint.footer_offset,
                &end) != 3 ||
            strlen(hint.lineage) != LINEAGE_LEN || hint.bno < 1)
        return false;
    hint.is_skip = strcmp(text + end, SKIP) == 0;
    if (text[end] != '\0' && !hint.is_skip)
        return false;
    *ret = hint;
    return true;
}

void batch_tag_print(const BatchTag *tag, char text[static BATCH_TAG_SIZE]) {
    (void)snprintf(text, BATCH_TAG_SIZE, "%s %" PRId32 " %" PRId64 " %" PRId64, tag->lineage, tag->shard, tag->bno, tag->number);
}

bool batch_tag_parse(Str text, BatchTag *ret) {
    char copy[BATCH_TAG_SIZE];
    BatchTag tag = {0};
    int end = 0;
    if (text.len >= sizeof(copy))
        return false;
    if (text.len)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (sscanf(copy, "%32[0-9a-f] %" SCNd32 " %" SCNd64 " %" SCNd64 "%n", tag.lineage, &tag.shard, &tag.bno, &tag.number, &end) != 4 ||
            (size_t)end != text.len || strlen(tag.lineage) != LINEAGE_LEN || tag.shard < 0 || tag.bno < 1 || tag.number < 0)
        return false;
    *ret = tag;
    return true;
}
