#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/util.h"

/* The file's bytes on the heap. 0, a negative errno, or -EFBIG: over len_max. */
MUST_CHECK int file_read(const char *path, size_t len_max, char **ret, size_t *ret_len);
