/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/skeleton_reader.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/io/kafka/kafka_changelog.h"

#define POLL_MS 200
/* A broker that says nothing for so long is not going to. */
#define SILENCE_MS 15000
/* A footer is where the view says, or a batch further on; a batch has no more records than that by far. */
#define RECORDS_MAX 1000000

/* What was found on the way; -1: nothing. */
typedef struct Finding {
    bool taken;     /* the skeleton itself came by */
    bool footer;
    int64_t offset; /* where a footer says that it stands */
    int64_t first_offset; /* where it stands if the first batch under that version is the one that was seen */
} Finding;

/* KAFKA_E_UNKNOWN: there is no more. */
static int next_record(KafkaChangelog *changelog, char *text, ChangelogRecord *ret) {
    int64_t since_ms = clock_monotonic_ms();
    int r;
    do {
        r = kafka_changelog_next(changelog, POLL_MS, text, ret);
    } while ((r == KAFKA_E_TIMEOUT || r == KAFKA_E_RETRY) && clock_monotonic_ms() - since_ms < SILENCE_MS);
    return r;
}

static bool is_skeleton(const SkeletonQuery *query, const ChangelogRecord *record) {
    char key[sizeof(CHANGELOG_MODEL_PREFIX) + 24];
    (void)snprintf(key, sizeof(key), CHANGELOG_MODEL_PREFIX "%" PRId64, query->version);
    return str_eq_c(record->key, key) && record->value.data;
}

static int append(Buffer *buffer, Str bytes) {
    Packer p = {.buffer = buffer, .start = buffer->len, .bytes_max = buffer->len + bytes.len};
    pack_bytes(&p, bytes.data, bytes.len);
    return p.error < 0 ? p.error : 0;
}

/*
 * Under the first batch of a version its footer does not say where the skeleton is, for it is the first of the batch's own records, which
 * stand one by one before the footer.
 */
static int note_footer(const SkeletonQuery *query, const ChangelogRecord *record, char *text, Footer *footer, Finding *finding) {
    if (footer_parse(record->value, footer) != 0) {
        (void)snprintf(text, KAFKA_TEXT_SIZE, "the changelog of shard %" PRId32 " holds a footer that cannot be read", query->shard);
        return KAFKA_E_CONFIG;
    }
    finding->footer = true;
    for (size_t i = 0; i < footer->n_skeletons; i++)
        if (footer->skeletons[i].version == query->version)
            finding->offset = footer->skeletons[i].offset;
    if (footer->model_version == query->version && finding->first_offset < 0)
        finding->first_offset = record->offset - footer->n_records;
    return 0;
}

static int search(
        const SkeletonQuery *query, KafkaChangelog *changelog, char *text, Footer *footer, Buffer *buffer, Finding *finding) {
    int r = kafka_changelog_seek(changelog, query->shard, MAX(query->view_next - 1, INT64_C(0)), text);
    for (int64_t n = 0; r == 0 && !finding->taken && finding->offset < 0 && n < RECORDS_MAX; n++) {
        ChangelogRecord record;
        r = next_record(changelog, text, &record);
        if (r == 0 && is_skeleton(query, &record)) {
            r = append(buffer, record.value);
            finding->taken = r == 0;
        } else if (r == 0 && str_eq_c(record.key, FOOTER_KEY) && record.value.data) {
            r = note_footer(query, &record, text, footer, finding);
        }
    }
    return r == KAFKA_E_UNKNOWN || r == KAFKA_E_OFFSET ? 0 : r;
}

/* What stands at an offset, if that is the skeleton. */
static int fetch(const SkeletonQuery *query, KafkaChangelog *changelog, int64_t offset, char *text, Buffer *buffer, bool *ret_found) {
    ChangelogRecord record;
    int r = kafka_changelog_seek(changelog, query->shard, offset, text);
    if (r == 0)
        r = next_record(changelog, text, &record);
    *ret_found = r == 0 && record.offset == offset && is_skeleton(query, &record);
    if (*ret_found)
        return append(buffer, record.value);
    return r == KAFKA_E_UNKNOWN || r == KAFKA_E_OFFSET ? 0 : r;
}

int skeleton_read(const SkeletonQuery *query, char *text, Footer *ret_footer, Buffer *buffer) {
    _cleanup_(kafka_changelog_free) KafkaChangelog *changelog = NULL;
    Finding finding = {.offset = -1, .first_offset = -1};
    int r = kafka_changelog_new(query->config, NULL, text, &changelog);
    if (r == 0)
        r = search(query, changelog, text, ret_footer, buffer, &finding);
    bool found = finding.taken;
    int64_t offset = finding.offset >= 0 ? finding.offset : finding.first_offset;
    if (r == 0 && !found && offset >= 0)
        r = fetch(query, changelog, offset, text, buffer, &found);
    if (r == 0 && (!found || !finding.footer)) {
        (void)snprintf(text, KAFKA_TEXT_SIZE, "the changelog does not have the names of version %" PRId64 " of the model", query->version);
        r = KAFKA_E_UNKNOWN;
    }
    return r;
}
