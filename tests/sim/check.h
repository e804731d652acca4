#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Must Hold
 *
 * While a schedule runs, of each write to the view; and once all is quiet, of the topics and the view as a whole: by the footers each
 * batch is run again from its records (tests/faults/batch_replay.h), and what it must have written is compared with what its transaction
 * has. The first thing that does not hold ends the schedule.
 */
#include "lib/base/util.h"

/* To be called once the view is there. */
void check_begin(void);
/* Is all read, committed and in the view, and has time gone on since all is well? */
bool check_is_quiet(void);
/* Why not: for a schedule that does not get there. */
void check_tell_unrest(void);
/* No process runs any more. */
void check_end(void);

typedef struct CheckFigures {
    uint64_t events, batches, outputs, breaches, messages;
} CheckFigures;
extern CheckFigures check_figures;
