/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/file_read.h"

#include <stdio.h>

static void file_close(FILE **file) {
    if (*file)
        (void)fclose(*file);
}

int file_read(const char *path, size_t len_max, char **ret, size_t *ret_len) {
    __attribute__((cleanup(file_close))) FILE *file = fopen(path, "re");
    if (!file)
        return -errno;

    _cleanup_(free_null) char *data = NULL;
    size_t len = 0, n_alloc = 0, n;
    do {
        if (len == n_alloc) {
            n_alloc = MIN(MAX(2 * n_alloc, 16 * 1024), len_max + 1);
            char *grown = realloc(data, n_alloc);
            if (!grown)
                return -ENOMEM;
            data = grown;
        }
        n = fread(data + len, 1, n_alloc - len, file);
        len += n;
    } while (n > 0 && len <= len_max);
    if (ferror(file))
        return errno > 0 ? -errno : -EIO;
    if (len > len_max)
        return -EFBIG;
    *ret = TAKE_PTR(data);
    *ret_len = len;
    return 0;
}
