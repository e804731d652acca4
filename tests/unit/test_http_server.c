/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/net/http_server.h"

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

static const char *or_none(const char *text) {
    return text ? text : "-";
}

static HttpServer *running; /* for what wakes it while it asks */
/* changed by the server's thread */
static volatile int n_dropped, n_ended, n_read;

/* Two pieces, with a call between nothing and the waiting for more: it must not be missed. */
static ssize_t read_two(void *userdata, char *buffer, size_t size) {
    const char *waits = userdata;
    n_read++;
    if (n_read == 2 && waits)
        return 0;
    if (n_read == 2)
        http_server_wake(running);
    if (n_read == 2)
        return 0;
    if (n_read > 3)
        return -1;
    return snprintf(buffer, size, "piece %d\n", n_read);
}

static void end_stream(void *userdata) {
    (void)userdata;
    n_ended++;
}

/* Answers with what was asked. */
static int echo(void *userdata, const HttpRequest *request, HttpResponse *ret) {
    static char waits[] = "waits";
    char *body = NULL;
    volatile int *n = userdata;
    ++*n;
    if (strcmp(request->path, "/fails") == 0)
        return -ENOMEM;
    if (strncmp(request->path, "/stream", 7) == 0) {
        n_read = 0;
        *ret = (HttpResponse){.status = 200, .content_type = "text/echo", .stream = {read_two, end_stream, request->path[7] ? waits : NULL}};
        return 0;
    }
    if (strncmp(request->path, "/later", 6) == 0 && !request->ticket) {
        ret->ticket = waits;
        if (!request->path[6])
            http_server_wake(running); /* the answer is there before anybody waits for it */
        return HTTP_LATER;
    }
    Str argument = http_request_argument(request, "q");
    int len = asprintf(&body, "%s %s %s %.*s %s", request->path, or_none(http_request_header(request, "Accept")),
            or_none(http_request_cookie(request, "c")), STR_FMT(argument), request->ticket ? "later" : "at once");
    ck_assert_int_gt(len, 0);
    *ret = (HttpResponse){.status = 299,
            .content_type = "text/echo",
            .headers = {{"X-One", "1"}, {"X-Two", "2"}},
            .body = body,
            .body_len = (size_t)len};
    if (strcmp(request->path, "/cookie") == 0)
        (void)snprintf(ret->cookie, sizeof(ret->cookie), "c=1; HttpOnly");
    return 0;
}

static void drop(void *userdata, void *ticket) {
    (void)userdata;
    ck_assert_str_eq(ticket, "waits");
    n_dropped++;
}

static HttpServer *serve(int *n_calls) {
    HttpServer *server = NULL;
    char text[HTTP_TEXT_SIZE];
    int fd = -1;
    ck_assert_int_eq(http_listen(&address, text, &fd), 0);
    ck_assert(http_is_local(fd));
    ck_assert_int_eq(http_server_new(fd, path, (HttpHandler){echo, drop, n_calls}, HTTP_CONNECTIONS_MAX, text, &server), 0);
    running = server;
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
        {"GET /a HTTP/1.1\r\n" HEADERS "\r\n", "HTTP/1.1 299 ", "\r\n\r\n/a - -  at once", 1},
        {"GET /a HTTP/1.1\r\n" HEADERS "Accept: x/y\r\n\r\n", "HTTP/1.1 299 ", "\r\n\r\n/a x/y", 1},
        {"GET /a HTTP/1.1\r\n" HEADERS "\r\n", "HTTP/1.1 299 ", "Content-Type: text/echo\r\n", 1},
        {"GET /a HTTP/1.1\r\n" HEADERS "\r\n", "HTTP/1.1 299 ", "Cache-Control: no-store\r\n", 1},
        {"GET /a HTTP/1.1\r\n" HEADERS "\r\n", "HTTP/1.1 299 ", "X-Two: 2\r\n", 1},
        {"GET /cookie HTTP/1.1\r\n" HEADERS "\r\n", "HTTP/1.1 299 ", "Set-Cookie: c=1; HttpOnly\r\n", 1},
        {"GET /a?q=%3Cb%3E%20c HTTP/1.1\r\n" HEADERS "Cookie: a=b; c=d\r\n\r\n", "HTTP/1.1 299 ", "\r\n\r\n/a - d <b> c at once", 1},
        {"GET /later HTTP/1.1\r\n" HEADERS "\r\n", "HTTP/1.1 299 ", "\r\n\r\n/later - -  later", 2},
        {"GET /stream HTTP/1.1\r\n" HEADERS "\r\n", "HTTP/1.1 200 ", "piece 3\n", 1},
        {"GET /a%20b?c=d HTTP/1.1\r\n" HEADERS "\r\n", "HTTP/1.1 299 ", "\r\n\r\n/a b -", 1},
        {"GET /a HTTP/1.1\r\n" HEADERS "Content-Length: 3\r\n\r\nxyz", "HTTP/1.1 299 ", "\r\n\r\n/a - -  at once", 1},
        {"GET /fails HTTP/1.1\r\n" HEADERS "\r\n", "HTTP/1.1 500 ", "\r\n\r\nout of memory", 1},
        {"POST /a HTTP/1.1\r\n" HEADERS "Content-Length: 3\r\n\r\nxyz", "HTTP/1.1 405 ", "Allow: GET, HEAD\r\n", 0},
};

