#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the Log Does Not Show
 *
 * Secrets: texts of libraries and servers are logged as they come, and nobody vouches for them. So each value is searched for the
 * secrets that the configuration names, and for logins in URLs. A secret of less than four bytes is not searched for.
 *
 * Ids: with log.lead_ids `hashed` an id is shown as the first half of its HMAC-SHA-256, by which the lines of a lead can be found by
 * who has the key, and by nobody else.
 */
#include "daemon/config/config.h"

#define LOG_HIDDEN "[hidden]"
/* Shorter ones could be guessed. */
#define LOG_KEY_LEN_MIN 16
#define LOG_KEY_LEN_MAX 1024
#define LOG_ID_HASH_SIZE (32 + 1)

typedef struct LogKey {
    uint8_t bytes[LOG_KEY_LEN_MAX];
    size_t len;
} LogKey;

enum { _LOG_HIDE_E_SUCCESS, LOG_HIDE_E_KEY /* fewer bytes than LOG_KEY_LEN_MIN, or more than LOG_KEY_LEN_MAX */ };
/* The file's content, without the end of its last line. 0, LOG_HIDE_E_KEY or negative errno. */
MUST_CHECK int log_hide_read_key(const char *path, LogKey *ret);
/* Of an id, in hexadecimal. */
void log_hide_hash(const LogKey *key, Str id, char ret[static LOG_ID_HASH_SIZE]);

/* Process-wide, before there are other threads: the key by which ids are hashed, and one more secret. */
void log_hide_use_key(const LogKey *key);
MUST_CHECK int log_hide_secret(Str secret);
/* The same with all that the configuration says. 0, LOG_HIDE_E_KEY or negative errno. */
MUST_CHECK int log_hide_by(const Config *config);

/* With the key in use. */
void log_hide_id(Str id, char ret[static LOG_ID_HASH_SIZE]);
/* `value` without secrets; as much of it as there is room for. Returns its length. */
size_t log_hide_copy(Str value, char *ret, size_t size);
