/* SPDX-License-Identifier: Apache-2.0 */
/* Lines as they arrive at standard error, which is a file here. */
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/log/log.h"
#include "daemon/log/log_catalogue.h"
#include "daemon/log/log_hide.h"
#include "lib/calendar/timestamp.h"
#include "tests/unit/suite.h"

#define LOGFMT_HEAD "time="
#define JSON_HEAD "{\"time\":\""
#define CAPTURE_SIZE (256 * 1024)

static int saved_stderr = -1;
static FILE *captured;

static void capture_begin(void) {
    captured = tmpfile();
    saved_stderr = dup(STDERR_FILENO);
    ck_assert(captured && saved_stderr >= 0);
    ck_assert_int_ge(dup2(fileno(captured), STDERR_FILENO), 0);
}

/* What was written since, as a string that is good until the next call. */
static const char *capture_end(void) {
    static char text[CAPTURE_SIZE];
    ck_assert_int_ge(dup2(saved_stderr, STDERR_FILENO), 0);
    (void)close(saved_stderr);
    ssize_t n = pread(fileno(captured), text, sizeof(text) - 1, 0);
    (void)fclose(captured);
    ck_assert_int_ge(n, 0);
    text[n] = '\0';
    return text;
}

static void configure(LogFormat format, LogLevel level) {
    log_configure(&(LogOptions){.format = format, .level = level});
}

/* What follows the head and the time, which must be one. */
static const char *after_time(const char *line, const char *head) {
    int64_t at_ms;
    ck_assert_msg(strncmp(line, head, strlen(head)) == 0, "no time: %s", line);
    line += strlen(head);
    ck_assert_msg(strlen(line) > TIMESTAMP_TEXT_SIZE &&
                          timestamp_parse((Str){line, TIMESTAMP_TEXT_SIZE - 1}, &at_ms),
            "no time: %s", line);
    return line + TIMESTAMP_TEXT_SIZE - 1;
}

START_TEST(logfmt_line_has_time_level_event_and_fields) {
    capture_begin();
    configure(LOG_LOGFMT, LOG_INFO);
    log_info("shard.taken", LOG_INT("shard", 3), LOG_STR("lineage", "ab12"), LOG_DOUBLE("share", 0.1),
            LOG_BYTES("id", ((Str){"lead-77", 6})));
    ck_assert_str_eq(after_time(capture_end(), LOGFMT_HEAD),
            " level=info event=shard.taken shard=3 lineage=ab12 share=0.1 id=lead-7\n");
}
END_TEST

START_TEST(json_line_has_time_level_event_and_fields) {
    capture_begin();
    configure(LOG_JSON, LOG_INFO);
    log_warning("shard.taken", LOG_INT("shard", INT64_MIN), LOG_STR("lineage", "ab12"),
            LOG_DOUBLE("share", NAN), LOG_STR("none", NULL));
    ck_assert_str_eq(after_time(capture_end(), JSON_HEAD),
            "\",\"level\":\"warning\",\"event\":\"shard.taken\",\"shard\":-9223372036854775808,"
            "\"lineage\":\"ab12\",\"share\":null,\"none\":null}\n");
}
END_TEST

#define BYTES(literal)                                                                                       \
    { literal, sizeof(literal) - 1 }
static const struct {
    Str value;
    const char *logfmt, *json;
} values[] = {
        {BYTES("plain-1.2/x:y"), "plain-1.2/x:y", "\"plain-1.2/x:y\""},
        {BYTES(""), "\"\"", "\"\""},
        {BYTES("two words"), "\"two words\"", "\"two words\""},
        {BYTES("a=b"), "\"a=b\"", "\"a=b\""},
        {BYTES("say \"hi\""), "\"say \\\"hi\\\"\"", "\"say \\\"hi\\\"\""},
        {BYTES("back\\slash"), "\"back\\\\slash\"", "\"back\\\\slash\""},
        {BYTES("line\nline\r\ttab"), "\"line\\nline\\r\\ttab\"", "\"line\\nline\\r\\ttab\""},
        {BYTES("\x1b[31mred\x7f"), "\"\\u001b[31mred\\u007f\"", "\"\\u001b[31mred\\u007f\""},
        {BYTES("nul\0nul"), "\"nul\\u0000nul\"", "\"nul\\u0000nul\""},
        {BYTES("\xC2\x9B"), "\"\\u009b\"", "\"\\u009b\""},
        {BYTES("Z\xC3\xBCrich"), "\"Z\xC3\xBCrich\"", "\"Z\xC3\xBCrich\""},
        {BYTES("bad \xFF\xC3("), "\"bad \xEF\xBF\xBD\xEF\xBF\xBD(\"", "\"bad \xEF\xBF\xBD\xEF\xBF\xBD(\""},
};

