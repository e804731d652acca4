#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports of a Backtest
 *
 * As tables of at most 100 columns for people, or as one JSON object.
 */
#include <stdio.h>

#include "daemon/backtest/backtest_figures.h"
#include "daemon/io/json/json_writer.h"

typedef struct BacktestReport {
    const BacktestFigures *figures;
    const char *paths[BACKTEST_SIDES]; /* of the models */
    size_t limit;                      /* of every list */
} BacktestReport;

/* 0, or a negative errno. */
MUST_CHECK int backtest_print(const BacktestReport *report, FILE *file);
/* Appends one object. Errors are the writer's. */
void backtest_write(const BacktestReport *report, JsonWriter *writer);
