/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/watermark.h"

/* A source without any event and proof holds everything back: nobody knows what it will bring. */
static int64_t wall(const SourceProgress *sources, size_t n) {
    int64_t least_ms = TIME_NEVER;
    for (size_t i = 0; i < n; i++)
        least_ms = MIN(least_ms, MAX(sources[i].newest_ms, sources[i].proved_ms));
    return least_ms;
}

static int64_t data(const SourceProgress *sources, size_t n) {
    int64_t least_ms = TIME_NEVER, greatest_ms = TIME_NONE;
    for (size_t i = 0; i < n; i++) {
        greatest_ms = MAX(greatest_ms, sources[i].newest_ms);
        if (!source_progress_is_at_end(&sources[i]))
            least_ms = MIN(least_ms, sources[i].newest_ms);
    }
    return least_ms == TIME_NEVER ? greatest_ms : least_ms;
}

int64_t watermark_of(WatermarkMode mode, const SourceProgress *sources, size_t n, int64_t lateness_ms) {
    int64_t at_ms = mode == WATERMARK_DATA ? data(sources, n) : wall(sources, n);
    return at_ms == TIME_NONE || at_ms == TIME_NEVER ? TIME_NONE : at_ms - lateness_ms;
}

int64_t watermark_with(WatermarkMode mode, const SourceProgress *sources, size_t n, int64_t lateness_ms,
        unsigned source, int64_t occurred_at_ms) {
    SourceProgress with[CONFIG_SOURCES_MAX];
    assert(n <= ARRAY_SIZE(with) && source < n);
    memcpy(with, sources, n * sizeof(*with));
    with[source].newest_ms = MAX(with[source].newest_ms, occurred_at_ms);
    return watermark_of(mode, with, n, lateness_ms);
}
