/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/replay/event_feed.h"

#include <inttypes.h>

static int next_line(void *userdata, FedEvent *ret) {
    FileFeed *file = userdata;
    FileLine line;

    int r = file_source_next(file->source, &line);
    if (r == FILE_SOURCE_E_END)
        return EVENT_FEED_E_END;
    if (r < 0)
        return r;
    file->line = line.number;
    *ret = (FedEvent){.event = line.event, .reason = line.reason, .text = line.text};
    return r == FILE_SOURCE_E_BAD_LINE ? EVENT_FEED_E_BAD : 0;
}

static void line_place(const void *userdata, char place[static EVENT_PLACE_SIZE]) {
    const FileFeed *file = userdata;
    (void)snprintf(place, EVENT_PLACE_SIZE, "%s:%" PRIu64, file->name, file->line);
}

EventFeed event_feed_of_file(FileFeed *file) {
    return (EventFeed){.next = next_line, .place = line_place, .userdata = file};
}
