/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/http_server.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/suite.h"

static char folder[] = "/tmp/scored-http-XXXXXX";
static char path[64];
static ListenAddress address;

static void setup(void) {
    char text[80];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/s", folder);
    (void)snprintf(text, sizeof(text), "unix:%s", path);
    ck_assert(listen_address_parse(str_from(text), &address));
}

static void teardown(void) {
    (void)unlink(path);
    (void)rmdir(folder);
}

/* Answers with what was asked. */
static int echo(void *userdata, const HttpRequest *request, HttpResponse *ret) {
    char *body = NULL;
    int *n = userdata;
    ++*n;
    if (strcmp(request->path, "/fails") == 0)
        return -ENOMEM;
    int len = asprintf(&body, "%s %s", request->path, request->accept ? request->accept : "-");
    ck_assert_int_gt(len, 0);
    *ret = (HttpResponse){.status = 299, .content_type = "text/echo", .body = body, .body_len = (size_t)len};
    return 0;
}

static HttpServer *serve(int *n_calls) {
    HttpServer *server = NULL;
    char text[HTTP_TEXT_SIZE];
    int fd = -1;
    ck_assert_int_eq(http_listen(&address, text, &fd), 0);
    ck_assert_int_eq(http_server_new(fd, path, (HttpHandler){echo, n_calls}, text, &server), 0);
    return server;
}

/* The whole answer to a request after which the connection ends; "" if it was refused. */
static const char *ask(const char *request) {
    static char answer[4096];
    size_t len = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_ge(fd, 0);
    answer[0] = '\0';
    if (connect(fd, &address.any, address.len) == 0) {
        ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
        for (ssize_t n; (n = recv(fd, answer + len, sizeof(answer) - 1 - len, 0)) > 0;)
            len += (size_t)n;
        answer[len] = '\0';
    }
    (void)close(fd);
    return answer;
}

#define HEADERS "Host: x\r\nConnection: close\r\n"

static const struct {
    const char *request;
    const char *begins, *has; /* of the answer */
    int n_calls;
} rows[] = {
        {"GET /a HTTP/1.1\r\n" HEADERS "\r\n", "HTTP/1.1 299 ", "\r\n\r\n/a -", 1},
        {"GET /a HTTP/1.1\r\n" HEADERS "Accept: x/y\r\n\r\n", "HTTP/1.1 299 ", "\r\n\r\n/a x/y", 1},
        {"GET /a HTTP/1.1\r\n" HEADERS "\r\n", "HTTP/1.1 299 ", "Content-Type: text/echo\r\n", 1},
        {"GET /a HTTP/1.1\r\n" HEADERS "\r\n", "HTTP/1.1 299 ", "Cache-Control: no-store\r\n", 1},
        {"GET /a%20b?c=d HTTP/1.1\r\n" HEADERS "\r\n", "HTTP/1.1 299 ", "\r\n\r\n/a b -", 1},
        {"GET /a HTTP/1.1\r\n" HEADERS "Content-Length: 3\r\n\r\nxyz", "HTTP/1.1 299 ", "\r\n\r\n/a -", 1},
        {"GET /fails HTTP/1.1\r\n" HEADERS "\r\n", "HTTP/1.1 500 ", "\r\n\r\nout of memory", 1},
        {"POST /a HTTP/1.1\r\n" HEADERS "Content-Length: 3\r\n\r\nxyz", "HTTP/1.1 405 ", "Allow: GET, HEAD\r\n", 0},
};

START_TEST(requests_are_answered) {
    int n_calls = 0;
    _cleanup_(http_server_free) HttpServer *server = serve(&n_calls);
    const char *answer = ask(rows[_i].request);
    ck_assert_msg(strncmp(answer, rows[_i].begins, strlen(rows[_i].begins)) == 0, "%s", answer);
    ck_assert_msg(strstr(answer, rows[_i].has), "%s", answer);
    ck_assert_int_eq(n_calls, rows[_i].n_calls);
}
END_TEST

START_TEST(head_has_no_body) {
    int n_calls = 0;
    _cleanup_(http_server_free) HttpServer *server = serve(&n_calls);
    const char *answer = ask("HEAD /a HTTP/1.1\r\n" HEADERS "\r\n");
    ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 4\r\n"));
    ck_assert_str_eq(answer + strlen(answer) - 4, "\r\n\r\n");
}
END_TEST

START_TEST(its_end_takes_the_socket_away) {
    int n_calls = 0;
    struct stat info;
    HttpServer *server = serve(&n_calls);
    ck_assert_int_eq(stat(path, &info), 0);
    server = http_server_free(server);
    ck_assert_int_lt(stat(path, &info), 0);
    ck_assert_str_eq(ask("GET / HTTP/1.1\r\n\r\n"), "");
    ck_assert_ptr_null(http_server_free(NULL));
}
END_TEST

START_TEST(a_path_in_use_is_left_alone) {
    char text[HTTP_TEXT_SIZE] = "";
    int n_calls = 0, fd = 77;
    _cleanup_(http_server_free) HttpServer *server = serve(&n_calls);
    ck_assert_int_eq(http_listen(&address, text, &fd), -EADDRINUSE);
    ck_assert_int_eq(fd, 77);
    ck_assert_ptr_nonnull(strstr(text, "bind: "));
    ck_assert_str_ne(ask("GET /a HTTP/1.1\r\n" HEADERS "\r\n"), "");
}
END_TEST

START_TEST(a_path_left_over_is_taken) {
    char text[HTTP_TEXT_SIZE];
    int n_calls = 0, fd;
    ck_assert_int_eq(http_listen(&address, text, &fd), 0);
    (void)close(fd);
    _cleanup_(http_server_free) HttpServer *server = serve(&n_calls);
    ck_assert_str_ne(ask("GET /a HTTP/1.1\r\n" HEADERS "\r\n"), "");
}
END_TEST

START_TEST(a_path_that_is_no_socket_is_left_alone) {
    char text[HTTP_TEXT_SIZE];
    struct stat info;
    int fd;
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    (void)fclose(file);
    ck_assert_int_eq(http_listen(&address, text, &fd), -EADDRINUSE);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert(S_ISREG(info.st_mode));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("http_server");
    TCase *tcase = tcase_create("http_server");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, requests_are_answered, 0, ARRAY_SIZE(rows));
    tcase_add_test(tcase, head_has_no_body);
    tcase_add_test(tcase, its_end_takes_the_socket_away);
    tcase_add_test(tcase, a_path_in_use_is_left_alone);
    tcase_add_test(tcase, a_path_left_over_is_taken);
    tcase_add_test(tcase, a_path_that_is_no_socket_is_left_alone);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
