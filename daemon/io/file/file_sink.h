#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File Sink
 *
 * Outputs as JSON lines in a stream (SPEC section 8): one flat object each, the record's name first.
 */
#include <stdio.h>

#include "daemon/io/json/json_writer.h"
#include "lib/engine/output.h"

typedef struct FileSink {
    FILE *file; /* borrowed */
    JsonWriter writer;
} FileSink;

#define FILE_SINK_INIT(f) ((FileSink){.file = (f)})
void file_sink_deinit(FileSink *sink);

/* Passes on -ENOMEM, and what writing to the stream fails with. */
OutputSink file_sink_output(FileSink *sink);

/* The object alone, appended to `writer`. 0 or -ENOMEM. */
MUST_CHECK int json_write_output(JsonWriter *writer, const Output *output);
/* Writes the buffered bytes to `file` and empties the buffer. 0, -ENOMEM (if one of the writes had it) or a
 * negative errno. */
MUST_CHECK int json_writer_flush(JsonWriter *writer, FILE *file);
