/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager is a datagram socket of the test. */
#include <stdio.h>
#include <unistd.h>

#include "daemon/service/notify.h"
#include "tests/unit/suite.h"

static int server;
static char folder[] = "/tmp/scored-notify-XXXXXX";
static char socket_path[64];

/* Binds the manager's socket and names it to the service; '@' stands for an abstract one. */
static void listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    server = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(server, 0);
    socklen_t address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '/'));
    ck_assert_int_eq(bind(server, (struct sockaddr *)&address, address_len), 0);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", path, 1), 0);
}

/* The next datagram; "" if there is none. */
static const char *received(void) {
    static char text[1024];
    ssize_t n = recv(server, text, sizeof(text) - 1, 0);
    text[MAX(n, 0)] = '\0';
    return text;
}

static void setup(void) {
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(socket_path, sizeof(socket_path), "%s/notify", folder);
    listen_at(socket_path);
}

static void teardown(void) {
    (void)close(server);
    (void)unlink(socket_path);
    (void)rmdir(folder);
}

START_TEST(states_arrive_as_datagrams) {
    Notify notify;
    ck_assert_int_eq(notify_init(&notify), 0);
    ck_assert_int_eq(notify_ready(&notify), 0);
    ck_assert_str_eq(received(), "READY=1");
    ck_assert_int_eq(notify_status(&notify, "%d shards", 7), 0);
    ck_assert_str_eq(received(), "STATUS=7 shards");
    ck_assert_int_eq(notify_stopping(&notify), 0);
    ck_assert_str_eq(received(), "STOPPING=1");
    ck_assert_str_eq(received(), "");
    notify_deinit(&notify);
}
END_TEST

START_TEST(abstract_socket_is_reached) {
    char path[64];
    Notify notify;
    (void)close(server);
    (void)snprintf(path, sizeof(path), "@scored-notify-%ld", (long)getpid());
    listen_at(path);
    ck_assert_int_eq(notify_init(&notify), 0);
    ck_assert_int_eq(notify_ready(&notify), 0);
    ck_assert_str_eq(received(), "READY=1");
    notify_deinit(&notify);
}
END_TEST

START_TEST(status_is_one_line_of_at_most_500_bytes) {
    char status[800];
    Notify notify;
    memset(status, 'x', sizeof(status));
    status[sizeof(status) - 1] = '\0';
    ck_assert_int_eq(notify_init(&notify), 0);
    ck_assert_int_eq(notify_status(&notify, "%s", "a\nREADY=1"), 0);
    ck_assert_str_eq(received(), "STATUS=a READY=1");
    ck_assert_int_eq(notify_status(&notify, "%s", status), 0);
    ck_assert_uint_eq(strlen(received()), strlen("STATUS=") + 500);
    notify_deinit(&notify);
}
END_TEST

START_TEST(watchdog_is_told_twice_in_its_time) {
    Notify notify;
    ck_assert_int_eq(setenv("WATCHDOG_USEC", "30000000", 1), 0);
    ck_assert_int_eq(notify_init(&notify), 0);
    ck_assert_int_eq(notify.watchdog_interval_ms, 15000);
    ck_assert_int_eq(notify_ready(&notify), 0);
    ck_assert_str_eq(received(), "READY=1");
    ck_assert_int_eq(notify_watchdog(&notify, 1000), 0);
    ck_assert_str_eq(received(), "WATCHDOG=1");
    ck_assert_int_eq(notify_watchdog(&notify, 15999), 0);
    ck_assert_str_eq(received(), "");
    ck_assert_int_eq(notify_watchdog(&notify, 16000), 0);
    ck_assert_str_eq(received(), "WATCHDOG=1");
    notify_deinit(&notify);
}
END_TEST

START_TEST(more_time_is_asked_for_until_it_is_ready) {
    Notify notify;
    ck_assert_int_eq(notify_init(&notify), 0);
    ck_assert_int_eq(notify_watchdog(&notify, 1000), 0);
    ck_assert_str_eq(received(), "EXTEND_TIMEOUT_USEC=90000000");
    ck_assert_int_eq(notify_watchdog(&notify, 10999), 0);
    ck_assert_str_eq(received(), "");
    ck_assert_int_eq(notify_watchdog(&notify, 11000), 0);
    ck_assert_str_eq(received(), "EXTEND_TIMEOUT_USEC=90000000");
    ck_assert_int_eq(notify_ready(&notify), 0);
    ck_assert_str_eq(received(), "READY=1");
    ck_assert_int_eq(notify_watchdog(&notify, 99000), 0);
    ck_assert_str_eq(received(), "");
    notify_deinit(&notify);
}
END_TEST

