/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/log/log_journal.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FIELD_PREFIX "SCORED_"
/* Kept free by the fields for the message, which is as long as a line. */
#define MESSAGE_ROOM (LOG_LINE_SIZE + 32)

/* JOURNAL_STREAM names the journal's socket; standard error may have been redirected away from it since. */
bool log_journal_is_stderr(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    uint64_t device, inode;
    return stream && sscanf(stream, "%" SCNu64 ":%" SCNu64, &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_entry_begin(LogEntry *entry) {
    entry->len = 0;
}

static void add(LogEntry *entry, const void *bytes, size_t n) {
    memcpy(entry->data + entry->len, bytes, n);
    entry->len += n;
}

void log_entry_add(LogEntry *entry, const char *name, Str value) {
    uint64_t length = htole64(value.len);
    if (strlen(name) + sizeof(length) + value.len + 2 > sizeof(entry->data) - entry->len)
        return;
    add(entry, name, strlen(name));
    add(entry, "\n", 1);
    add(entry, &length, sizeof(length));
    add(entry, value.data, value.len);
    add(entry, "\n", 1);
}

void log_entry_add_value(LogEntry *entry, const LogValue *value) {
    char name[64] = FIELD_PREFIX;
    size_t n = strlen(FIELD_PREFIX);
    if (!value->is_shown || value->is_null)
        return;
    for (const char *c = value->name; *c && n + 1 < sizeof(name); c++)
        name[n++] = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    name[n] = '\0';
    if (sizeof(entry->data) - entry->len > n + value->len + MESSAGE_ROOM)
        log_entry_add(entry, name, (Str){value->bytes, value->len});
}

/* A socket for each entry: entries are few, and the journal may be restarted between two. */
int log_entry_send(const LogEntry *entry, const char *socket_path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(socket_path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, socket_path, strlen(socket_path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    ssize_t n;
    do
        n = sendto(fd, entry->data, entry->len, MSG_NOSIGNAL, (const struct sockaddr *)&address, sizeof(address));
    while (n < 0 && errno == EINTR);
    int r = n < 0 ? -errno : 0;
    (void)close(fd);
    return r;
}
