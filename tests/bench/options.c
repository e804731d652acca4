/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/options.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static _Noreturn void usage(const char *program, const Option *options, size_t n) {
    fprintf(stderr, "usage: %s", program);
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, " [--%s%s]", options[i].name, options[i].flag ? "" : options[i].number ? " N" : " TEXT");
    fputc('\n', stderr);
    exit(2);
}

static bool take(const Option *option, const char *value) {
    if (option->text) {
        *option->text = value;
        return true;
    }
    char *end;
    *option->number = strtod(value, &end);
    return end != value && !*end && isfinite(*option->number);
}

static const Option *find(const char *argument, const Option *options, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strncmp(argument, "--", 2) == 0 && strcmp(argument + 2, options[i].name) == 0)
            return &options[i];
    return NULL;
}

void options_read(int argc, char **argv, const Option *options, size_t n) {
    for (int i = 1; i < argc; i++) {
        const Option *option = find(argv[i], options, n);
        if (option && option->flag)
            *option->flag = true;
        else if (!option || ++i == argc || !take(option, argv[i]))
            usage(argv[0], options, n);
    }
    for (size_t i = 0; i < n; i++)
        if (options[i].text && !*options[i].text)
            usage(argv[0], options, n);
}

_Noreturn void fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}
