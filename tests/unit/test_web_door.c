/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/door.h"

#include <stdio.h>
#include <unistd.h>

#include "daemon/io/digest.h"
#include "tests/unit/suite.h"

#define TOKEN "0123456789abcdef"

static char path[] = "/tmp/scored-door-XXXXXX";
static Config config;

static void write_token(const char *text) {
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void setup(void) {
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    write_token(TOKEN "\n");
    config = (Config){.http_host = "scored.example.com"};
}

static void teardown(void) {
    (void)unlink(path);
}

static DoorVerdict ask(const DoorCaller *caller) {
    DoorVerdict verdict;
    memset(&verdict, 0xAD, sizeof(verdict));
    door_ask(&config, caller, &verdict);
    return verdict;
}

static const struct {
    const char *host, *site;
    DoorAnswer answer;
} hosts[] = {
        {"localhost", NULL, DOOR_OPEN},
        {"LocalHost:9464", NULL, DOOR_OPEN},
        {"127.0.0.1:9464", NULL, DOOR_OPEN},
        {"192.0.2.7", NULL, DOOR_OPEN}, /* no name that could be made to resolve to us */
        {"[::1]:9464", NULL, DOOR_OPEN},
        {"scored.example.com", NULL, DOOR_OPEN},
        {"SCORED.example.com:443", NULL, DOOR_OPEN},
        {"localhost", "same-origin", DOOR_OPEN},
        {"localhost", "none", DOOR_OPEN},
        {NULL, NULL, DOOR_NO_HOST},
        {"", NULL, DOOR_OTHER_HOST},
        {"evil.example", NULL, DOOR_OTHER_HOST},
        {"localhost.evil.example", NULL, DOOR_OTHER_HOST},
        {"127.0.0.1.evil.example", NULL, DOOR_OTHER_HOST},
        {"evil.example:127.0.0.1", NULL, DOOR_OTHER_HOST},
        {"example.com", NULL, DOOR_OTHER_HOST},
        {"a.scored.example.com", NULL, DOOR_OTHER_HOST},
        {"[::1", NULL, DOOR_OTHER_HOST},
        {"[::1]evil", NULL, DOOR_OTHER_HOST},
        {"[]", NULL, DOOR_OTHER_HOST},
        {"[evil.example]", NULL, DOOR_OTHER_HOST},
        {":9464", NULL, DOOR_OTHER_HOST},
        {"localhost", "cross-site", DOOR_OTHER_SITE},
        {"localhost", "same-site", DOOR_OTHER_SITE},
};

START_TEST(only_our_hosts_and_sites_are_answered) {
    DoorVerdict verdict = ask(&(DoorCaller){.host = hosts[_i].host, .site = hosts[_i].site});
    ck_assert_int_eq(verdict.answer, hosts[_i].answer);
    ck_assert_str_eq(verdict.cookie, "");
}
END_TEST

static const struct {
    const char *authorization, *token;
    DoorAnswer answer;
} tokens[] = {
        {"Bearer " TOKEN, NULL, DOOR_OPEN},
        {"bearer " TOKEN, NULL, DOOR_OPEN},
        {NULL, TOKEN, DOOR_OPEN},
        {"Bearer wrong", TOKEN, DOOR_OPEN},
        {NULL, NULL, DOOR_NO_TOKEN},
        {"Bearer ", NULL, DOOR_NO_TOKEN},
        {"Bearer " TOKEN "x", NULL, DOOR_NO_TOKEN},
        {"Bearer 0123456789abcde", NULL, DOOR_NO_TOKEN},
        {"Basic " TOKEN, NULL, DOOR_NO_TOKEN},
        {TOKEN, NULL, DOOR_NO_TOKEN},
        {NULL, "", DOOR_NO_TOKEN},
        {NULL, "0123456789abcdeF", DOOR_NO_TOKEN},
};

START_TEST(the_token_opens) {
    config.http_token_file = path;
    DoorVerdict verdict = ask(&(DoorCaller){.host = "localhost", .authorization = tokens[_i].authorization, .token = str_from(tokens[_i].token)});
    ck_assert_int_eq(verdict.answer, tokens[_i].answer);
    /* Only who came by the query is given a cookie. */
    ck_assert_int_eq(verdict.cookie[0] != '\0', tokens[_i].answer == DOOR_OPEN && tokens[_i].token != NULL);
}
END_TEST

/* The value of a cookie that is set. */
static char *value_of(const char *cookie) {
    static char value[128];
    ck_assert_int_eq(sscanf(cookie, DOOR_COOKIE "=%127[0-9a-f];", value), 1);
    return value;
}

START_TEST(the_cookie_opens_until_the_token_is_another) {
    config.http_token_file = path;
    DoorVerdict given = ask(&(DoorCaller){.host = "localhost", .token = STR_LITERAL(TOKEN)});
    ck_assert_ptr_nonnull(strstr(given.cookie, "; HttpOnly; SameSite=Strict"));
    ck_assert_ptr_null(strstr(given.cookie, "Secure"));
    ck_assert_ptr_null(strstr(given.cookie, TOKEN));
    DoorCaller caller = {.host = "localhost", .cookie = value_of(given.cookie)};
    ck_assert_int_eq(ask(&caller).answer, DOOR_OPEN);
    caller.cookie = TOKEN;
    ck_assert_int_eq(ask(&caller).answer, DOOR_NO_TOKEN);
    caller.cookie = value_of(given.cookie);
    write_token("another-token-of-today\r\n");
    ck_assert_int_eq(ask(&caller).answer, DOOR_NO_TOKEN);
    DoorVerdict secure = ask(&(DoorCaller){.host = "localhost", .scheme = "https", .token = STR_LITERAL("another-token-of-today")});
    ck_assert_int_eq(secure.answer, DOOR_OPEN);
    ck_assert_ptr_nonnull(strstr(secure.cookie, "; Secure"));
}
END_TEST

START_TEST(a_token_that_cannot_be_read_lets_nobody_in) {
    static const char *const texts[] = {"", "\n", "short\n", ("\n" TOKEN)};
    char token[DOOR_TOKEN_LEN_MAX + 1], text[DOOR_TOKEN_LEN_MAX + 3];
    config.http_token_file = path;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        write_token(texts[i]);
        ck_assert_int_eq(ask(&(DoorCaller){.host = "localhost", .token = STR_LITERAL("")}).answer, DOOR_BROKEN);
    }
    memset(text, 'x', sizeof(text));
    text[DOOR_TOKEN_LEN_MAX] = '\0';
    write_token(text);
    ck_assert_int_eq(door_read_token(path, token), 0);
    text[DOOR_TOKEN_LEN_MAX] = 'x';
    text[DOOR_TOKEN_LEN_MAX + 1] = '\0';
    write_token(text);
    ck_assert_int_eq(door_read_token(path, token), -EINVAL);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(door_read_token(path, token), -ENOENT);
    ck_assert_int_eq(ask(&(DoorCaller){.host = "localhost", .authorization = "Bearer " TOKEN}).answer, DOOR_BROKEN);
}
END_TEST

