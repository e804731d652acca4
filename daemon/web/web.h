#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Board in the Browser
 *
 *   /                            the page (page.html)
 *   /board/v1/stream             what it shows, as it changes: Server-Sent Events (hub.h)
 *   /board/v1/state              the same, once, as one JSON object
 *   /board/v1/lead?id=ID         one lead as `scored lead --json` has it
 *   /board/v1/account?id=ID      one account
 *
 *   door.c      who may look
 *   hub.c       what there is to show, and who watches
 *   desk.c      what is asked
 *   producer.c  the thread that makes the one and answers the other: parts.c, course_json.c, funnel.c, hot_accounts.c, subject.c
 *
 * `v1` is part of the promise to whoever reads these without the page: members are added, none is taken away or means something else.
 */
#include "daemon/web/producer.h"

typedef struct Web Web;

/* What the options point to outlives it; hub, desk and registry in them are its own affair. 0 or a negative errno. */
MUST_CHECK int web_new(const ProducerOptions *options, Web **ret);
/* Nobody may be asking any more. */
Web *web_free(Web *web);
DEFINE_CLEANUP(Web *, web_free)
/*
 * From here on there is something to show, and who has asked before is answered; until web_stop(), which comes before the server's end.
 * 0 or a negative errno.
 */
MUST_CHECK int web_start(Web *web, Registry *registry, HttpServer *server);
void web_stop(Web *web);

/* As an HttpHandler's. All paths that are not ours are answered with 404. */
MUST_CHECK int web_handle(Web *web, const HttpRequest *request, HttpResponse *ret);
void web_drop(Web *web, void *ticket);
