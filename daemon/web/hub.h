#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Board's Hub
 *
 * One thread makes what the board shows, part by part, once for all who watch; each of these gets what it has not seen yet. Who is slow skips
 * what was overtaken meanwhile, so nobody waits for anybody and memory is bounded: the parts, and for each watcher what it is being sent.
 *
 * Parts go out as Server-Sent Events of their names, news as "news" with the latest of them first. All functions may be called from any thread.
 */
#include "daemon/io/net/http_server.h"

#define HUB_NEWS_MAX 60
#define HUB_WATCHERS_MAX 48

typedef enum HubPart { HUB_HELLO, HUB_STATUS, HUB_LEADS, HUB_ACCOUNTS, HUB_CLOCKS, HUB_FUNNEL, _HUB_PART_MAX } HubPart;

typedef struct Hub Hub;

MUST_CHECK int hub_new(Hub **ret);
/* Nobody watches any more. */
Hub *hub_free(Hub *hub);
DEFINE_CLEANUP(Hub *, hub_free)

/* Makes the JSON text the part's; one that is the same is not sent again. True: it is another. Memory that lacks is no reason to stop. */
bool hub_set(Hub *hub, HubPart part, Str json);
/* News of an instant: they are sorted by it, and the oldest go. False: it is older than all that are kept. */
bool hub_add_news(Hub *hub, int64_t at_ms, Str json);
/* Forgets everything: nobody has watched for a while. */
void hub_clear(Hub *hub);

/* A new watcher, who is shown all there is. -EBUSY: there are as many as may be; or -ENOMEM. */
MUST_CHECK int hub_watch(Hub *hub, HttpStream *ret);
size_t hub_n_watchers(Hub *hub);
/* All there is as one JSON object, allocated; *ret NULL: not all parts are there yet. 0 or -ENOMEM. */
MUST_CHECK int hub_state(Hub *hub, char **ret, size_t *ret_len);
