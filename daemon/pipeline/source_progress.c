/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/source_progress.h"

static void settle(SourceProgress *progress) {
    if (progress->asked.no == 0 || progress->read_to < progress->asked.offset)
        return;
    progress->proof = progress->asked;
    progress->asked.no = 0;
}

void source_progress_read(SourceProgress *progress, int64_t read_to, bool at_end) {
    progress->read_to = MAX(progress->read_to, read_to);
    progress->at_end = at_end;
    settle(progress);
}

/* One that is not reached yet is kept: under a load it is reached before a later one. Unless the log has become shorter since. */
void source_progress_note_end(SourceProgress *progress, SourceEnd end) {
    if (progress->read_to >= end.offset) {
        progress->proof = end;
        progress->asked.no = 0;
    } else if (progress->asked.no == 0 || end.offset < progress->asked.offset) {
        progress->asked = end;
    }
}

void source_progress_take_proof(SourceProgress *progress) {
    if (progress->proof.no > 0 && (!progress->is_held || progress->proof.offset <= progress->held_from))
        progress->proved_ms = MAX(progress->proved_ms, progress->proof.at_ms);
}
