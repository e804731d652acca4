/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each server that has keys is asked by itself, to the end: one of them that is not as it should be is enough to lose leads, or to stand still.
 */
#include "daemon/check/check_redis.h"

#include <stdio.h>

#include "daemon/io/redis/redis_library.h"

/* --- what is asked of each server -------------------------------------------------------------------- */

static void find_failed(const CheckedRedis *asked, int r, const char *text, const char *expected, const char *remedy) {
    findings_add(asked->findings, FINDING_ERROR, check_redis_subject(asked, "").text, "%s", text);
    findings_expected(asked->findings, "%s", r == VIEW_E_REFUSED ? expected : "a Redis that answers");
    if (r == VIEW_E_REFUSED)
        findings_remedy(asked->findings, "%s", remedy);
    else
        findings_remedy(asked->findings, "start the Redis at %s, or correct redis.address", asked->server.address);
}

/* "+zadd +zrem" */
static void list_rights(const RedisRights *rights, RedisRightUse use, char *ret, size_t size) {
    FILE *file = fmemopen(ret, size, "w");
    ret[0] = '\0';
    for (size_t i = 0; file && i < rights->n_missing[use]; i++)
        fprintf(file, "%s+%s", i ? " " : "", rights->missing[use][i]);
    if (file)
        (void)fclose(file);
}

static void find_missing(const CheckedRedis *asked, const RedisRights *rights, RedisRightUse use, FindingSeverity severity, const char *what_for) {
    char list[512];
    if (rights->n_missing[use] == 0)
        return;
    list_rights(rights, use, list, sizeof(list));
    findings_add(asked->findings, severity, check_redis_subject(asked, "rights").text, "its user may not do all that %s needs: %s %s missing", what_for, list,
            rights->n_missing[use] == 1 ? "is" : "are");
    findings_remedy(asked->findings, "give the user of redis.username %s", list);
}

static int check_rights(const CheckedRedis *asked) {
    const char *subject = "rights";
    RedisRights rights;
    char text[REDIS_TEXT_SIZE];
    int r = redis_view_rights(asked->view, &asked->server, text, &rights);
    if (r > 0)
        find_failed(asked, r, text, "answers", "see its log");
    if (r)
        return MIN(r, 0);
    size_t n_before = asked->findings->n;
    find_missing(asked, &rights, REDIS_RIGHT_NEEDED, FINDING_ERROR, "scored");
    find_missing(asked, &rights, REDIS_RIGHT_OF_BOARD, asked->config->http_board ? FINDING_ERROR : FINDING_NOTE, "the board and `scored top`");
    find_missing(asked, &rights, REDIS_RIGHT_OF_READERS, FINDING_NOTE, "the reader functions");
    if (rights.lacks_keys) {
        findings_add(asked->findings, FINDING_ERROR, check_redis_subject(asked, subject).text, "its user may not read or not write the keys that begin with %s:",
                asked->config->redis_prefix);
        findings_remedy(asked->findings, "give the user of redis.username ~%s:*", asked->config->redis_prefix);
    }
    if (asked->findings->n == n_before)
        findings_add(asked->findings, FINDING_OK, check_redis_subject(asked, subject).text, "its user may do all that is needed");
    return 0;
}

/* First: a server that is no master is left alone once it has refused to be written. *ret: there is use in asking on. */
static int ask_condition(const CheckedRedis *asked, bool *ret) {
    char text[REDIS_TEXT_SIZE];
    RedisCondition redis;
    int r = redis_view_condition(asked->view, &asked->server, text, &redis);
    *ret = r != VIEW_E_UNREACHABLE;
    if (r == 0)
        return check_redis_condition(asked, &redis);
    if (r == VIEW_E_UNREACHABLE) {
        find_failed(asked, r, text, "", "");
    } else if (r > 0) {
        findings_add(asked->findings, FINDING_WARNING, check_redis_subject(asked, "role").text, "it does not tell its condition: %s", text);
        findings_remedy(asked->findings, "allow +info");
    }
    return MIN(r, 0);
}

static int check_server(const CheckedRedis *asked) {
    static const struct {
        int (*ask)(RedisView *view, const RedisServer *server, char *text);
        const char *expected, *remedy; /* if it is refused */
    } questions[] = {
            {redis_view_check_server, "the policy noeviction", "set maxmemory-policy to noeviction"},
            {redis_view_try_write_server, "that a key can be written", "let the user of redis.username write keys that begin with redis.prefix; is the "
                                          "server full, or a replica?"},
    };
    char text[REDIS_TEXT_SIZE];
    bool goes_on;
    int r = ask_condition(asked, &goes_on);
    if (r < 0 || !goes_on)
        return r;
    r = check_rights(asked);
    for (size_t i = 0; i < ARRAY_SIZE(questions) && r == 0; i++) {
        r = questions[i].ask(asked->view, &asked->server, text);
        if (r > 0)
            find_failed(asked, r, text, questions[i].expected, questions[i].remedy);
        r = MIN(r, 0);
    }
    return r;
}

/* --- all of them ------------------------------------------------------------------------------------- */

static int check_servers(const CheckedRedis *all, const RedisServer *servers, size_t n, unsigned n_unserved) {
    size_t n_errors = all->findings->counts[FINDING_ERROR];
    for (size_t i = 0; i < n; i++) {
        CheckedRedis asked = *all;
        asked.server = servers[i];
        asked.is_one_of_many = all->config->redis_cluster.n > 0;
        int r = check_server(&asked);
        if (r < 0)
            return r;
    }
    if (n_unserved > 0) {
        findings_add(all->findings, FINDING_ERROR, "Redis", "%u slots of the cluster are served by nobody", n_unserved);
        findings_expected(all->findings, "a master for each: shards whose slot is none's stand still");
        findings_remedy(all->findings, "start the node that had them, or give them to others: redis-cli --cluster fix");
    }
    if (all->findings->counts[FINDING_ERROR] == n_errors)
        findings_add(all->findings, FINDING_OK, "Redis", "%s can be written and does not evict", all->config->redis_address);
    return 0;
}

/* Without hashes there is nothing else that other programs could read. */
static int check_readers(const Config *config, RedisView *view, Findings *findings) {
    char text[REDIS_TEXT_SIZE];
    int r = config->redis_hashes ? 0 : redis_library_try(view, text);
    if (r > 0) {
        findings_add(findings, FINDING_WARNING, "reader functions", "%s", text);
        findings_expected(findings, "Redis Functions, since redis.hashes is false: without them other programs can read nothing of leads");
        findings_remedy(findings, "use Redis 7 or later and allow +function|load and +fcall_ro; or set redis.hashes to true");
    }
    return MIN(r, 0);
}

int check_redis(const Config *config, Findings *findings) {
    _cleanup_(redis_view_free) RedisView *view = NULL;
    _cleanup_(free_null) RedisServer *servers = NULL;
    const ViewBoards no_boards = {0};
    char text[REDIS_TEXT_SIZE];
    size_t n = 0;
    unsigned n_unserved = 0;
    CheckedRedis all = {.config = config, .findings = findings};

    int r = redis_view_new(config, &no_boards, text, &view);
    if (r == 0)
        r = redis_view_servers(view, text, &servers, &n, &n_unserved);
    all.view = view;
    (void)snprintf(all.server.address, sizeof(all.server.address), "%s", config->redis_address);
    if (r > 0)
        find_failed(&all, r, text, "a login", "correct redis.address, redis.username, redis.password_file or redis.database");
    if (r == 0)
        r = check_servers(&all, servers, n, n_unserved);
    return r ? MIN(r, 0) : check_readers(config, view, findings);
}
