/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/frames.h"

#include <endian.h>
#include <stdlib.h>

#include "lib/model/yaml.h"
#include "lib/record/record.h"

#define FRAME_BYTES_MAX (2 * RECORD_BYTES_MAX)

void die(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

bool read_number(int64_t *ret) {
    uint64_t bytes;
    size_t n = fread(&bytes, 1, sizeof(bytes), stdin);
    if (n == 0)
        return false;
    if (n != sizeof(bytes))
        die("the input breaks off");
    *ret = (int64_t)be64toh(bytes);
    return true;
}

Str read_bytes(Arena *arena, int64_t len) {
    if (len < 0 || len > FRAME_BYTES_MAX)
        die("a length is out of range");
    char *data = arena_new_array(arena, char, (size_t)len + 1);
    if (!data || fread(data, 1, (size_t)len, stdin) != (size_t)len)
        die("the input breaks off");
    return (Str){data, (size_t)len};
}

Model *load_model(const char *path) {
    static char source[YAML_BYTES_MAX];
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    Model *model = NULL;

    FILE *file = fopen(path, "re");
    if (!file)
        die("the model cannot be read");
    size_t len = fread(source, 1, sizeof(source), file);
    (void)fclose(file);
    if (model_load((Str){source, len}, NULL, &diagnostics, &model) != 0 || !model)
        die("the model has errors");
    diagnostics_done(&diagnostics);
    return model;
}
