#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Journal
 *
 * An entry by systemd's native protocol: a datagram of fields, each by its name, the length of its value in 64 bits, least byte
 * first, and the value. An entry of ours stays far below what a datagram takes, so none has to be passed as a file.
 */
#include "daemon/log/log_line.h"

#define LOG_JOURNAL_SOCKET "/run/systemd/journal/socket"

typedef struct LogEntry {
    size_t len;
    char data[32 * 1024];
} LogEntry;

/* Is standard error a stream of the journal? */
bool log_journal_is_stderr(void);

void log_entry_begin(LogEntry *entry);
/* The value is taken as it is. What there is no room for is left out. */
void log_entry_add(LogEntry *entry, const char *name, Str value);
/* As SCORED_NAME, in capital letters. */
void log_entry_add_value(LogEntry *entry, const LogValue *value);
/* 0, or negative errno: it was not taken. */
MUST_CHECK int log_entry_send(const LogEntry *entry, const char *socket_path);