START_TEST(value_is_escaped) {
    char expected[256];
    capture_begin();
    configure(LOG_LOGFMT, LOG_INFO);
    log_info("e", LOG_BYTES("v", values[_i].value));
    (void)snprintf(expected, sizeof(expected), " level=info event=e v=%s\n", values[_i].logfmt);
    ck_assert_str_eq(after_time(capture_end(), LOGFMT_HEAD), expected);

    capture_begin();
    configure(LOG_JSON, LOG_INFO);
    log_info("e", LOG_BYTES("v", values[_i].value));
    (void)snprintf(
            expected, sizeof(expected), "\",\"level\":\"info\",\"event\":\"e\",\"v\":%s}\n", values[_i].json);
    ck_assert_str_eq(after_time(capture_end(), JSON_HEAD), expected);
}
END_TEST

START_TEST(null_text_differs_from_empty_one) {
    capture_begin();
    configure(LOG_LOGFMT, LOG_INFO);
    log_info("e", LOG_STR("none", NULL), LOG_INT("n", 1));
    ck_assert_str_eq(after_time(capture_end(), LOGFMT_HEAD), " level=info event=e none= n=1\n");
}
END_TEST

START_TEST(long_value_is_cut_between_characters) {
    char value[1200];
    /* The thousandth byte is the first of a character of two. */
    memset(value, 'a', sizeof(value));
    memcpy(value + 999, "\xC3\xBC", 2);
    capture_begin();
    configure(LOG_LOGFMT, LOG_INFO);
    log_info("e", LOG_BYTES("v", ((Str){value, sizeof(value)})), LOG_INT("n", 1));
    const char *line = strstr(capture_end(), " v=");
    ck_assert_ptr_nonnull(line);
    ck_assert_uint_eq(strspn(line + 3, "a"), 999);
    ck_assert_str_eq(line + 3 + 999, "... n=1\n");
}
END_TEST

/* A line of values that each make it longer by up to six times, with every remainder of room at its end. */
START_TEST(long_line_stays_whole_and_well_formed) {
    char padding[64], control[1000];
    memset(padding, 'x', sizeof(padding));
    memset(control, '\x01', sizeof(control));
    capture_begin();
    configure(_i % 2 ? LOG_JSON : LOG_LOGFMT, LOG_INFO);
    log_info("e", LOG_BYTES("p", ((Str){padding, (size_t)_i})), LOG_BYTES("a", ((Str){control, 600})),
            LOG_BYTES("b", ((Str){control, sizeof(control)})), LOG_INT("c", 1), LOG_STR("d", "x"));
    const char *line = capture_end();
    size_t len = strlen(line);
    ck_assert_uint_le(len, PIPE_BUF);
    ck_assert_uint_gt(len, PIPE_BUF - 100);
    ck_assert_ptr_eq(strchr(line, '\n'), line + len - 1);
    ck_assert_msg(strstr(line, _i % 2 ? "\\u0001...\"}\n" : "\\u0001...\"\n"), "no end: %s", line + len - 40);
}
END_TEST