static const struct {
    const char *usec, *pid; /* pid "self": this process's */
    int64_t interval_ms;
} watchdogs[] = {
        {NULL, NULL, 0},
        {"0", NULL, 0},
        {"-5", NULL, 0},
        {"10s", NULL, 0},
        {"99999999999999999999", NULL, 0},
        {"1", NULL, 1},
        {"2000000", NULL, 1000},
        {"2000000", "self", 1000},
        {"2000000", "1", 0},
        {"2000000", "", 0},
};

START_TEST(watchdog_is_for_this_process_only) {
    char pid[16];
    Notify notify;
    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    if (watchdogs[_i].usec)
        ck_assert_int_eq(setenv("WATCHDOG_USEC", watchdogs[_i].usec, 1), 0);
    if (watchdogs[_i].pid)
        ck_assert_int_eq(
                setenv("WATCHDOG_PID", strcmp(watchdogs[_i].pid, "self") ? watchdogs[_i].pid : pid, 1), 0);
    ck_assert_int_eq(notify_init(&notify), 0);
    ck_assert_int_eq(notify_ready(&notify), 0);
    ck_assert_str_eq(received(), "READY=1");
    ck_assert_int_eq(notify.watchdog_interval_ms, watchdogs[_i].interval_ms);
    ck_assert_int_eq(notify_watchdog(&notify, 1), 0);
    ck_assert_str_eq(received(), watchdogs[_i].interval_ms ? "WATCHDOG=1" : "");
    notify_deinit(&notify);
}
END_TEST

START_TEST(nothing_is_sent_without_a_manager) {
    Notify notify;
    ck_assert_int_eq(_i ? setenv("NOTIFY_SOCKET", "", 1) : unsetenv("NOTIFY_SOCKET"), 0);
    ck_assert_int_eq(notify_init(&notify), 0);
    ck_assert_int_eq(notify.fd, -1);
    ck_assert_int_eq(notify_ready(&notify), 0);
    ck_assert_int_eq(notify_status(&notify, "x"), 0);
    ck_assert_int_eq(notify_watchdog(&notify, 1), 0);
    ck_assert_int_eq(notify_stopping(&notify), 0);
    notify_deinit(&notify);
}
END_TEST

static const struct {
    const char *address;
    int error;
} bad_addresses[] = {
        {"vsock:2:1234", -EAFNOSUPPORT},
        {"relative", -EAFNOSUPPORT},
        {"@", -EINVAL},
        {"/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxx",
                -EINVAL},
};

START_TEST(bad_address_is_an_error_and_sends_nothing) {
    Notify notify;
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", bad_addresses[_i].address, 1), 0);
    ck_assert_int_eq(notify_init(&notify), bad_addresses[_i].error);
    ck_assert_int_eq(notify_ready(&notify), 0);
    notify_deinit(&notify);
}
END_TEST

START_TEST(manager_that_is_gone_is_an_error) {
    Notify notify;
    ck_assert_int_eq(notify_init(&notify), 0);
    (void)close(server);
    ck_assert_int_eq(notify_ready(&notify), -ECONNREFUSED);
    notify_deinit(&notify);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("notify");
    TCase *tcase = tcase_create("notify");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, states_arrive_as_datagrams);
    tcase_add_test(tcase, abstract_socket_is_reached);
    tcase_add_test(tcase, status_is_one_line_of_at_most_500_bytes);
    tcase_add_test(tcase, watchdog_is_told_twice_in_its_time);
    tcase_add_test(tcase, more_time_is_asked_for_until_it_is_ready);
    tcase_add_loop_test(tcase, watchdog_is_for_this_process_only, 0, ARRAY_SIZE(watchdogs));
    tcase_add_loop_test(tcase, nothing_is_sent_without_a_manager, 0, 2);
    tcase_add_loop_test(tcase, bad_address_is_an_error_and_sends_nothing, 0, ARRAY_SIZE(bad_addresses));
    tcase_add_test(tcase, manager_that_is_gone_is_an_error);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
