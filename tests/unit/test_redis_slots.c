/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "daemon/io/redis/redis_slots.h"
#include "tests/unit/suite.h"

static RedisAddress from;
static RedisSlots slots;

static void setup(void) {
    ck_assert(redis_address_parse_host(STR_LITERAL("10.0.0.9:7000"), &from));
    redis_slots_init(&slots);
}

static void teardown(void) {
    redis_slots_done(&slots);
}

/* ---- addresses ---- */

static const struct {
    const char *text, *printed; /* NULL: it is none */
} address_rows[] = {
        {"unix:/run/redis.sock", "unix:/run/redis.sock"},
        {"tcp:localhost:6379", "tcp:localhost:6379"},
        {"tcp:[::1]:6379", "tcp:[::1]:6379"},
        {"unix:", NULL},
        {"tcp:localhost", NULL},
        {"tcp:localhost:", NULL},
        {"tcp::6379", NULL},
        {"tcp:[]:6379", NULL},
        {"tcp:localhost:6x79", NULL},
        {"tcp:localhost:123456", NULL},
        {"localhost:6379", NULL},
        {"", NULL},
        {NULL, NULL},
};

START_TEST(address_is_read_and_printed) {
    RedisAddress address = {.path = "as it was"};
    char text[REDIS_ADDRESS_SIZE];
    bool is_good = redis_address_parse(address_rows[_i].text, &address);
    ck_assert_int_eq(is_good, address_rows[_i].printed != NULL);
    if (!is_good) {
        ck_assert_str_eq(address.path, "as it was");
        return;
    }
    redis_address_print(&address, text);
    ck_assert_str_eq(text, address_rows[_i].printed);
}
END_TEST

START_TEST(addresses_are_equal_in_all_or_not) {
    RedisAddress a, b;
    ck_assert(redis_address_parse("tcp:h:1", &a));
    ck_assert(redis_address_parse_host(STR_LITERAL("h:1"), &b));
    ck_assert(redis_address_eq(&a, &b));
    ck_assert(redis_address_parse("tcp:h:2", &b));
    ck_assert(!redis_address_eq(&a, &b));
    ck_assert(redis_address_parse("unix:/a", &b));
    ck_assert(!redis_address_eq(&a, &b));
    ck_assert(redis_address_parse("unix:/a", &a));
    ck_assert(redis_address_eq(&a, &b));
}
END_TEST

/* ---- CLUSTER SLOTS ---- */

static int read_slots(const char *bytes) {
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    ck_assert_int_eq(redisReaderFeed(reader, bytes, strlen(bytes)), REDIS_OK);
    ck_assert_int_eq(redisReaderGetReply(reader, &reply), REDIS_OK);
    ck_assert_ptr_nonnull(reply);
    int r = redis_slots_read(reply, &from, &slots);
    freeReplyObject(reply);
    redisReaderFree(reader);
    return r;
}

static const char *owner_of(unsigned slot) {
    static char text[REDIS_ADDRESS_SIZE];
    if (slots.owner[slot] < 0)
        return "nobody";
    redis_address_print(&slots.nodes[slots.owner[slot]], text);
    return text;
}

START_TEST(each_slot_has_its_master) {
    ck_assert_int_eq(read_slots("*3\r\n"
                                "*4\r\n:0\r\n:99\r\n*3\r\n$8\r\n10.0.0.1\r\n:7001\r\n$1\r\na\r\n*3\r\n$8\r\n10.0.0.2\r\n:7002\r\n$1\r\nb\r\n"
                                "*3\r\n:200\r\n:16383\r\n*2\r\n$3\r\n::1\r\n:7003\r\n"
                                "*3\r\n:150\r\n:150\r\n*4\r\n$8\r\n10.0.0.1\r\n:7001\r\n$1\r\na\r\n*0\r\n"),
            0);
    ck_assert_uint_eq(slots.n_nodes, 2);
    ck_assert_str_eq(owner_of(0), "tcp:10.0.0.1:7001");
    ck_assert_str_eq(owner_of(99), "tcp:10.0.0.1:7001");
    ck_assert_str_eq(owner_of(100), "nobody");
    ck_assert_str_eq(owner_of(150), "tcp:10.0.0.1:7001");
    ck_assert_str_eq(owner_of(199), "nobody");
    ck_assert_str_eq(owner_of(16383), "tcp:[::1]:7003");
}
END_TEST

/* As a node alone does, and one whose preferred endpoint is unknown. */
START_TEST(node_without_a_host_is_the_one_that_was_asked) {
    ck_assert_int_eq(read_slots("*2\r\n*3\r\n:0\r\n:1\r\n*2\r\n$0\r\n\r\n:7001\r\n*3\r\n:2\r\n:3\r\n*2\r\n$-1\r\n:7002\r\n"), 0);
    ck_assert_str_eq(owner_of(0), "tcp:10.0.0.9:7001");
    ck_assert_str_eq(owner_of(3), "tcp:10.0.0.9:7002");
}
END_TEST

