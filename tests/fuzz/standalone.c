/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A main() for fuzz targets where there is no libFuzzer: runs the target once over each file named, and over
 * each file in each folder named. What the target finds wrong ends the process.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/base/util.h"

/* Corpora are small; a larger file is none of theirs. */
#define FILE_BYTES_MAX (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned n_run;

_Noreturn static void die(const char *path, const char *text) {
    fprintf(stderr, "%s: %s\n", path, text);
    exit(2);
}

static void run_file(const char *path, off_t size) {
    if (size > FILE_BYTES_MAX)
        die(path, "too large for a corpus");
    FILE *file = fopen(path, "rbe");
    /* Not a byte more than the input has, so that the sanitizer sees what reads past it. */
    uint8_t *data = malloc((size_t)size);
    if (!file || (!data && size))
        die(path, strerror(errno));
    if (fread(data, 1, (size_t)size, file) != (size_t)size)
        die(path, "cannot be read");
    fclose(file);
    fprintf(stderr, "%s\n", path); /* the last one named is the culprit */
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    n_run++;
}

static void run_path(const char *path);

static int is_shown(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static void run_folder(const char *path) {
    struct dirent **entries;
    int n = scandir(path, &entries, is_shown, alphasort);
    if (n < 0)
        die(path, strerror(errno));
    for (int i = 0; i < n; i++) {
        char *name;
        if (asprintf(&name, "%s/%s", path, entries[i]->d_name) < 0)
            die(path, strerror(ENOMEM));
        run_path(name);
        free(name);
        free(entries[i]);
    }
    free(entries);
}

static void run_path(const char *path) {
    struct stat st;
    if (stat(path, &st) < 0)
        die(path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        run_folder(path);
    else
        run_file(path, st.st_size);
}

int main(int argc, char *argv[]) {
    for (int i = 1; i < argc; i++)
        run_path(argv[i]);
    if (n_run == 0)
        die(argv[0], "no file to run over");
    printf("%u inputs\n", n_run);
    return 0;
}