START_TEST(lines_below_the_level_are_left_out) {
    capture_begin();
    configure(LOG_LOGFMT, LOG_WARNING);
    log_debug("no", LOG_INT("n", 1));
    log_info("no", LOG_INT("n", 2));
    log_warning("yes", LOG_INT("n", 3));
    log_error("yes", LOG_INT("n", 4));
    const char *text = capture_end();
    ck_assert_ptr_null(strstr(text, "event=no"));
    ck_assert_ptr_nonnull(strstr(text, "level=warning event=yes n=3\n"));
    ck_assert_ptr_nonnull(strstr(text, "level=error event=yes n=4\n"));
}
END_TEST

START_TEST(errno_is_kept) {
    capture_begin();
    (void)close(STDERR_FILENO);
    errno = ENOSPC;
    log_error("e", LOG_INT("n", 1));
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert_str_eq(capture_end(), "");
}
END_TEST

START_TEST(journal_is_told_the_priority) {
    char stream[64];
    struct stat st;
    capture_begin();
    ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
    (void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
            (unsigned long long)st.st_ino);
    ck_assert_int_eq(setenv("JOURNAL_STREAM", stream, 1), 0);
    configure(LOG_LOGFMT, LOG_INFO);
    log_error("e", LOG_INT("n", 1));
    ck_assert_str_eq(after_time(capture_end(), "<3>" LOGFMT_HEAD), " level=error event=e n=1\n");
}
END_TEST

/* --- the journal's own protocol ---------------------------------------------------------------------- */

/* A socket in the place of the journal's; `path` has its address. */
static int listen_as_journal(char *directory, char path[static 64]) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(path, 64, "%s/socket", directory);
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void stop_journal(int fd, const char *directory, const char *path) {
    (void)close(fd);
    (void)unlink(path);
    (void)rmdir(directory);
}

/* The value of a field of the datagram; data NULL: it has none. Each field must be whole. */
static Str journal_field(Str datagram, const char *name) {
    Str found = STR_NULL;
    for (size_t i = 0; i < datagram.len;) {
        const char *end = memchr(datagram.data + i, '\n', datagram.len - i);
        ck_assert_ptr_nonnull(end);
        Str field = {datagram.data + i, (size_t)(end - datagram.data) - i};
        uint64_t len = 0;
        i += field.len + 1;
        ck_assert_uint_le(i + 8, datagram.len);
        for (int k = 7; k >= 0; k--)
            len = len << 8 | (unsigned char)datagram.data[i + (size_t)k];
        i += 8;
        ck_assert_uint_lt(i + len, datagram.len);
        ck_assert_int_eq(datagram.data[i + len], '\n');
        if (str_eq_c(field, name))
            found = (Str){datagram.data + i, len};
        i += len + 1;
    }
    return found;
}

static void assert_field(Str datagram, const char *name, const char *value) {
    Str field = journal_field(datagram, name);
    ck_assert_msg(str_eq_c(field, value), "%s is \"%.*s\"", name, STR_FMT(field));
}

START_TEST(journal_gets_fields) {
    char directory[] = "/tmp/scored-journal-XXXXXX", path[64], datagram[64 * 1024];
    int fd = listen_as_journal(directory, path);
    capture_begin();
    log_configure(&(LogOptions){.format = LOG_JOURNAL, .level = LOG_INFO, .journal = path});
    log_error("shard.halted", LOG_INT("shard", 3), LOG_STR("reason", "a\nb \"c\""), LOG_STR("none", NULL));
    ck_assert_str_eq(capture_end(), "");
    Str got = {datagram, (size_t)recv(fd, datagram, sizeof(datagram), MSG_DONTWAIT)};
    assert_field(got, "PRIORITY", "3");
    assert_field(got, "SYSLOG_IDENTIFIER", "scored");
    assert_field(got, "SCORED_EVENT", "shard.halted");
    assert_field(got, "SCORED_SHARD", "3");
    assert_field(got, "SCORED_REASON", "a\nb \"c\"");
    assert_field(got, "MESSAGE", "event=shard.halted shard=3 reason=\"a\\nb \\\"c\\\"\" none=");
    assert_field(got, "MESSAGE_ID", log_catalogue_find("shard.halted")->id);
    ck_assert_ptr_null(journal_field(got, "SCORED_NONE").data);

    log_info("progress", LOG_INT("events", 1));
    got.len = (size_t)recv(fd, datagram, sizeof(datagram), MSG_DONTWAIT);
    assert_field(got, "PRIORITY", "6");
    ck_assert_ptr_null(journal_field(got, "MESSAGE_ID").data);
    stop_journal(fd, directory, path);
}
END_TEST

