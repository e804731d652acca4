#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells of this process. -1: it does not. */
#include "lib/base/util.h"

typedef struct ProcessFigures {
    int64_t resident_bytes, n_threads, n_fds, fds_max;
} ProcessFigures;

ProcessFigures process_figures(void);
