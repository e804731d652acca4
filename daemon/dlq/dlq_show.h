#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters as text and as JSON. */
#include <stdio.h>

#include "daemon/dlq/dlq_choice.h"
#include "daemon/io/json/json_writer.h"
#include "lib/event/event.h"

/* Two lines. */
void dlq_entry_print(const DlqEntry *entry, FILE *file);
/* The fields of an object that the caller begins and ends. */
void dlq_entry_write(const DlqEntry *entry, JsonWriter *writer);
void dlq_event_write(const LeadEvent *event, Str name, JsonWriter *writer);
/* 16 bytes a line, with their offsets, and what of them is ASCII. */
void dlq_hex_print(Str bytes, FILE *file);
/* Two digits a byte. */
void dlq_hex_write(Str bytes, Str name, JsonWriter *writer);
