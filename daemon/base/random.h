#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* The only place where the daemon draws lots. */
#include <stddef.h>

#include "lib/base/util.h"

/* 0 or -EIO. */
MUST_CHECK int random_bytes(void *buffer, size_t n);
