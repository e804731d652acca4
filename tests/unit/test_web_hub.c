/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/hub.h"

#include <stdio.h>

#include "tests/unit/suite.h"

static Hub *hub;

static void setup(void) {
    ck_assert_int_eq(hub_new(&hub), 0);
}

static void teardown(void) {
    hub = hub_free(hub);
}

static HttpStream watch(void) {
    HttpStream stream;
    ck_assert_int_eq(hub_watch(hub, &stream), 0);
    return stream;
}

/* All that the watcher is sent, in blocks of so many bytes, until there is nothing more. */
static const char *read_by(HttpStream stream, size_t block) {
    static char text[256 * 1024];
    size_t len = 0;
    for (ssize_t n; (n = stream.read(stream.userdata, text + len, block)) != 0;) {
        ck_assert_int_gt(n, 0);
        len += (size_t)n;
        ck_assert_uint_lt(len + block, sizeof(text));
    }
    text[len] = '\0';
    return text;
}

static const char *read_all(HttpStream stream) {
    return read_by(stream, 4096);
}

START_TEST(a_watcher_is_sent_what_it_has_not_seen) {
    HttpStream early = watch();
    ck_assert_str_eq(read_all(early), "retry: 2000\n\n");
    ck_assert_str_eq(read_all(early), "");
    ck_assert(hub_set(hub, HUB_LEADS, STR_LITERAL("[1]")));
    ck_assert_str_eq(read_all(early), "event: leads\ndata: [1]\n\n");
    ck_assert(!hub_set(hub, HUB_LEADS, STR_LITERAL("[1]")));
    ck_assert_str_eq(read_all(early), "");
    ck_assert(hub_set(hub, HUB_LEADS, STR_LITERAL("[1,2,3]")));
    ck_assert(hub_set(hub, HUB_HELLO, STR_LITERAL("{}")));
    ck_assert(hub_set(hub, HUB_LEADS, STR_LITERAL("[4]")));
    /* What was overtaken is skipped. */
    ck_assert_str_eq(read_all(early), "event: hello\ndata: {}\n\nevent: leads\ndata: [4]\n\n");
    HttpStream late = watch();
    ck_assert_str_eq(read_by(late, 3), "retry: 2000\n\nevent: hello\ndata: {}\n\nevent: leads\ndata: [4]\n\n");
    ck_assert_str_eq(read_all(early), "");
    early.done(early.userdata);
    late.done(late.userdata);
}
END_TEST

START_TEST(news_are_sorted_and_sent_once) {
    HttpStream early = watch();
    (void)read_all(early);
    ck_assert(hub_add_news(hub, 20, STR_LITERAL("\"b\"")));
    ck_assert(hub_add_news(hub, 10, STR_LITERAL("\"a\"")));
    ck_assert_str_eq(read_all(early), "event: news\ndata: [\"b\",\"a\"]\n\n");
    ck_assert(hub_add_news(hub, 15, STR_LITERAL("\"c\"")));
    ck_assert_str_eq(read_all(early), "event: news\ndata: [\"c\"]\n\n");
    HttpStream late = watch();
    ck_assert_str_eq(read_all(late), "retry: 2000\n\nevent: news\ndata: [\"b\",\"c\",\"a\"]\n\n");
    early.done(early.userdata);
    late.done(late.userdata);
}
END_TEST

START_TEST(the_oldest_news_go) {
    char text[8];
    for (int i = 0; i < HUB_NEWS_MAX; i++) {
        int len = snprintf(text, sizeof(text), "%d", i);
        ck_assert(hub_add_news(hub, 100 + i, (Str){text, (size_t)len}));
    }
    ck_assert(!hub_add_news(hub, 99, STR_LITERAL("\"older\"")));
    ck_assert(hub_add_news(hub, 1000, STR_LITERAL("\"newer\"")));
    HttpStream stream = watch();
    const char *all = read_all(stream);
    ck_assert_ptr_nonnull(strstr(all, "[\"newer\",59,58,"));
    ck_assert_ptr_nonnull(strstr(all, ",2,1]"));
    stream.done(stream.userdata);
}
END_TEST

START_TEST(the_state_is_whole_or_not_there) {
    _cleanup_(free_null) char *state = NULL;
    size_t len = 0;
    ck_assert(hub_add_news(hub, 1, STR_LITERAL("7")));
    for (HubPart part = 0; part < _HUB_PART_MAX; part++) {
        ck_assert_int_eq(hub_state(hub, &state, &len), 0);
        ck_assert_ptr_null(state);
        ck_assert(hub_set(hub, part, STR_LITERAL("1")));
    }
    ck_assert_int_eq(hub_state(hub, &state, &len), 0);
    _cleanup_(free_null) char *text = strndup(state, len);
    ck_assert_str_eq(text, "{\"hello\":1,\"status\":1,\"leads\":1,\"accounts\":1,\"clocks\":1,\"funnel\":1,\"news\":[7]}\n");
}
END_TEST

START_TEST(after_a_clearing_all_is_sent_anew) {
    HttpStream stream = watch();
    ck_assert(hub_set(hub, HUB_LEADS, STR_LITERAL("[1]")));
    ck_assert(hub_add_news(hub, 1, STR_LITERAL("7")));
    (void)read_all(stream);
    hub_clear(hub);
    ck_assert_str_eq(read_all(stream), "");
    ck_assert(hub_set(hub, HUB_LEADS, STR_LITERAL("[1]")));
    ck_assert_str_eq(read_all(stream), "event: leads\ndata: [1]\n\n");
    stream.done(stream.userdata);
}
END_TEST

START_TEST(there_is_an_end_to_watchers) {
    HttpStream streams[HUB_WATCHERS_MAX], more;
    for (size_t i = 0; i < HUB_WATCHERS_MAX; i++)
        streams[i] = watch();
    ck_assert_int_eq(hub_watch(hub, &more), -EBUSY);
    ck_assert_uint_eq(hub_n_watchers(hub), HUB_WATCHERS_MAX);
    streams[0].done(streams[0].userdata);
    streams[0] = watch();
    for (size_t i = 0; i < HUB_WATCHERS_MAX; i++)
        streams[i].done(streams[i].userdata);
    ck_assert_uint_eq(hub_n_watchers(hub), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("web_hub");
    TCase *tcase = tcase_create("web_hub");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_watcher_is_sent_what_it_has_not_seen);
    tcase_add_test(tcase, news_are_sorted_and_sent_once);
    tcase_add_test(tcase, the_oldest_news_go);
    tcase_add_test(tcase, the_state_is_whole_or_not_there);
    tcase_add_test(tcase, after_a_clearing_all_is_sent_anew);
    tcase_add_test(tcase, there_is_an_end_to_watchers);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
