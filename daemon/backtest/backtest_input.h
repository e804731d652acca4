#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Input of a Backtest
 *
 * A file of events, standard input, or what the source topics of a configuration hold.
 */
#include "daemon/command/command.h"
#include "daemon/replay/event_feed.h"

typedef struct BacktestInput {
    const Command *command;
    const char *arg_events; /* NULL: standard input */
    const char *arg_config; /* not NULL: the sources that it names, in place of a file */
    int64_t arg_from_ms, arg_to_ms;

    EventFeed feed;
    FILE *file;
    FileFeed file_feed;
    Config *config;
    TopicsFeed topics_feed;
} BacktestInput;

#define BACKTEST_INPUT_INIT(command_) {.command = (command_), .arg_from_ms = TIME_NONE, .arg_to_ms = TIME_NEVER}

/* EXIT_SUCCESS with `feed` set, or the exit status after an error that has been reported. Either way it is to be closed. */
MUST_CHECK int backtest_input_open(BacktestInput *input);
/* Reports that the feed ended with `r`, which is no event and not its end. Returns the exit status. */
int backtest_input_failed(const BacktestInput *input, int r, const FedEvent *fed);
/*
 * Closes it. A signal that stopped a feed of topics is then given its way: the process dies of it, so that whoever started it sees that it
 * was interrupted.
 */
void backtest_input_close(BacktestInput *input);
