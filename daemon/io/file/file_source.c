/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/file/file_source.h"

#include "daemon/io/json/json_event.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

struct FileSource {
    FILE *file;
    JsonEventReader reader;
    char *line; /* up to JSON_TEXT_LEN_MAX bytes */
    size_t len, n_alloc;
    uint64_t number;
};

int file_source_new(FILE *file, FileSource **ret) {
    _cleanup_(file_source_free) FileSource *source = calloc(1, sizeof(*source));

    if (!source)
        return -ENOMEM;
    source->file = file;
    int r = json_event_reader_init(&source->reader);
    if (r)
        return r;
    *ret = TAKE_PTR(source);
    return 0;
}

FileSource *file_source_free(FileSource *source) {
    if (!source)
        return NULL;
    json_event_reader_deinit(&source->reader);
    free(source->line);
    free(source);
    return NULL;
}

static int line_append(FileSource *source, char c) {
    if (source->len == source->n_alloc) {
        size_t n_alloc = MAX(2 * source->n_alloc, 4096);
        char *line = realloc(source->line, n_alloc);
        if (!line)
            return -ENOMEM;
        source->line = line;
        source->n_alloc = n_alloc;
    }
    source->line[source->len++] = c;
    return 0;
}

/*
 * Reads to the next newline, or to the end if something stands before it. Not getline(): that would hold a
 * line of any length in memory before anybody could object.
 */
static int read_line(FileSource *source, bool *ret_too_long) {
    bool too_long = false;
    int c;

    source->len = 0;
    while ((c = getc_unlocked(source->file)) != EOF && c != '\n') {
        if (source->len == JSON_TEXT_LEN_MAX) {
            too_long = true;
            continue;
        }
        int r = line_append(source, (char)c);
        if (r)
            return r;
    }
    if (c == EOF && ferror(source->file))
        return errno > 0 ? -errno : -EIO;
    if (c == EOF && source->len == 0)
        return FILE_SOURCE_E_END;
    source->number++;
    *ret_too_long = too_long;
    return 0;
}

static bool is_blank(Str line) {
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
            return false;
    return true;
}

static int bad_line(FileLine *line, const char *reason, const char *text) {
    line->reason = reason;
    line->text = text;
    return FILE_SOURCE_E_BAD_LINE;
}

int file_source_next(FileSource *source, FileLine *ret) {
    FileLine line;
    bool too_long;

    do {
        int r = read_line(source, &too_long);
        if (r)
            return r;
        line = (FileLine){.number = source->number, .original = {source->line, source->len}};
    } while (!too_long && is_blank(line.original));

    if (too_long) {
        *ret = line;
        return bad_line(ret, "bad_json", "longer than " TEXT(JSON_TEXT_LEN_MAX) " bytes");
    }
    int r = json_event_read(&source->reader, line.original, &line.event);
    if (r < 0)
        return r;
    *ret = line;
    return r ? bad_line(ret, source->reader.reason, source->reader.text) : 0;
}
