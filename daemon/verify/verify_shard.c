/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "daemon/verify/verify.h"

#define PAUSE_MS 100
/* For the latest batches of all shards; as much again for what they wrote elsewhere. */
#define BATCHES_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define BATCHES_BYTES_MIN ((size_t)256 * 1024)

void verify_progress(const VerifyShard *s, const char *what, int64_t done, int64_t all) {
    if (s->v->progress)
        s->v->progress(s->id, what, done, all);
}

void verify_pause(void) {
    const struct timespec delay = {.tv_nsec = PAUSE_MS * 1000 * 1000};
    (void)nanosleep(&delay, NULL);
}

/* --- what is said of it ------------------------------------------------------------------------------ */

static void PRINTF_LIKE(4, 5) tell(VerifyShard *s, FindingSeverity severity, const char *subject, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    findings_add(s->v->findings, severity, subject, "%s", text);
    findings_shard(s->v->findings, s->id);
}

static void tell_changelog(VerifyShard *s) {
    const VerifyChain *chain = s->chain;
    size_t n[_ENTITY_KIND_MAX] = {0};
    for (size_t i = 0; i < verify_table_count(s->table); i++) {
        const VerifyEntity *entity = verify_table_at(s->table, i);
        n[entity->kind] += entity->known.is_there;
    }
    if (!chain->has_last) {
        tell(s, FINDING_OK, "changelog", "it is empty");
        return;
    }
    tell(s, FINDING_OK, "changelog", "read up to batch %" PRId64 ": %" PRId64 " records, %zu leads, %zu accounts", chain->last.bno, s->n_read,
            n[ENTITY_LEAD], n[ENTITY_ACCOUNT]);
    if (chain->first_bno > 1)
        tell(s, FINDING_NOTE, "changelog", "batches before %" PRId64 " are compacted; the chain is verified from there on", chain->first_bno);
}

static void tell_group(VerifyShard *s) {
    if (s->n_offsets > 0)
        tell(s, FINDING_OK, "group", "%zu committed offset%s where the last batch left %s", s->n_offsets, s->n_offsets == 1 ? " is" : "s are",
                s->n_offsets == 1 ? "it" : "them");
    if (s->n_skipped > 0)
        tell(s, FINDING_NOTE, "group", "%zu committed offset%s moved ahead by scored skip", s->n_skipped, s->n_skipped == 1 ? " was" : "s were");
    if (s->n_without_offset > 0)
        tell(s, FINDING_NOTE, "group", "%zu input%s no committed offset, as after a week without scored: it goes on by the last batch",
                s->n_without_offset, s->n_without_offset == 1 ? " has" : "s have");
}

static void tell_view(VerifyShard *s) {
    if (s->view_left_out) {
        tell(s, FINDING_NOTE, "Redis", "not compared: %s", s->view_left_out);
        return;
    }
    if (s->n_compared > 0)
        tell(s, FINDING_OK, "Redis", "compared at batch %" PRId64 ": %zu leads and accounts", s->view_bno, s->n_compared);
    if (s->n_behind > 0)
        tell(s, FINDING_NOTE, "Redis", "it is at batch %" PRId64 ", the changelog at %" PRId64 ": %zu leads and accounts that changed in between "
                "could not be compared", s->view_bno, s->chain->last.bno, s->n_behind);
    if (s->n_parts_left_out > 0)
        tell(s, FINDING_NOTE, "Redis", "fields, moments and ranks of %zu leads and accounts not compared: their records are not of the model's "
                "file, version %" PRId64, s->n_parts_left_out, s->v->model->version);
}

/* --- a shard ----------------------------------------------------------------------------------------- */

static int read_changelog(VerifyShard *s) {
    int64_t end = 0;
    int r = verify_log_open(s);
    if (r == 0)
        r = verify_log_end(s, &end);
    return r ? r : verify_log_read(s, end, 0);
}

static int verify_all(VerifyShard *s) {
    int64_t end = 0;
    int r = read_changelog(s);
    if (r == 0)
        r = verify_offsets(s);
    if (r == 0)
        r = verify_redis(s);
    if (r == VERIFY_E_STOP) {
        s->view_left_out = "see what is wrong with it";
        r = 0;
    }
    /* To its end once more, so that nothing is loose that a footer follows. */
    if (r == 0)
        r = verify_log_end(s, &end);
    if (r == 0)
        r = verify_log_read(s, end, 0);
    if (r == 0)
        verify_chain_end(s->chain, end, &s->report);
    kafka_changelog_rest(s->v->changelog);
    return r;
}

int verify_shard(Verify *v, int32_t shard) {
    VerifyShard s = {.v = v, .id = shard, .report = {.findings = v->findings, .redis_prefix = v->config->redis_prefix, .shard = shard}};
    SipKey key;
    if (getrandom(&key, sizeof(key), 0) != (ssize_t)sizeof(key))
        return -EIO;
    shard_tag(shard, v->n_shards, s.report.tag);
    s.chain = calloc(1, sizeof(*s.chain));
    int r = s.chain ? verify_table_new(key, &s.table) : -ENOMEM;
    if (r == 0 && v->n_batches > 0)
        r = verify_batches_new(v->n_batches, MAX(BATCHES_BYTES_MAX / (size_t)v->n_shards, BATCHES_BYTES_MIN), &v->batches[shard]);
    if (r == 0) {
        s.chain->n_shards = v->n_shards;
        r = verify_all(&s);
    }
    if (r == 0) {
        tell_changelog(&s);
        tell_group(&s);
        tell_view(&s);
    }
    if (r >= 0)
        verify_tell_rest(&s.report);
    for (size_t i = 0; i < s.n_skeletons; i++)
        model_free(s.skeletons[i]);
    free(s.skeletons);
    verify_table_free(s.table);
    free(s.chain);
    return r;
}
