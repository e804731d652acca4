/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/file/file_sink.h"

void file_sink_deinit(FileSink *sink) {
    json_writer_deinit(&sink->writer);
}

static int visit_null(void *userdata, Str name) {
    JsonWriter *writer = userdata;
    json_write_null(writer, name);
    return writer->error;
}

static int visit_boolean(void *userdata, Str name, bool value) {
    JsonWriter *writer = userdata;
    json_write_boolean(writer, name, value);
    return writer->error;
}

static int visit_integer(void *userdata, Str name, int64_t value) {
    JsonWriter *writer = userdata;
    json_write_integer(writer, name, value);
    return writer->error;
}

static int visit_number(void *userdata, Str name, double value) {
    JsonWriter *writer = userdata;
    json_write_number(writer, name, value);
    return writer->error;
}

static int visit_string(void *userdata, Str name, Str value) {
    JsonWriter *writer = userdata;
    json_write_string(writer, name, value);
    return writer->error;
}

static int visit_time(void *userdata, Str name, int64_t at_ms) {
    JsonWriter *writer = userdata;
    json_write_time(writer, name, at_ms);
    return writer->error;
}

static int visit_object_begin(void *userdata, Str name) {
    JsonWriter *writer = userdata;
    json_write_object_begin(writer, name);
    return writer->error;
}

static int visit_object_end(void *userdata) {
    JsonWriter *writer = userdata;
    json_write_object_end(writer);
    return writer->error;
}

static int visit_array_begin(void *userdata, Str name) {
    JsonWriter *writer = userdata;
    json_write_array_begin(writer, name);
    return writer->error;
}

static int visit_array_end(void *userdata) {
    JsonWriter *writer = userdata;
    json_write_array_end(writer);
    return writer->error;
}

int json_write_output(JsonWriter *writer, const Output *output) {
    static const OutputVisitor visitor = {
            .null = visit_null,
            .boolean = visit_boolean,
            .integer = visit_integer,
            .number = visit_number,
            .string = visit_string,
            .bytes = visit_string, /* the writer replaces what is not UTF-8 */
            .time = visit_time,
            .map_begin = visit_object_begin,
            .map_end = visit_object_end,
            .list_begin = visit_array_begin,
            .list_end = visit_array_end,
            .record_begin = visit_object_begin,
            .record_end = visit_object_end,
    };

    json_write_object_begin(writer, STR_NULL);
    json_write_string(writer, STR_LITERAL("output"), str_from(output_type_name(output->type)));
    int r = output_visit(output, &visitor, writer);
    if (r)
        return r;
    json_write_object_end(writer);
    return writer->error;
}

int json_writer_flush(JsonWriter *writer, FILE *file) {
    int r = writer->error;

    if (r == 0 && writer->len > 0 && fwrite(writer->data, 1, writer->len, file) != writer->len)
        r = errno > 0 ? -errno : -EIO;
    json_writer_reset(writer);
    return r;
}

static int sink_output(void *userdata, const Output *output) {
    FileSink *sink = userdata;

    int r = json_write_output(&sink->writer, output);
    if (r)
        return r;
    json_write_newline(&sink->writer);
    return json_writer_flush(&sink->writer, sink->file);
}

OutputSink file_sink_output(FileSink *sink) {
    return (OutputSink){.output = sink_output, .userdata = sink};
}
