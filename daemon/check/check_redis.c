/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/check/check_redis.h"

#include <inttypes.h>

#include "daemon/base/clock.h"
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

static void check_role(const RedisCondition *redis, Findings *findings) {
    if (strcmp(redis->role, "master") == 0) {
        findings_add(findings, FINDING_OK, "Redis role", "it is a master, of version %s", redis->version);
        return;
    }
    findings_add(findings, FINDING_ERROR, "Redis role", "it is a %s", redis->role[0] ? redis->role : "server that does not tell what it is");
    findings_expected(findings, "a master: others cannot be written");
    findings_remedy(findings, "let redis.address name the master");
}

static void check_memory(const RedisCondition *redis, Findings *findings) {
    int64_t used = redis->used_bytes / MIB, max = redis->max_bytes / MIB;
    if (redis->max_bytes <= 0) {
        findings_add(findings, FINDING_OK, "Redis memory", "%" PRId64 " MiB are used, and there is no limit", used);
        return;
    }
    bool is_full = redis->used_bytes >= redis->max_bytes / 100 * MEMORY_PERCENT_MAX;
    findings_add(findings, is_full ? FINDING_WARNING : FINDING_OK, "Redis memory", "%" PRId64 " of %" PRId64 " MiB are used", used, max);
    if (!is_full)
        return;
    findings_expected(findings, "less than %d %% of maxmemory: when it is full, no batch can be written, and scored stands still", MEMORY_PERCENT_MAX);
    findings_remedy(findings, "raise maxmemory");
}

static void check_disk(const RedisCondition *redis, Findings *findings) {
    if (redis->last_save_failed || redis->log_failed) {
        findings_add(findings, FINDING_ERROR, "Redis disk", "its latest %s failed", redis->log_failed ? "write to the append-only file" : "save");
        findings_expected(findings, "that it can write to its disk: while it cannot, it refuses all writes");
        findings_remedy(findings, "see its log; is the disk full, or the directory not its own?");
        return;
    }
    if (redis->keeps_log)
        findings_add(findings, FINDING_OK, "Redis disk", "each write is kept in an append-only file");
    else
        findings_add(findings, FINDING_NOTE, "Redis disk", "there is no append-only file: what it has at a crash is built anew from the changelog, "
                                                           "as long as that takes");
}

int check_redis_condition(RedisView *view, Findings *findings) {
    char text[REDIS_TEXT_SIZE];
    RedisCondition redis;
    int r = redis_view_condition(view, text, &redis);
    if (r > 0) {
        findings_add(findings, FINDING_WARNING, "Redis role", "it does not tell its condition: %s", text);
        findings_remedy(findings, "allow +info");
    }
    if (r)
        return MIN(r, 0);
    check_role(&redis, findings);
    check_memory(&redis, findings);
    check_disk(&redis, findings);
    if (redis.time_ms != TIME_NONE)
        check_clock("Redis's", redis.time_ms, clock_wall_ms(), findings);
    return 0;
}
