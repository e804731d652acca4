/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define DIGEST_LEN 32
static_assert(DIGEST_HEX_SIZE == 2 * DIGEST_LEN + 1, "two digits a byte");
static_assert(DIGEST_BASE64_SIZE == 4 * ((DIGEST_LEN + 2) / 3) + 1, "four characters for three bytes");

static int hash(Str bytes, uint8_t ret[static DIGEST_LEN]) {
    unsigned len = DIGEST_LEN;
    return EVP_Digest(bytes.data, bytes.len, ret, &len, EVP_sha256(), NULL) == 1 && len == DIGEST_LEN ? 0 : -EIO;
}

int digest_base64(Str bytes, char ret[static DIGEST_BASE64_SIZE]) {
    uint8_t digest[DIGEST_LEN];
    int r = hash(bytes, digest);
    if (r == 0)
        (void)EVP_EncodeBlock((unsigned char *)ret, digest, DIGEST_LEN);
    return r;
}

int digest_keyed_hex(Str key, Str text, char ret[static DIGEST_HEX_SIZE]) {
    uint8_t digest[DIGEST_LEN];
    unsigned len = DIGEST_LEN;
    if (!HMAC(EVP_sha256(), key.data, (int)key.len, (const unsigned char *)text.data, text.len, digest, &len) || len != DIGEST_LEN)
        return -EIO;
    hex_print(digest, DIGEST_LEN, ret);
    return 0;
}

bool digest_same(Str secret, Str given) {
    uint8_t a[DIGEST_LEN], b[DIGEST_LEN];
    return hash(secret, a) == 0 && hash(given, b) == 0 && CRYPTO_memcmp(a, b, DIGEST_LEN) == 0;
}
