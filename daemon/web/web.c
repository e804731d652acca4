/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/web.h"

#include <stdio.h>

#include "daemon/io/digest.h"
#include "daemon/web/door.h"
#include "daemon/web/page.h"

#define ETAG_SIZE (DIGEST_BASE64_SIZE + 2)
#define POLICY_SIZE 512

/* A page that is served, with what it may do. */
typedef struct Page {
    Str text;
    char etag[ETAG_SIZE], policy[POLICY_SIZE];
} Page;

struct Web {
    ProducerOptions options;
    Producer *producer; /* NULL: it has not been started, or has ended */
    Page board, login;
};

/* --- pages ------------------------------------------------------------------------------------------- */

/* What stands between the tags, of which there is one each. */
static Str inside(Str page, const char *begin, const char *end) {
    const char *from = memmem(page.data, page.len, begin, strlen(begin));
    if (!from)
        return STR_NULL;
    from += strlen(begin);
    const char *to = memmem(from, (size_t)(page.data + page.len - from), end, strlen(end));
    return to ? (Str){from, (size_t)(to - from)} : STR_NULL;
}

/* Nothing but its own script and style, known by their hashes, and connections to where it comes from. */
static int prepare(Page *page, Str text) {
    char script[DIGEST_BASE64_SIZE], style[DIGEST_BASE64_SIZE], whole[DIGEST_BASE64_SIZE];
    int r = digest_base64(inside(text, "<script>", "</script>"), script);
    if (r == 0)
        r = digest_base64(inside(text, "<style>", "</style>"), style);
    if (r == 0)
        r = digest_base64(text, whole);
    page->text = text;
    (void)snprintf(page->etag, sizeof(page->etag), "\"%s\"", whole);
    (void)snprintf(page->policy, sizeof(page->policy),
            "default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; connect-src 'self'; img-src data:; base-uri 'none'; "
            "form-action 'self'; frame-ancestors 'none'",
            script, style);
    return r;
}

static int respond_page(const Page *page, unsigned status, HttpResponse *ret) {
    char *body = status == 304 ? calloc(1, 1) : malloc(page->text.len);
    if (!body)
        return -ENOMEM;
    *ret = (HttpResponse){
            .status = status,
            .content_type = "text/html; charset=utf-8",
            .cache_control = status == 401 ? NULL : "private, no-cache", /* asked for anew with its ETag */
            .headers =
                    {
                            {"Content-Security-Policy", page->policy},
                            {"Referrer-Policy", "no-referrer"}, /* the token may stand in the address for a moment */
                            {"X-Frame-Options", "DENY"},
                            {"Cross-Origin-Opener-Policy", "same-origin"},
                            {"Cross-Origin-Resource-Policy", "same-origin"},
                            {status == 401 ? "WWW-Authenticate" : "ETag", status == 401 ? "Bearer realm=\"scored\"" : page->etag},
                    },
            .body = body,
            .body_len = status == 304 ? 0 : page->text.len,
    };
    if (status != 304)
        memcpy(body, page->text.data, page->text.len);
    return 0;
}

static int respond_board(Web *web, const HttpRequest *request, const DoorVerdict *verdict, HttpResponse *ret) {
    const char *known = http_request_header(request, "If-None-Match");
    bool is_known = known && strcmp(known, web->board.etag) == 0 && !verdict->cookie[0];
    int r = respond_page(&web->board, is_known ? 304 : 200, ret);
    if (r == 0)
        memcpy(ret->cookie, verdict->cookie, sizeof(verdict->cookie));
    return r;
}

/* --- data -------------------------------------------------------------------------------------------- */

static void set_data_headers(HttpResponse *ret) {
    ret->headers[0] = (HttpHeader){"Cross-Origin-Resource-Policy", "same-origin"};
    ret->headers[1] = (HttpHeader){"Referrer-Policy", "no-referrer"};
    if (ret->status == 503)
        ret->headers[2] = (HttpHeader){"Retry-After", "5"};
    if (ret->status == 401)
        ret->headers[2] = (HttpHeader){"WWW-Authenticate", "Bearer realm=\"scored\""};
}

/* Takes the body. */
static int respond_json(unsigned status, char *body, size_t len, HttpResponse *ret) {
    *ret = (HttpResponse){.status = status, .content_type = "application/json", .body = body, .body_len = len};
    set_data_headers(ret);
    return 0;
}

/* `text` needs no escapes. */
static int respond_error(unsigned status, const char *text, HttpResponse *ret) {
    char *body = NULL;
    int len = asprintf(&body, "{\"error\":\"%s\"}\n", text);
    return len < 0 ? -ENOMEM : respond_json(status, body, (size_t)len, ret);
}