/* As many and as long values as there can be. */
START_TEST(journal_gets_whole_fields_only) {
    char directory[] = "/tmp/scored-journal-XXXXXX", path[64], value[2000];
    static char datagram[64 * 1024];
    int fd = listen_as_journal(directory, path);
    memset(value, 'x', sizeof(value));
    const LogField field = LOG_BYTES("v", ((Str){value, sizeof(value)}));
    log_configure(&(LogOptions){.format = LOG_JOURNAL, .level = LOG_INFO, .journal = path});
    log_info("e", field, field, field, field, field, field, field, field, field, field, field, field, field, field, field, field,
            field, field, field, field, field, field, field, field, field, field, field, field, field, field, field, field);
    Str got = {datagram, (size_t)recv(fd, datagram, sizeof(datagram), MSG_DONTWAIT)};
    ck_assert_uint_eq(journal_field(got, "SCORED_V").len, 1000);
    ck_assert(journal_field(got, "MESSAGE").len > 0);
    stop_journal(fd, directory, path);
}
END_TEST

START_TEST(journal_that_is_not_there_leaves_the_line) {
    capture_begin();
    log_configure(&(LogOptions){.format = LOG_JOURNAL, .level = LOG_INFO, .journal = "/nonexistent/socket"});
    log_error("e", LOG_INT("n", 1));
    ck_assert_str_eq(after_time(capture_end(), LOGFMT_HEAD), " level=error event=e n=1\n");
}
END_TEST

START_TEST(auto_is_logfmt_where_stderr_is_no_journal) {
    capture_begin();
    ck_assert_int_eq(setenv("JOURNAL_STREAM", "1:1", 1), 0);
    configure(LOG_AUTO, LOG_INFO);
    log_error("e", LOG_INT("n", 1));
    ck_assert_str_eq(after_time(capture_end(), LOGFMT_HEAD), " level=error event=e n=1\n");
}
END_TEST

/* --- what is hidden ---------------------------------------------------------------------------------- */

static const struct {
    const char *value, *shown;
} hidden[] = {
        {"no secret here", "no secret here"},
        {"password hunter2222 was refused", "password [hidden] was refused"},
        {"hunter2222hunter2222", "[hidden][hidden]"},
        {"hunter222", "hunter222"},
        {"http://ann:pw@host:80/x", "http://[hidden]@host:80/x"},
        {"see redis://:p@ss@host and ftp://u@h", "see redis://[hidden]@host and ftp://[hidden]@h"},
        {"https://host/a@b", "https://host/a@b"},
        {"mail ann@host", "mail ann@host"},
        {"cut http://", "cut http://"},
};

START_TEST(secret_is_not_shown) {
    char expected[256];
    ck_assert_int_eq(log_hide_secret(STR_LITERAL("hunter2222")), 0);
    ck_assert_int_eq(log_hide_secret(STR_LITERAL("see")), 0); /* too short to be looked for */
    capture_begin();
    configure(LOG_JSON, LOG_INFO);
    log_info("e", LOG_STR("v", hidden[_i].value));
    (void)snprintf(expected, sizeof(expected), "\",\"level\":\"info\",\"event\":\"e\",\"v\":\"%s\"}\n", hidden[_i].shown);
    ck_assert_str_eq(after_time(capture_end(), JSON_HEAD), expected);
}
END_TEST

/* Wherever a value is cut, no beginning of a secret stays. */
START_TEST(secret_at_the_cut_is_not_shown) {
    char value[1100];
    memset(value, 'a', sizeof(value));
    memcpy(value + 990 + _i, "hunter2222", 10);
    ck_assert_int_eq(log_hide_secret(STR_LITERAL("hunter2222")), 0);
    capture_begin();
    configure(LOG_LOGFMT, LOG_INFO);
    log_info("e", LOG_BYTES("v", ((Str){value, sizeof(value)})), LOG_INT("n", 1));
    const char *line = capture_end();
    ck_assert_ptr_null(strstr(line, "hu"));
    ck_assert_ptr_nonnull(strstr(line, "... n=1\n"));
}
END_TEST

