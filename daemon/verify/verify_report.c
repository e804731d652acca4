/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/verify/verify_report.h"

#include <stdarg.h>

#define RESTORE "; restore the topic from a copy, or start over with another topics.prefix"
#define WHO_WROTE "find out who else writes to the topic (another deployment with the same prefix, a mirror, a restored copy)"

/* NULL: the keys in Redis are to be made anew, which names one of them. */
static const struct {
    FindingSeverity severity;
    const char *what; /* in the plural */
    const char *remedy;
} kinds[_VERIFY_KIND_MAX] = {
        [VERIFY_FOOTER] = {FINDING_ERROR, "such footers", "use the version of scored that wrote it; if none did, " WHO_WROTE RESTORE},
        [VERIFY_CHAIN] = {FINDING_ERROR, "such breaks", WHO_WROTE ", or whether Kafka lost records" RESTORE},
        [VERIFY_BACK] = {FINDING_ERROR, "such steps back", WHO_WROTE RESTORE},
        [VERIFY_COUNT] = {FINDING_ERROR, "such batches", WHO_WROTE ", or whether Kafka lost records" RESTORE},
        [VERIFY_HASH] = {FINDING_ERROR, "such batches",
                "find out who else writes to these topics, or whether Kafka lost or damaged records; compare the outputs of that time with "
                "what consumers have"},
        [VERIFY_FOREIGN] = {FINDING_WARNING, "such records", WHO_WROTE},
        [VERIFY_RECORD] = {FINDING_ERROR, "such records",
                "run the version of scored, and the model, that wrote it; if it is damaged, restore the topic from a copy"},
        [VERIFY_MODEL] = {FINDING_ERROR, "such differences", "restore the model file that the records were made with, or raise its version"},
        [VERIFY_SHARDS] = {FINDING_ERROR, "such footers", "go back to the old number of partitions, or start over with another prefix"},
        [VERIFY_OFFSET] = {FINDING_ERROR, "such offsets", "see the finding"},
        [VERIFY_VIEW_META] = {FINDING_ERROR, "such shards",
                "check redis.prefix and topics.prefix; if Kafka lost data, restore the changelog, or delete the shard's keys in Redis to "
                "accept its state"},
        [VERIFY_VIEW_AWAY] = {FINDING_WARNING, "such shards", "start scored: the shard's owner makes its keys anew from the changelog"},
        [VERIFY_VIEW_RECORD] = {FINDING_ERROR, "such records", NULL},
        [VERIFY_VIEW_STRAY] = {FINDING_ERROR, "such leads or accounts", NULL},
        [VERIFY_VIEW_MOMENT] = {FINDING_ERROR, "such moments", NULL},
        [VERIFY_VIEW_RANK] = {FINDING_ERROR, "such ranks", NULL},
        [VERIFY_VIEW_FIELD] = {FINDING_ERROR, "such fields", NULL},
};

static void add_remedy(const VerifyReport *report, VerifyKind kind) {
    if (kinds[kind].remedy)
        findings_remedy(report->findings, "%s", kinds[kind].remedy);
    else
        findings_remedy(report->findings,
                "delete the key %s:{%s}:meta while scored runs, or before it starts: the shard's owner then makes its keys anew from the "
                "changelog; find out who else writes to Redis",
                report->redis_prefix, report->tag);
}

bool verify_tell(VerifyReport *report, VerifyKind kind, const char *subject, const char *format, ...) {
    _cleanup_(free_null) char *text = NULL;
    va_list args;
    if (report->counts[kind]++ >= VERIFY_TOLD_MAX)
        return false;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    findings_add(report->findings, kinds[kind].severity, subject, "%s", text ? text : "");
    report->findings->out_of_memory = report->findings->out_of_memory || !text;
    findings_shard(report->findings, report->shard);
    add_remedy(report, kind);
    return true;
}

void verify_tell_rest(VerifyReport *report) {
    for (VerifyKind kind = 0; kind < _VERIFY_KIND_MAX; kind++) {
        if (report->counts[kind] <= VERIFY_TOLD_MAX)
            continue;
        findings_add(report->findings, kinds[kind].severity, "more", "%zu more %s", report->counts[kind] - VERIFY_TOLD_MAX, kinds[kind].what);
        findings_shard(report->findings, report->shard);
    }
}
