/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon takes from the machine it runs on, simulated: in place of daemon/base/clock.c, random.c and log.c. */
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/base/random.h"
#include "daemon/log/log.h"
#include "tests/sim/world.h"

int64_t clock_wall_ms(void) {
    return world.now_ms + world.current->clock_ahead_ms;
}

int64_t clock_monotonic_ms(void) {
    return world.now_ms - world.begun_ms + 1000000;
}

int64_t clock_monotonic_us(void) {
    return clock_monotonic_ms() * 1000;
}

void clock_sleep_ms(int64_t ms) {
    world_pass(POINT_SLEEP, ms, ms);
}

int64_t clock_cpu_us(void) {
    return clock_monotonic_ms() * 10;
}

int random_bytes(void *buffer, size_t n) {
    uint8_t *bytes = buffer;
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)chance_next(&world.chance);
    return 0;
}

void log_configure(const LogOptions *options) {
    (void)options;
}

/* A part of the trace. */
void log_write(LogSite *site, LogLevel level, unsigned burst, const char *event, const LogField *fields, size_t n) {
    static const char *const levels[] = {[LOG_ERROR] = "ERROR ", [LOG_WARNING] = "warning ", [LOG_INFO] = "", [LOG_DEBUG] = ""};
    char line[2048];
    size_t len = 0;
    (void)site;
    (void)burst;
    if (!world.is_verbose || strcmp(event, "progress") == 0)
        return;
    line[0] = 0;
    for (size_t i = 0; i < n && len < sizeof(line) - 1; i++) {
        const LogField *field = &fields[i];
        int r = field->type == LOG_FIELD_INT      ? snprintf(line + len, sizeof(line) - len, " %s=%lld", field->name, (long long)field->integer)
                : field->type == LOG_FIELD_DOUBLE ? snprintf(line + len, sizeof(line) - len, " %s=%g", field->name, field->number)
                                                  : snprintf(line + len, sizeof(line) - len, " %s=%.*s", field->name, STR_FMT(field->string));
        len += (size_t)r;
    }
    world_trace("%s%s%s", levels[level], event, line);
}