START_TEST(ids_are_shown_as_they_are_to_be) {
    static const char *const shown[] = {
            [LOG_IDS_CLEAR] = " level=info event=e id=lead-77 text=\"of lead-77\" n=1\n",
            /* printf lead-77 | openssl dgst -sha256 -hmac 0123456789abcdef */
            [LOG_IDS_HASHED] = " level=info event=e id=413a71d4264fa439c834e4d7f3d22479 n=1\n",
            [LOG_IDS_NONE] = " level=info event=e n=1\n",
    };
    LogKey key = {.len = 16};
    memcpy(key.bytes, "0123456789abcdef", 16);
    log_hide_use_key(&key);
    capture_begin();
    log_configure(&(LogOptions){.format = LOG_LOGFMT, .level = LOG_INFO, .ids = (LogIds)_i});
    log_info("e", LOG_ID("id", STR_LITERAL("lead-77")), LOG_QUOTE("text", "of lead-77"), LOG_INT("n", 1));
    ck_assert_str_eq(after_time(capture_end(), LOGFMT_HEAD), shown[_i]);
}
END_TEST

/* Of all the configuration's secrets, be they values or files, of which the first line counts. */
START_TEST(secrets_of_the_configuration_are_not_shown) {
    static const char *const contents[] = {"redis-secret\n", "registry-secret\r\nnot this\n", "token-secret", "key-secret\n"};
    char paths[ARRAY_SIZE(contents)][32];
    for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
        (void)snprintf(paths[i], sizeof(paths[i]), "/tmp/scored-secret-XXXXXX");
        int fd = mkstemp(paths[i]);
        ck_assert_int_eq(write(fd, contents[i], strlen(contents[i])), (ssize_t)strlen(contents[i]));
        (void)close(fd);
    }
    KafkaProperty properties[] = {{"sasl.password", "kafka-secret"}, {"sasl.username", "kafka-user"}};
    const Config config = {.redis_password_file = paths[0], .registry_password_file = paths[1], .registry_token_file = paths[2],
            .registry_key_password_file = paths[3], .kafka_properties = properties, .n_kafka_properties = ARRAY_SIZE(properties)};
    ck_assert_int_eq(log_hide_by(&config), 0);
    capture_begin();
    configure(LOG_LOGFMT, LOG_INFO);
    log_info("e", LOG_STR("v", "redis-secret/registry-secret/not this/token-secret/key-secret/kafka-secret/kafka-user"));
    ck_assert_str_eq(after_time(capture_end(), LOGFMT_HEAD),
            " level=info event=e v=\"[hidden]/[hidden]/not this/[hidden]/[hidden]/[hidden]/kafka-user\"\n");
    for (size_t i = 0; i < ARRAY_SIZE(contents); i++)
        (void)unlink(paths[i]);
}
END_TEST

static const struct {
    const char *content;
    int outcome;
    size_t len;
} keys[] = {
        {"0123456789abcdef", 0, 16},
        {"0123456789abcdef\n", 0, 16},
        {"0123456789abcdef\r\n", 0, 16},
        {"0123456789abcde\n", LOG_HIDE_E_KEY, 0},
        {"", LOG_HIDE_E_KEY, 0},
};

START_TEST(key_is_the_file_without_its_line_end) {
    char path[] = "/tmp/scored-key-XXXXXX";
    LogKey key;
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, keys[_i].content, strlen(keys[_i].content)), (ssize_t)strlen(keys[_i].content));
    ck_assert_int_eq(log_hide_read_key(path, &key), keys[_i].outcome);
    if (keys[_i].outcome == 0)
        ck_assert_uint_eq(key.len, keys[_i].len);
    (void)close(fd);
    (void)unlink(path);
    ck_assert_int_eq(log_hide_read_key(path, &key), -ENOENT);
}
END_TEST