START_TEST(requests_are_answered) {
    int n_calls = 0;
    _cleanup_(http_server_free) HttpServer *server = serve(&n_calls);
    ck_assert_ptr_nonnull(server);
    const char *answer = ask(rows[_i].request);
    ck_assert_msg(strncmp(answer, rows[_i].begins, strlen(rows[_i].begins)) == 0, "%s", answer);
    ck_assert_msg(strstr(answer, rows[_i].has), "%s", answer);
    ck_assert_int_eq(n_calls, rows[_i].n_calls);
}
END_TEST

/* Until the condition holds, which another thread brings about. */
#define AWAIT(condition)                                                                                     \
    for (int _n = 0; !(condition); _n++) {                                                                   \
        ck_assert_int_lt(_n, 20000);                                                                         \
        (void)usleep(500);                                                                                   \
    }

/* A client that has sent a request and reads what comes. */
static int begin(const char *request) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, &address.any, address.len), 0);
    ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    return fd;
}

START_TEST(tickets_and_streams_end_with_their_connections) {
    int n_calls = 0;
    n_dropped = n_ended = 0;
    _cleanup_(http_server_free) HttpServer *server = serve(&n_calls);
    ck_assert_ptr_nonnull(server);
    ck_assert_str_ne(ask(rows[ARRAY_SIZE(rows) - 1].request), "");
    (void)ask("GET /later HTTP/1.1\r\n" HEADERS "\r\n");
    AWAIT(n_dropped == 1);
    (void)ask("GET /stream HTTP/1.1\r\n" HEADERS "\r\n");
    AWAIT(n_ended == 1);
    (void)ask("HEAD /stream HTTP/1.1\r\n" HEADERS "\r\n");
    AWAIT(n_ended == 2);
}
END_TEST

START_TEST(who_waits_is_woken) {
    char answer[1024];
    int n_calls = 0;
    _cleanup_(http_server_free) HttpServer *server = serve(&n_calls);
    ck_assert_ptr_nonnull(server);
    int fd = begin("GET /later-on HTTP/1.1\r\n" HEADERS "\r\n");
    AWAIT(*(volatile int *)&n_calls == 1);
    http_server_wake(server);
    ssize_t n = recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL);
    ck_assert_int_gt(n, 0);
    answer[n] = '\0';
    ck_assert_msg(strstr(answer, "/later-on - -  later"), "%s", answer);
    ck_assert_int_eq(n_calls, 2);
    (void)close(fd);
}
END_TEST

START_TEST(its_end_ends_who_waits) {
    char first[1024];
    int n_calls = 0;
    n_dropped = n_ended = 0;
    HttpServer *server = serve(&n_calls);
    int later = begin("GET /later-on HTTP/1.1\r\n" HEADERS "\r\n"), stream = begin("GET /stream-on HTTP/1.1\r\n" HEADERS "\r\n");
    ck_assert_int_gt(recv(stream, first, sizeof(first), 0), 0);
    AWAIT(n_calls == 2 && n_read == 2);
    server = http_server_free(server);
    ck_assert_int_eq(n_dropped, 1);
    ck_assert_int_eq(n_ended, 1);
    (void)close(later);
    (void)close(stream);
}
END_TEST

START_TEST(a_port_is_local_on_loopback_only) {
    static const struct {
        const char *text;
        bool is_local;
    } addresses[] = {{"127.0.0.1:0", true}, {"0.0.0.0:0", false}};
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        char text[HTTP_TEXT_SIZE];
        ListenAddress port;
        int fd;
        ck_assert(listen_address_parse(str_from(addresses[i].text), &port));
        ck_assert_int_eq(http_listen(&port, text, &fd), 0);
        ck_assert_int_eq(http_is_local(fd), addresses[i].is_local);
        (void)close(fd);
    }
}
END_TEST

START_TEST(head_has_no_body) {
    int n_calls = 0;
    _cleanup_(http_server_free) HttpServer *server = serve(&n_calls);
    ck_assert_ptr_nonnull(server);
    const char *answer = ask("HEAD /a HTTP/1.1\r\n" HEADERS "\r\n");
    ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 15\r\n"));
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
    ck_assert_ptr_nonnull(server);
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
    ck_assert_ptr_nonnull(server);
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
    tcase_add_test(tcase, tickets_and_streams_end_with_their_connections);
    tcase_add_test(tcase, who_waits_is_woken);
    tcase_add_test(tcase, its_end_ends_who_waits);
    tcase_add_test(tcase, a_port_is_local_on_loopback_only);
    tcase_add_test(tcase, its_end_takes_the_socket_away);
    tcase_add_test(tcase, a_path_in_use_is_left_alone);
    tcase_add_test(tcase, a_path_left_over_is_taken);
    tcase_add_test(tcase, a_path_that_is_no_socket_is_left_alone);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
