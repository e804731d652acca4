/* SPDX-License-Identifier: Apache-2.0 */
/* What a Redis says of itself, and what the replicas say that may take its place. */
#include <inttypes.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/check/check_redis.h"
#include "lib/calendar/timestamp.h"

#define MIB (INT64_C(1) << 20)
/* NTP keeps machines within some milliseconds; the question itself takes time, too. */
#define CLOCKS_APART_MS_MAX 1000
/* Of maxmemory: as long as it takes to notice and to act. */
#define MEMORY_PERCENT_MAX 90

void check_clock(const char *whose, int64_t their_ms, int64_t our_ms, Findings *findings) {
    int64_t apart_ms = our_ms > their_ms ? our_ms - their_ms : their_ms - our_ms;
    char text[DURATION_TEXT_SIZE];
    (void)duration_print(apart_ms, text);
    if (apart_ms <= CLOCKS_APART_MS_MAX) {
        findings_add(findings, FINDING_OK, "clock", "%s and this machine's are no more than a second apart", whose);
        return;
    }
    findings_add(findings, FINDING_WARNING, "clock", "this machine's is %s %s %s", text, our_ms > their_ms ? "ahead of" : "behind", whose);
    findings_expected(findings, "no more than a second: moments and SLA clocks are judged by this machine's");
    findings_remedy(findings, "synchronize both by NTP");
}

CheckedSubject check_redis_subject(const CheckedRedis *asked, const char *what) {
    CheckedSubject subject;
    (void)snprintf(subject.text, sizeof(subject.text), "Redis%s%s%s%s", what[0] ? " " : "", what, asked->is_one_of_many ? " at " : "",
            asked->is_one_of_many ? asked->server.address : "");
    return subject;
}

/* --- condition --------------------------------------------------------------------------------------- */

static void check_role(const CheckedRedis *asked, const RedisCondition *redis) {
    Findings *findings = asked->findings;
    CheckedSubject subject = check_redis_subject(asked, "role");
    if (strcmp(redis->role, "master") == 0) {
        findings_add(findings, FINDING_OK, subject.text, "it is a master, of version %s", redis->version);
        return;
    }
    findings_add(findings, FINDING_ERROR, subject.text, "it is a %s", redis->role[0] ? redis->role : "server that does not tell what it is");
    findings_expected(findings, "a master: others cannot be written");
    findings_remedy(findings, "let redis.address name the master");
}

static void check_memory(const CheckedRedis *asked, const RedisCondition *redis) {
    Findings *findings = asked->findings;
    CheckedSubject subject = check_redis_subject(asked, "memory");
    int64_t used = redis->used_bytes / MIB, max = redis->max_bytes / MIB;
    if (redis->max_bytes <= 0) {
        findings_add(findings, FINDING_OK, subject.text, "%" PRId64 " MiB are used, and there is no limit", used);
        return;
    }
    bool is_full = redis->used_bytes >= redis->max_bytes / 100 * MEMORY_PERCENT_MAX;
    findings_add(findings, is_full ? FINDING_WARNING : FINDING_OK, subject.text, "%" PRId64 " of %" PRId64 " MiB are used", used, max);
    if (!is_full)
        return;
    findings_expected(findings, "less than %d %% of maxmemory: when it is full, no batch can be written, and scored stands still", MEMORY_PERCENT_MAX);
    findings_remedy(findings, "raise maxmemory");
}

static void check_disk(const CheckedRedis *asked, const RedisCondition *redis) {
    Findings *findings = asked->findings;
    CheckedSubject subject = check_redis_subject(asked, "disk");
    if (redis->last_save_failed || redis->log_failed) {
        findings_add(findings, FINDING_ERROR, subject.text, "its latest %s failed", redis->log_failed ? "write to the append-only file" : "save");
        findings_expected(findings, "that it can write to its disk: while it cannot, it refuses all writes");
        findings_remedy(findings, "see its log; is the disk full, or the directory not its own?");
        return;
    }
    if (redis->keeps_log)
        findings_add(findings, FINDING_OK, subject.text, "each write is kept in an append-only file");
    else
        findings_add(findings, FINDING_NOTE, subject.text, "there is no append-only file: what it has at a crash is built anew from the "
                                                           "changelog, as long as that takes");
}