/* --- no line repeats without end --------------------------------------------------------------------- */

static void repeat(LogLevel level) {
    log_at(level, 0, "often", LOG_INT("n", 1));
}

static unsigned count(const char *text, const char *word) {
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        n++;
    return n;
}

static const struct {
    LogLevel level;
    unsigned most;
} bursts[] = {{LOG_ERROR, 20}, {LOG_WARNING, 20}, {LOG_INFO, 200}, {LOG_DEBUG, 300}};

START_TEST(one_site_has_only_so_many_lines) {
    capture_begin();
    configure(LOG_LOGFMT, LOG_DEBUG);
    for (int i = 0; i < 300; i++)
        repeat(bursts[_i].level);
    log_error("other", LOG_INT("n", 1));
    const char *text = capture_end();
    ck_assert_uint_eq(count(text, "event=often n=1\n"), bursts[_i].most);
    ck_assert_uint_eq(count(text, "event=other n=1\n"), 1);
}
END_TEST

static void write_site(LogSite *site) {
    const LogField field = LOG_INT("n", 1);
    log_write(site, LOG_WARNING, 2, "often", &field, 1);
}

/* A window that began long ago, as if time had passed. */
static void let_window_pass(LogSite *site) {
    site->limit.window_start_ms -= 20000;
}

START_TEST(what_was_left_out_is_told_by_the_next_line) {
    static LogSite site;
    capture_begin();
    configure(LOG_LOGFMT, LOG_INFO);
    for (int i = 0; i < 7; i++)
        write_site(&site);
    let_window_pass(&site);
    write_site(&site);
    write_site(&site);
    const char *text = capture_end();
    ck_assert_uint_eq(count(text, "event=often n=1"), 4);
    ck_assert_uint_eq(count(text, "event=often n=1 left_out=5\n"), 1);
    ck_assert_uint_eq(count(text, "left_out"), 1);
}
END_TEST

START_TEST(what_was_left_out_is_told_by_another_site_if_that_is_silent) {
    static LogSite site;
    capture_begin();
    configure(LOG_LOGFMT, LOG_INFO);
    for (int i = 0; i < 7; i++)
        write_site(&site);
    log_info("soon", LOG_INT("n", 1));
    let_window_pass(&site);
    log_info("later", LOG_INT("n", 1));
    log_info("later", LOG_INT("n", 2));
    const char *text = capture_end(), *told = strstr(text, " level=warning event=log.left_out of=often count=5\n");
    ck_assert_ptr_nonnull(told);
    ck_assert_uint_eq(count(text, "left_out"), 1);
    ck_assert(strstr(text, "event=soon") < told && told < strstr(text, "event=later"));
}
END_TEST

START_TEST(what_was_left_out_is_told_at_the_end) {
    static LogSite site;
    capture_begin();
    configure(LOG_LOGFMT, LOG_INFO);
    for (int i = 0; i < 7; i++)
        write_site(&site);
    log_finish();
    log_finish();
    ck_assert_uint_eq(count(capture_end(), " level=warning event=log.left_out of=often count=5\n"), 1);
}
END_TEST

#define N_THREADS 4
#define N_LINES 40

static void *write_lines(void *userdata) {
    const char *letter = userdata;
    char value[900];
    memset(value, *letter, sizeof(value));
    for (int i = 0; i < N_LINES; i++)
        log_info("e", LOG_BYTES("v", ((Str){value, sizeof(value)})));
    return NULL;
}

START_TEST(lines_of_threads_do_not_interleave) {
    pthread_t threads[N_THREADS];
    int n_lines = 0;
    capture_begin();
    configure(LOG_LOGFMT, LOG_INFO);
    for (int i = 0; i < N_THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_lines, (void *)(uintptr_t) & "abcd"[i]), 0);
    for (int i = 0; i < N_THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (const char *line = capture_end(); *line; n_lines++) {
        static const char fields[] = " level=info event=e v=";
        line = after_time(line, LOGFMT_HEAD);
        ck_assert_int_eq(strncmp(line, fields, strlen(fields)), 0);
        line += strlen(fields);
        ck_assert_uint_eq(strspn(line, (char[]){line[0], '\0'}), 900);
        ck_assert_int_eq(line[900], '\n');
        line += 901;
    }
    ck_assert_int_eq(n_lines, N_THREADS * N_LINES);
}
END_TEST

