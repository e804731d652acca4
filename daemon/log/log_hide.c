/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/log/log_hide.h"

#include <openssl/hmac.h>

#include "daemon/base/file_read.h"
#include "daemon/base/random.h"

#define SECRET_LEN_MIN 4
#define SECRET_FILE_LEN_MAX (64 * 1024)
/* Each of kafka.secrets, and of the files that redis and registry name. */
#define SECRETS_MAX 300

/* Set before there are other threads. */
static Str secrets[SECRETS_MAX];
static size_t n_secrets;
static LogKey used_key;

/* --- ids --------------------------------------------------------------------------------------------- */

static Str without_line_end(Str s) {
    if (s.len > 0 && s.data[s.len - 1] == '\n')
        s.len -= s.len > 1 && s.data[s.len - 2] == '\r' ? 2 : 1;
    return s;
}

int log_hide_read_key(const char *path, LogKey *ret) {
    char *data = NULL;
    size_t len = 0;
    int r = file_read(path, LOG_KEY_LEN_MAX + 2, &data, &len);
    if (r < 0)
        return r == -EFBIG ? LOG_HIDE_E_KEY : r;
    Str key = without_line_end((Str){data, len});
    bool is_good = key.len >= LOG_KEY_LEN_MIN && key.len <= LOG_KEY_LEN_MAX;
    if (is_good) {
        memcpy(ret->bytes, key.data, key.len);
        ret->len = key.len;
    }
    explicit_bzero(data, len);
    free(data);
    return is_good ? 0 : LOG_HIDE_E_KEY;
}

void log_hide_hash(const LogKey *key, Str id, char ret[static LOG_ID_HASH_SIZE]) {
    uint8_t digest[EVP_MAX_MD_SIZE] = {0};
    unsigned len = 0;
    const uint8_t *made = HMAC(EVP_sha256(), key->bytes, (int)key->len, (const uint8_t *)id.data, id.len, digest, &len);
    /* Out of memory: an id that nobody can tell from another is better than one in the clear. */
    hex_print(made ? digest : (const uint8_t[EVP_MAX_MD_SIZE]){0}, (LOG_ID_HASH_SIZE - 1) / 2, ret);
}

void log_hide_use_key(const LogKey *key) {
    used_key = *key;
}

void log_hide_id(Str id, char ret[static LOG_ID_HASH_SIZE]) {
    log_hide_hash(&used_key, id, ret);
}

/* --- secrets ----------------------------------------------------------------------------------------- */

int log_hide_secret(Str secret) {
    if (secret.len < SECRET_LEN_MIN || n_secrets == SECRETS_MAX)
        return 0;
    for (size_t i = 0; i < n_secrets; i++)
        if (str_eq(secrets[i], secret))
            return 0;
    char *copy = malloc(secret.len);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, secret.data, secret.len);
    secrets[n_secrets++] = (Str){copy, secret.len};
    return 0;
}

/* Its first line is the secret. A file that cannot be read is told of when it is needed. */
static int hide_file(const char *path) {
    char *data = NULL;
    size_t len = 0;
    int r = path ? file_read(path, SECRET_FILE_LEN_MAX, &data, &len) : 0;
    if (r == 0 && data) {
        const char *end = memchr(data, '\n', len);
        Str line = {data, end ? (size_t)(end - data) : len};
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        r = log_hide_secret(line);
        explicit_bzero(data, len);
    }
    free(data);
    return r == -ENOMEM ? r : 0;
}

static int use_key(const Config *config) {
    LogKey key = {.len = 32};
    int r = config->log_lead_ids_key_file ? log_hide_read_key(config->log_lead_ids_key_file, &key) : random_bytes(key.bytes, key.len);
    if (r == 0)
        log_hide_use_key(&key);
    explicit_bzero(&key, sizeof(key));
    return r;
}

int log_hide_by(const Config *config) {
    const char *const files[] = {config->redis_password_file, config->registry_password_file, config->registry_token_file,
            config->registry_key_password_file};
    int r = use_key(config);
    for (size_t i = 0; i < config->n_kafka_properties && r == 0; i++)
        if (config_is_secret(config->kafka_properties[i].name))
            r = log_hide_secret(str_from(config->kafka_properties[i].value));
    for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0; i++)
        r = hide_file(files[i]);
    return r;
}

/* How many bytes at the start of `s` are a secret. */
static size_t secret_len(Str s) {
    size_t longest = 0;
    for (size_t i = 0; i < n_secrets; i++)
        if (secrets[i].len <= s.len && memcmp(secrets[i].data, s.data, secrets[i].len) == 0)
            longest = MAX(longest, secrets[i].len);
    return longest;
}

/* Of a URL behind its "://": how many bytes the login takes, up to the @. A password may hold another one. */
static size_t login_len(Str s) {
    size_t len = 0;
    for (size_t i = 0; i < s.len && !strchr(" \t\r\n\"'/?#<>,", s.data[i]); i++)
        if (s.data[i] == '@')
            len = i;
    return len;
}

size_t log_hide_copy(Str value, char *ret, size_t size) {
    static const char scheme[] = "://";
    size_t n = 0;
    for (size_t i = 0; i < value.len && n < size;) {
        Str rest = {value.data + i, value.len - i};
        bool is_behind_scheme = i >= strlen(scheme) && memcmp(value.data + i - strlen(scheme), scheme, strlen(scheme)) == 0;
        size_t login = is_behind_scheme ? login_len(rest) : 0, secret = secret_len(rest), hidden = MAX(login, secret);
        if (hidden == 0) {
            ret[n++] = value.data[i++];
            continue;
        }
        size_t shown = MIN(sizeof(LOG_HIDDEN) - 1, size - n);
        memcpy(ret + n, LOG_HIDDEN, shown);
        n += shown;
        i += hidden;
    }
    return n;
}
