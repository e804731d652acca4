/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service/process_figures.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* How many entries a directory has; -1: it cannot be read. */
static int64_t count_entries(const char *path) {
    DIR *directory = opendir(path);
    int64_t n = 0;
    if (!directory)
        return -1;
    for (const struct dirent *entry; (entry = readdir(directory));)
        n += entry->d_name[0] != '.';
    (void)closedir(directory);
    return n;
}

static int64_t resident_bytes(void) {
    long long size, resident = -1;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return -1;
    if (fscanf(file, "%lld %lld", &size, &resident) != 2)
        resident = -1;
    (void)fclose(file);
    return resident < 0 ? -1 : resident * sysconf(_SC_PAGESIZE);
}

ProcessFigures process_figures(void) {
    struct rlimit limit;
    bool is_limited = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    int64_t n_fds = count_entries("/proc/self/fd");
    return (ProcessFigures){.resident_bytes = resident_bytes(), .n_threads = count_entries("/proc/self/task"),
            .n_fds = n_fds > 0 ? n_fds - 1 : n_fds, /* without the one that has looked */
            .fds_max = is_limited ? (int64_t)limit.rlim_cur : -1};
}