START_TEST(limit_lets_a_burst_through_and_counts_the_rest) {
    LogLimit limit = {0};
    unsigned left_out = 99;
    ck_assert(log_limit_allows(&limit, 5, 2, &left_out));
    ck_assert_uint_eq(left_out, 0);
    ck_assert(log_limit_allows(&limit, 6, 2, &left_out));
    left_out = 99;
    for (int64_t now_ms = 7; now_ms < 10; now_ms++)
        ck_assert(!log_limit_allows(&limit, now_ms, 2, &left_out));
    ck_assert(!log_limit_allows(&limit, 10004, 2, &left_out));
    ck_assert_uint_eq(left_out, 99);

    ck_assert(log_limit_allows(&limit, 10005, 2, &left_out));
    ck_assert_uint_eq(left_out, 4);
    ck_assert(log_limit_allows(&limit, 10006, 2, &left_out));
    ck_assert_uint_eq(left_out, 0);
}
END_TEST

START_TEST(limit_starts_anew_when_the_clock_goes_back) {
    LogLimit limit = {0};
    unsigned left_out;
    ck_assert(log_limit_allows(&limit, 50000, 1, &left_out));
    ck_assert(!log_limit_allows(&limit, 50001, 1, &left_out));
    ck_assert(log_limit_allows(&limit, 20000, 1, &left_out));
    ck_assert_uint_eq(left_out, 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    tcase_add_test(tcase, logfmt_line_has_time_level_event_and_fields);
    tcase_add_test(tcase, json_line_has_time_level_event_and_fields);
    tcase_add_loop_test(tcase, value_is_escaped, 0, ARRAY_SIZE(values));
    tcase_add_test(tcase, null_text_differs_from_empty_one);
    tcase_add_test(tcase, long_value_is_cut_between_characters);
    tcase_add_loop_test(tcase, long_line_stays_whole_and_well_formed, 0, 64);
    tcase_add_test(tcase, lines_below_the_level_are_left_out);
    tcase_add_test(tcase, errno_is_kept);
    tcase_add_test(tcase, journal_is_told_the_priority);
    tcase_add_test(tcase, journal_gets_fields);
    tcase_add_test(tcase, journal_gets_whole_fields_only);
    tcase_add_test(tcase, journal_that_is_not_there_leaves_the_line);
    tcase_add_test(tcase, auto_is_logfmt_where_stderr_is_no_journal);
    tcase_add_loop_test(tcase, secret_is_not_shown, 0, ARRAY_SIZE(hidden));
    tcase_add_loop_test(tcase, secret_at_the_cut_is_not_shown, 0, 12);
    tcase_add_test(tcase, secrets_of_the_configuration_are_not_shown);
    tcase_add_loop_test(tcase, ids_are_shown_as_they_are_to_be, 0, LOG_IDS_NONE + 1);
    tcase_add_loop_test(tcase, key_is_the_file_without_its_line_end, 0, ARRAY_SIZE(keys));
    tcase_add_loop_test(tcase, one_site_has_only_so_many_lines, 0, ARRAY_SIZE(bursts));
    tcase_add_test(tcase, what_was_left_out_is_told_by_the_next_line);
    tcase_add_test(tcase, what_was_left_out_is_told_by_another_site_if_that_is_silent);
    tcase_add_test(tcase, what_was_left_out_is_told_at_the_end);
    tcase_add_test(tcase, lines_of_threads_do_not_interleave);
    tcase_add_test(tcase, limit_lets_a_burst_through_and_counts_the_rest);
    tcase_add_test(tcase, limit_starts_anew_when_the_clock_goes_back);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
