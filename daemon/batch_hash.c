/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/batch_hash.h"

#include <openssl/evp.h>

struct BatchHash {
    EVP_MD_CTX *digest;
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

static void add_field(BatchHash *hash, Str bytes) {
    uint64_t len = bytes.data ? bytes.len : UINT64_MAX; /* null is not the empty string */
    (void)EVP_DigestUpdate(hash->digest, &len, sizeof(len));
    if (bytes.len)
        (void)EVP_DigestUpdate(hash->digest, bytes.data, bytes.len);
}

void batch_hash_add(BatchHash *hash, const char *topic, Str key, Str value) {
    add_field(hash, str_from(topic));
    add_field(hash, key);
    add_field(hash, value);
}

void batch_hash_finish(BatchHash *hash, char ret[static BATCH_HASH_LEN + 1]) {
    uint8_t bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    (void)EVP_DigestFinal_ex(hash->digest, bytes, &n);
    hex_print(bytes, BATCH_HASH_LEN / 2, ret);
}
