#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* The only place where the daemon reads a clock, or sleeps. */
#include <stdint.h>

int64_t clock_wall_ms(void);      /* since 1970, may jump */
int64_t clock_monotonic_ms(void); /* for measuring spans */
int64_t clock_monotonic_us(void); /* for short ones */
/* Returns earlier when a signal comes. */
void clock_sleep_ms(int64_t ms);
/* CPU time of the process so far, all threads, user and system. */
int64_t clock_cpu_us(void);
