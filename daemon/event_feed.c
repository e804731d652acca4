/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/event_feed.h"

static int next_line(void *userdata, FedEvent *ret) {
    FileSource *source = userdata;
    FileLine line;

    int r = file_source_next(source, &line);
    if (r == FILE_SOURCE_E_END)
        return EVENT_FEED_E_END;
    if (r < 0)
        return r;
    *ret = (FedEvent){.event = line.event, .place = line.number, .reason = line.reason, .text = line.text};
    return r == FILE_SOURCE_E_BAD_LINE ? EVENT_FEED_E_BAD : 0;
}

EventFeed event_feed_of_file(FileSource *source) {
    return (EventFeed){.next = next_line, .userdata = source};
}
