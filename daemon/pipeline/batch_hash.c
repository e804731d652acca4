/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/batch_hash.h"

#include <openssl/evp.h>

/* Fields are short, and each call of the digest costs as much as hashing some of them. */
#define PENDING_SIZE ((size_t)8192)

struct BatchHash {
    EVP_MD_CTX *digest;
    size_t n_pending;
    uint8_t pending[PENDING_SIZE];
};

int batch_hash_new(BatchHash **ret) {
    _cleanup_(batch_hash_free) BatchHash *hash = calloc(1, sizeof(*hash));
    if (!hash)
        return -ENOMEM;
    hash->digest = EVP_MD_CTX_new();
    if (!hash->digest || EVP_DigestInit_ex(hash->digest, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    *ret = TAKE_PTR(hash);
    return 0;
}

BatchHash *batch_hash_free(BatchHash *hash) {
    if (!hash)
        return NULL;
    EVP_MD_CTX_free(hash->digest);
    return free_null(hash);
}

static void digest_pending(BatchHash *hash) {
    (void)EVP_DigestUpdate(hash->digest, hash->pending, hash->n_pending);
    hash->n_pending = 0;
}

static void add_bytes(BatchHash *hash, const void *bytes, size_t n) {
    if (n > PENDING_SIZE - hash->n_pending)
        digest_pending(hash);
    if (n > PENDING_SIZE) {
        (void)EVP_DigestUpdate(hash->digest, bytes, n);
        return;
    }
    if (n)
        memcpy(hash->pending + hash->n_pending, bytes, n);
    hash->n_pending += n;
}

static void add_field(BatchHash *hash, Str bytes) {
    uint64_t len = bytes.data ? bytes.len : UINT64_MAX; /* null is not the empty string */
    add_bytes(hash, &len, sizeof(len));
    add_bytes(hash, bytes.data, bytes.len);
}

void batch_hash_add(BatchHash *hash, const char *topic, Str key, Str value) {
    add_field(hash, str_from(topic));
    add_field(hash, key);
    add_field(hash, value);
}

void batch_hash_finish(BatchHash *hash, char ret[static BATCH_HASH_LEN + 1]) {
    uint8_t bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    digest_pending(hash);
    (void)EVP_DigestFinal_ex(hash->digest, bytes, &n);
    hex_print(bytes, BATCH_HASH_LEN / 2, ret);
}
