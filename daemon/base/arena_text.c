/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/arena_text.h"

#include <stdarg.h>
#include <stdio.h>

Str arena_format(Arena *arena, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1, 1);
    if (!text)
        return STR_NULL;
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)len + 1, format, arguments);
    va_end(arguments);
    return (Str){text, (size_t)len};
}