static int respond_stream(Web *web, HttpResponse *ret) {
    HttpResponse response = {.status = 200, .content_type = "text/event-stream"};
    int r = hub_watch(web->options.hub, &response.stream);
    if (r == -EBUSY)
        return respond_error(503, "as many watch as may", ret);
    if (r < 0)
        return r;
    set_data_headers(&response);
    response.headers[2] = (HttpHeader){"X-Accel-Buffering", "no"}; /* nginx passes it on at once */
    *ret = response;
    desk_nudge(web->options.desk);
    return 0;
}

static int take_answer(Web *web, const HttpRequest *request, HttpResponse *ret) {
    DeskAnswer answer = desk_take(web->options.desk, request->ticket);
    ret->ticket = request->ticket;
    if (answer.status == 0)
        return HTTP_LATER;
    if (!answer.body)
        return respond_error(answer.status, "there is nothing to be had at present", ret);
    return respond_json(answer.status, answer.body, answer.body_len, ret);
}

static int ask(Web *web, const HttpRequest *request, DeskQuestion question, HttpResponse *ret) {
    Str id = question == DESK_STATE ? STR_LITERAL("") : http_request_argument(request, "id");
    if (request->ticket)
        return take_answer(web, request, ret);
    if (question != DESK_STATE && (id.len == 0 || id.len > EVENT_LEAD_ID_LEN_MAX))
        return respond_error(400, "id is missing, or too long to be one", ret);
    ret->ticket = desk_ask(web->options.desk, question, id);
    return ret->ticket ? HTTP_LATER : respond_error(503, "too much is asked for at once", ret);
}

/* --- the way in -------------------------------------------------------------------------------------- */

static int turn_away(Web *web, DoorAnswer answer, bool is_page, HttpResponse *ret) {
    switch (answer) {
    case DOOR_NO_HOST:
        return respond_error(400, "a Host header is needed", ret);
    case DOOR_OTHER_HOST:
        return respond_error(421, "this name is not known here: http.host tells the one that is", ret);
    case DOOR_OTHER_SITE:
        return respond_error(403, "another site asks", ret);
    case DOOR_NO_TOKEN:
        return is_page ? respond_page(&web->login, 401, ret) : respond_error(401, "a token is needed", ret);
    default:
        return respond_error(503, "http.token_file cannot be used: one line of 16 to 1024 characters", ret);
    }
}

static int respond_data(Web *web, const HttpRequest *request, HttpResponse *ret) {
    if (strcmp(request->path, "/board/v1/stream") == 0)
        return respond_stream(web, ret);
    if (strcmp(request->path, "/board/v1/state") == 0)
        return ask(web, request, DESK_STATE, ret);
    if (strcmp(request->path, "/board/v1/lead") == 0)
        return ask(web, request, DESK_LEAD, ret);
    if (strcmp(request->path, "/board/v1/account") == 0)
        return ask(web, request, DESK_ACCOUNT, ret);
    return respond_error(404, "there are /, /board/v1/stream, state, lead and account; /metrics, /livez and /readyz", ret);
}

int web_handle(Web *web, const HttpRequest *request, HttpResponse *ret) {
    DoorCaller caller = {
            .host = http_request_header(request, "Host"),
            .site = http_request_header(request, "Sec-Fetch-Site"),
            .authorization = http_request_header(request, "Authorization"),
            .scheme = http_request_header(request, "X-Forwarded-Proto"),
            .cookie = http_request_cookie(request, DOOR_COOKIE),
            .token = http_request_argument(request, "token"),
    };
    bool is_page = strcmp(request->path, "/") == 0;
    DoorVerdict verdict;
    if (is_page)
        caller.site = NULL; /* a link to it is no harm: nobody else can read what comes */
    door_ask(web->options.config, &caller, &verdict);
    if (verdict.answer != DOOR_OPEN)
        return turn_away(web, verdict.answer, is_page, ret);
    return is_page ? respond_board(web, request, &verdict, ret) : respond_data(web, request, ret);
}

void web_drop(Web *web, void *ticket) {
    desk_drop(web->options.desk, ticket);
}

/* --- beginning and end ------------------------------------------------------------------------------- */

int web_new(const ProducerOptions *options, Web **ret) {
    _cleanup_(web_free) Web *web = calloc(1, sizeof(*web));
    if (!web)
        return -ENOMEM;
    web->options = *options;
    web->options.hub = NULL;
    web->options.desk = NULL;
    int r = hub_new(&web->options.hub);
    if (r == 0)
        r = desk_new(&web->options.desk);
    if (r == 0)
        r = prepare(&web->board, (Str){web_page, web_page_len});
    if (r == 0)
        r = prepare(&web->login, (Str){web_login, web_login_len});
    if (r == 0)
        *ret = TAKE_PTR(web);
    return r;
}

int web_start(Web *web, Registry *registry, HttpServer *server) {
    web->options.registry = registry;
    return producer_new(&web->options, server, &web->producer);
}

void web_stop(Web *web) {
    web->producer = producer_free(web->producer);
}

Web *web_free(Web *web) {
    if (!web)
        return NULL;
    web_stop(web);
    desk_free(web->options.desk);
    hub_free(web->options.hub);
    return free_null(web);
}