/* RFC 4231, test case 2; FIPS 180, "abc". */
START_TEST(digests_are_those_of_the_standards) {
    char hex[DIGEST_HEX_SIZE], base64[DIGEST_BASE64_SIZE];
    ck_assert_int_eq(digest_keyed_hex(STR_LITERAL("Jefe"), STR_LITERAL("what do ya want for nothing?"), hex), 0);
    ck_assert_str_eq(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    ck_assert_int_eq(digest_base64(STR_LITERAL("abc"), base64), 0);
    ck_assert_str_eq(base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    ck_assert(digest_same(STR_LITERAL("a"), STR_LITERAL("a")));
    ck_assert(!digest_same(STR_LITERAL("a"), STR_LITERAL("b")));
    ck_assert(!digest_same(STR_LITERAL("a"), STR_LITERAL("")));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("web_door");
    TCase *tcase = tcase_create("web_door");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, only_our_hosts_and_sites_are_answered, 0, ARRAY_SIZE(hosts));
    tcase_add_loop_test(tcase, the_token_opens, 0, ARRAY_SIZE(tokens));
    tcase_add_test(tcase, the_cookie_opens_until_the_token_is_another);
    tcase_add_test(tcase, a_token_that_cannot_be_read_lets_nobody_in);
    tcase_add_test(tcase, digests_are_those_of_the_standards);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