static void judge_condition(const CheckedRedis *asked, const RedisCondition *redis) {
    char whose[sizeof(CheckedSubject) + 16];
    check_role(asked, redis);
    check_memory(asked, redis);
    check_disk(asked, redis);
    (void)snprintf(whose, sizeof(whose), asked->is_one_of_many ? "that of %s" : "%s's", check_redis_subject(asked, "").text);
    if (redis->time_ms != TIME_NONE)
        check_clock(whose, redis->time_ms, clock_wall_ms(), asked->findings);
}

/* --- replicas ---------------------------------------------------------------------------------------- */

static void judge_replica(const char *subject, const RedisCondition *master, const RedisCondition *replica, Findings *findings) {
    size_t n_before = findings->n;
    if (replica->policy[0] && strcmp(replica->policy, "noeviction") != 0) {
        findings_add(findings, FINDING_WARNING, subject, "its maxmemory-policy is %s: once it is the master, it would lose leads unnoticed",
                replica->policy);
        findings_expected(findings, "the policy noeviction");
        findings_remedy(findings, "set maxmemory-policy to noeviction there, too");
    }
    if (replica->max_bytes > 0 && (master->max_bytes <= 0 || replica->max_bytes < master->max_bytes)) {
        findings_add(findings, FINDING_WARNING, subject, "its maxmemory is %" PRId64 " MiB, less than its master's", replica->max_bytes / MIB);
        findings_expected(findings, "as much as its master has: else it is full once it is the master");
        findings_remedy(findings, "raise its maxmemory");
    }
    if (replica->is_cut_off) {
        findings_add(findings, FINDING_WARNING, subject, "it does not hear of its master");
        findings_expected(findings, "that it follows: what it lacks is made up for from the changelog once it is the master, which takes time");
        findings_remedy(findings, "see its log; masterauth and masteruser?");
    }
    if (findings->n == n_before)
        findings_add(findings, FINDING_OK, subject, "it follows, and has the master's limits");
}

/* As a Redis by itself. One that we cannot reach, we could not go over to either. */
static int check_replica(const CheckedRedis *asked, const RedisCondition *master, const RedisAddress *address) {
    _cleanup_(redis_view_free) RedisView *view = NULL;
    const ViewBoards no_boards = {0};
    Config config = *asked->config;
    RedisServer server = {0};
    RedisCondition replica;
    char text[REDIS_TEXT_SIZE];
    CheckedSubject subject;
    redis_address_print(address, server.address);
    config.redis_address = server.address;
    config.redis_sentinels.n = config.redis_cluster.n = 0;
    (void)snprintf(subject.text, sizeof(subject.text), "Redis replica %s", server.address);
    int r = redis_view_new(&config, &no_boards, text, &view);
    if (r == 0)
        r = redis_view_condition(view, &server, text, &replica);
    if (r == 0)
        judge_replica(subject.text, master, &replica, asked->findings);
    if (r > 0) {
        findings_add(asked->findings, FINDING_WARNING, subject.text, "it cannot be asked: %s", text);
        findings_expected(asked->findings, "an answer, as it may be the next master");
        findings_remedy(asked->findings, "does it announce an address that can be reached from here, and know our user? (replica-announce-ip, ACLs)");
    }
    return MIN(r, 0);
}

int check_redis_condition(const CheckedRedis *asked, const RedisCondition *master) {
    int r = 0;
    judge_condition(asked, master);
    for (size_t i = 0; i < master->n_replicas && r == 0 && (asked->config->redis_sentinels.n || asked->config->redis_cluster.n); i++)
        r = check_replica(asked, master, &master->replicas[i]);
    return r;
}
