/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/replay/replay_events.h"

static int replay_event(ReplayEvents *replay, const FileLine *line) {
    EventResult result;

    /* The shard's watermark never falls, so each event may state its own. */
    int64_t watermark_ms = line->event.occurred_at_ms - replay->model->lateness_ms;
    int r = shard_event(replay->shard, &line->event, watermark_ms, &result);
    if (r)
        return r;
    /* Nothing is waiting for a commit here; this lets go of leads that were erased. */
    shard_clean(replay->shard);
    if (result.outcome == EVENT_REJECTED)
        return replay->bad(replay->userdata, line, result.reason, result.text);
    return 0;
}

int replay_events(ReplayEvents *replay) {
    _cleanup_(file_source_free) FileSource *source = NULL;
    FileLine line;

    int r = file_source_new(replay->file, &source);
    if (r)
        return r;
    while ((r = file_source_next(source, &line)) != FILE_SOURCE_E_END) {
        if (r < 0) {
            replay->cannot_read = true;
            return r;
        }
        r = r == FILE_SOURCE_E_BAD_LINE ? replay->bad(replay->userdata, &line, line.reason, line.text)
                                        : replay_event(replay, &line);
        if (r)
            return r;
    }
    /* The last event may have made moments that are due already; without an end the watermark stays. */
    return shard_advance(replay->shard, replay->until_ms);
}
