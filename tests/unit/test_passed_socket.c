/* SPDX-License-Identifier: Apache-2.0 */
/* The test is who hands over: each case runs in a process of its own, whose descriptors from 3 on are laid out anew. */
#include "daemon/service/passed_socket.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/suite.h"

/* A socket at the descriptor; what was there is gone. */
static void put_socket(int fd, int type, bool listens) {
    int made = socket(AF_UNIX, type, 0);
    ck_assert_int_ge(made, 0);
    if (listens) { /* at a name that the kernel makes up */
        const struct sockaddr own = {.sa_family = AF_UNIX};
        ck_assert_int_eq(bind(made, &own, sizeof(sa_family_t)), 0);
        ck_assert_int_eq(listen(made, 1), 0);
    }
    if (made != fd) {
        ck_assert_int_eq(dup2(made, fd), fd);
        (void)close(made);
    }
}

static void pass(const char *n, const char *names) {
    char pid[16];
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    ck_assert_int_eq(setenv("LISTEN_PID", pid, 1), 0);
    ck_assert_int_eq(setenv("LISTEN_FDS", n, 1), 0);
    if (names)
        ck_assert_int_eq(setenv("LISTEN_FDNAMES", names, 1), 0);
    else
        (void)unsetenv("LISTEN_FDNAMES");
}

static void expect(int expected) {
    int fd = 77;
    ck_assert_int_eq(passed_socket("http", &fd), 0);
    ck_assert_int_eq(fd, expected);
}

START_TEST(nothing_is_passed_without_the_environment) {
    (void)unsetenv("LISTEN_FDS");
    expect(-1);
}
END_TEST

START_TEST(another_process_is_meant) {
    put_socket(3, SOCK_STREAM, true);
    pass("1", NULL);
    ck_assert_int_eq(setenv("LISTEN_PID", "1", 1), 0);
    expect(-1);
}
END_TEST

START_TEST(the_only_one_is_taken_and_not_inherited) {
    put_socket(3, SOCK_STREAM, true);
    pass("1", "whatever");
    expect(3);
    ck_assert_int_eq(fcntl(3, F_GETFD), FD_CLOEXEC);
}
END_TEST

START_TEST(of_several_the_named_one_is_taken) {
    put_socket(4, SOCK_STREAM, true);
    put_socket(5, SOCK_STREAM, true);
    pass("3", "httpd:http:admin");
    expect(4);
    pass("3", "a:b:http");
    expect(5);
    pass("3", "a:b:c");
    expect(-1);
    pass("3", NULL);
    expect(-1);
    pass("2", "a:b:http"); /* a name without a socket */
    expect(-1);
}
END_TEST

static const char *const bad_numbers[] = {"", "0", "-1", "x", "1x", "99999999999999999999"};

START_TEST(bad_numbers_are_none) {
    put_socket(3, SOCK_STREAM, true);
    pass(bad_numbers[_i], NULL);
    expect(-1);
}
END_TEST

START_TEST(what_does_not_listen_is_refused) {
    int fd;
    pass("1", NULL);
    put_socket(3, SOCK_STREAM, false);
    ck_assert_int_eq(passed_socket("http", &fd), -EINVAL);
    put_socket(3, SOCK_DGRAM, false);
    ck_assert_int_eq(passed_socket("http", &fd), -EINVAL);
    ck_assert_int_eq(dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 3), 3);
    ck_assert_int_eq(passed_socket("http", &fd), -EINVAL);
    (void)close(3);
    ck_assert_int_eq(passed_socket("http", &fd), -EINVAL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("passed_socket");
    TCase *tcase = tcase_create("passed_socket");
    tcase_add_test(tcase, nothing_is_passed_without_the_environment);
    tcase_add_test(tcase, another_process_is_meant);
    tcase_add_test(tcase, the_only_one_is_taken_and_not_inherited);
    tcase_add_test(tcase, of_several_the_named_one_is_taken);
    tcase_add_loop_test(tcase, bad_numbers_are_none, 0, ARRAY_SIZE(bad_numbers));
    tcase_add_test(tcase, what_does_not_listen_is_refused);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
