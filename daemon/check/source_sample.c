/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/check/source_sample.h"

#include <inttypes.h>
#include <stdio.h>

/* Of an id that is shown. */
#define SHOWN_LEN_MAX 64

#define PLACE_FMT "partition %" PRId32 " offset %" PRId64
#define PLACE_ARG(record) (record)->partition, (record)->offset

/* Keys can be anything: what is no text would spoil the terminal. */
static const char *show(Str id, char shown[static SHOWN_LEN_MAX + 16]) {
    if (str_is_null(id))
        return strcpy(shown, "none");
    size_t len = str_cut(id, SHOWN_LEN_MAX), n = 0;
    shown[n++] = '"';
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)id.data[i];
        shown[n++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    strcpy(shown + n, len < id.len ? "\"…" : "\"");
    return shown;
}

void source_sample_add_event(SourceSample *s, const SampleRecord *record, const LeadEvent *event) {
    char key[SHOWN_LEN_MAX + 16], lead_id[SHOWN_LEN_MAX + 16];
    s->n_records++;
    if (!str_eq(record->key, event->lead_id)) {
        if (s->n_foreign++ == 0)
            (void)snprintf(s->foreign, sizeof(s->foreign), PLACE_FMT ": key %s, lead_id %s", PLACE_ARG(record), show(record->key, key),
                    show(event->lead_id, lead_id));
        return;
    }
    for (unsigned i = 0; i < KAFKA_PARTITIONERS; i++) {
        int32_t right = kafka_partition_by(i, record->key, s->n_partitions);
        if (right == record->partition)
            continue;
        if (s->n_misplaced[i]++ == 0 && i == s->partitioner)
            (void)snprintf(s->misplaced, sizeof(s->misplaced), PLACE_FMT ": lead_id %s belongs to partition %" PRId32,
                    PLACE_ARG(record), show(event->lead_id, lead_id), right);
    }
}

void source_sample_add_unusable(SourceSample *s, const SampleRecord *record, const char *reason, const char *text) {
    s->n_records++;
    s->n_unknown_schema += strcmp(reason, "unknown_schema") == 0;
    if (s->n_unusable++ == 0)
        (void)snprintf(s->unusable, sizeof(s->unusable), PLACE_FMT ": %s", PLACE_ARG(record), text);
}
