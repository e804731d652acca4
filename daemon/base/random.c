/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/random.h"

#include <sys/random.h>

int random_bytes(void *buffer, size_t n) {
    return getrandom(buffer, n, 0) == (ssize_t)n ? 0 : -EIO;
}
