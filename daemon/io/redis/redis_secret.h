#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/util.h"

#define REDIS_SECRET_LEN_MAX 512

/* The first line of a file, for a moment: the caller wipes it. VIEW_E_REFUSED with a text (of REDIS_TEXT_SIZE) if there is none. */
MUST_CHECK int redis_secret_read(const char *path, char ret[static REDIS_SECRET_LEN_MAX + 1], char *text);
