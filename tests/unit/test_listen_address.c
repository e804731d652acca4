/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config/listen_address.h"

#include "tests/unit/suite.h"

static const struct {
    const char *text;
    int family; /* 0: it is no address */
    bool is_local;
} rows[] = {
        {"127.0.0.1:9464", AF_INET, true},
        {"127.9.8.7:0", AF_INET, true},
        {"localhost:65535", AF_INET, true},
        {"0.0.0.0:9464", AF_INET, false},
        {"192.0.2.1:80", AF_INET, false},
        {"128.0.0.1:80", AF_INET, false},
        {"[::1]:9464", AF_INET6, true},
        {"[::]:9464", AF_INET6, false},
        {"[2001:db8::1]:1", AF_INET6, false},
        {"unix:/run/scored/http.sock", AF_UNIX, true},
        {"unix:relative", 0, false},
        {"unix:", 0, false},
        {"127.0.0.1", 0, false},
        {"127.0.0.1:", 0, false},
        {"127.0.0.1:65536", 0, false},
        {"127.0.0.1:123456", 0, false},
        {"127.0.0.1:80a", 0, false},
        {"127.0.0.1:-1", 0, false},
        {"127.1:80", 0, false},
        {"::1:9464", 0, false},
        {"[::1:9464", 0, false},
        {"[]:9464", 0, false},
        {"[:9464", 0, false},
        {"example.com:9464", 0, false},
        {":9464", 0, false},
        {"9464", 0, false},
        {"", 0, false},
        {"[1234:1234:1234:1234:1234:1234:1234:1234:1234:1234:1234]:1", 0, false},
};

START_TEST(addresses_are_taken_or_refused) {
    ListenAddress address = {.len = 77};
    bool is_good = listen_address_parse(str_from(rows[_i].text), &address);
    ck_assert_int_eq(is_good, rows[_i].family != 0);
    if (!is_good) {
        ck_assert_uint_eq(address.len, 77);
        return;
    }
    ck_assert_int_eq(address.any.sa_family, rows[_i].family);
    ck_assert_int_eq(address.is_local, rows[_i].is_local);
}
END_TEST

START_TEST(paths_are_bounded) {
    ListenAddress address;
    char text[sizeof("unix:") + sizeof(address.un.sun_path)] = "unix:/";
    memset(text + 6, 'x', sizeof(address.un.sun_path) - 2);
    ck_assert(listen_address_parse(str_from(text), &address));
    ck_assert_str_eq(address.un.sun_path, text + 5);
    ck_assert_uint_eq(address.len, sizeof(address.un));
    strcat(text, "x");
    ck_assert(!listen_address_parse(str_from(text), &address));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("listen_address");
    TCase *tcase = tcase_create("listen_address");
    tcase_add_loop_test(tcase, addresses_are_taken_or_refused, 0, ARRAY_SIZE(rows));
    tcase_add_test(tcase, paths_are_bounded);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