/* By hostnames: one that has one, one that has none, and one of which nothing at all is told. */
START_TEST(node_without_a_hostname_has_an_address) {
    ck_assert_int_eq(read_slots("*3\r\n"
                                "*3\r\n:0\r\n:1\r\n*4\r\n$5\r\nredis\r\n:7001\r\n$1\r\na\r\n*2\r\n$2\r\nip\r\n$8\r\n10.0.0.1\r\n"
                                "*3\r\n:2\r\n:3\r\n*4\r\n$1\r\n?\r\n:7002\r\n$1\r\nb\r\n*4\r\n$1\r\nx\r\n$1\r\ny\r\n$2\r\nip\r\n$8\r\n10.0.0.2\r\n"
                                "*3\r\n:4\r\n:5\r\n*4\r\n$1\r\n?\r\n:7003\r\n$1\r\nc\r\n*1\r\n$2\r\nip\r\n"),
            0);
    ck_assert_str_eq(owner_of(0), "tcp:redis:7001");
    ck_assert_str_eq(owner_of(2), "tcp:10.0.0.2:7002");
    ck_assert_str_eq(owner_of(4), "tcp:?:7003");
}
END_TEST

static const char *const not_slots[] = {
        "*0\r\n",
        ":7\r\n",
        "$2\r\nOK\r\n",
        "*1\r\n:7\r\n",
        "*1\r\n*2\r\n:0\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n",
        "*1\r\n*3\r\n:-1\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
        "*1\r\n*3\r\n:2\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
        "*1\r\n*3\r\n$1\r\n0\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n$1\r\n1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:-1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n$1\r\nh\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n:2\r\n",
};

START_TEST(what_is_no_answer_is_refused) {
    ck_assert_int_eq(read_slots(not_slots[_i]), -EPROTO);
}
END_TEST

START_TEST(nodes_are_bounded) {
    size_t node = 7;
    for (int i = 0; i <= REDIS_NODES_MAX; i++) {
        RedisAddress address;
        char text[32];
        (void)snprintf(text, sizeof(text), "tcp:h%d:1", i);
        ck_assert(redis_address_parse(text, &address));
        ck_assert_int_eq(redis_slots_node(&slots, &address, &node), i < REDIS_NODES_MAX ? 0 : -E2BIG);
        ck_assert_uint_eq(node, (size_t)MIN(i, REDIS_NODES_MAX - 1));
    }
}
END_TEST

/* ---- MOVED and ASK ---- */

static const struct {
    const char *error;
    Redirect redirect;
    unsigned slot;
    const char *address;
} redirect_rows[] = {
        {"MOVED 3999 127.0.0.1:6381", REDIRECT_MOVED, 3999, "tcp:127.0.0.1:6381"},
        {"ASK 0 redis-2.example.org:6381", REDIRECT_ASK, 0, "tcp:redis-2.example.org:6381"},
        {"MOVED 16383 ::1:6381", REDIRECT_MOVED, 16383, "tcp:[::1]:6381"},
        {"MOVED 1 :6381", REDIRECT_MOVED, 1, "tcp:10.0.0.9:6381"},
        {"MOVED 16384 127.0.0.1:6381", REDIRECT_NONE, 0, NULL},
        {"MOVED -1 127.0.0.1:6381", REDIRECT_NONE, 0, NULL},
        {"MOVED  127.0.0.1:6381", REDIRECT_NONE, 0, NULL},
        {"MOVED 1", REDIRECT_NONE, 0, NULL},
        {"MOVED 1 127.0.0.1", REDIRECT_NONE, 0, NULL},
        {"MOVED 1 127.0.0.1:port", REDIRECT_NONE, 0, NULL},
        {"MOVED", REDIRECT_NONE, 0, NULL},
        {"MOVEDOUT 1 127.0.0.1:6381", REDIRECT_NONE, 0, NULL},
        {"TRYAGAIN Multiple keys request during rehashing of slot", REDIRECT_NONE, 0, NULL},
        {"", REDIRECT_NONE, 0, NULL},
};

START_TEST(redirect_is_taken_apart) {
    RedisAddress address;
    unsigned slot;
    char text[REDIS_ADDRESS_SIZE];
    ck_assert_int_eq(redis_redirect_parse(str_from(redirect_rows[_i].error), &from, &slot, &address), redirect_rows[_i].redirect);
    if (redirect_rows[_i].redirect == REDIRECT_NONE)
        return;
    redis_address_print(&address, text);
    ck_assert_uint_eq(slot, redirect_rows[_i].slot);
    ck_assert_str_eq(text, redirect_rows[_i].address);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("redis slots");
    TCase *tcase = tcase_create("slots");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, address_is_read_and_printed, 0, ARRAY_SIZE(address_rows));
    tcase_add_test(tcase, addresses_are_equal_in_all_or_not);
    tcase_add_test(tcase, each_slot_has_its_master);
    tcase_add_test(tcase, node_without_a_host_is_the_one_that_was_asked);
    tcase_add_test(tcase, node_without_a_hostname_has_an_address);
    tcase_add_loop_test(tcase, what_is_no_answer_is_refused, 0, ARRAY_SIZE(not_slots));
    tcase_add_test(tcase, nodes_are_bounded);
    tcase_add_loop_test(tcase, redirect_is_taken_apart, 0, ARRAY_SIZE(redirect_rows));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
