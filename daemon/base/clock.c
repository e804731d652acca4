/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/clock.h"

#include <assert.h>
#include <sys/resource.h>
#include <time.h>

static struct timespec read_clock(clockid_t id) {
    struct timespec ts;
    int r = clock_gettime(id, &ts);
    assert(r == 0 && "every Linux has both clocks");
    (void)r;
    return ts;
}

static int64_t read_ms(clockid_t id) {
    struct timespec ts = read_clock(id);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void) {
    return read_ms(CLOCK_REALTIME);
}

int64_t clock_monotonic_ms(void) {
    return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_monotonic_us(void) {
    struct timespec ts = read_clock(CLOCK_MONOTONIC);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void clock_sleep_ms(int64_t ms) {
    struct timespec delay = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&delay, NULL);
}

static int64_t timeval_us(struct timeval tv) {
    return (int64_t)tv.tv_sec * 1000000 + tv.tv_usec;
}

int64_t clock_cpu_us(void) {
    struct rusage usage;
    int r = getrusage(RUSAGE_SELF, &usage);
    assert(r == 0 && "nothing about it can fail");
    (void)r;
    return timeval_us(usage.ru_utime) + timeval_us(usage.ru_stime);
}
