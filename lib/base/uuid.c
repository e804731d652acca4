/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/uuid.h"

#include <endian.h>

#define SHA1_BLOCK_SIZE 64
#define SHA1_ROUNDS 80

static uint32_t rotate_left(uint32_t x, unsigned n) {
    return x << n | x >> (32 - n);
}

static uint32_t load_big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

#define CH(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define PARITY(x, y, z) ((x) ^ (y) ^ (z))
#define MAJ(x, y, z) (((x) & (y)) | ((z) & ((x) | (y))))

/* One round, after which `e` is what FIPS calls a, and so on: each of five takes its words one place further, and nothing is moved. */
#define ROUND(f, k, word, a, b, c, d, e)                                                                     \
    do {                                                                                                     \
        (e) += rotate_left((a), 5) + f((b), (c), (d)) + (k) + (word);                                        \
        (b) = rotate_left((b), 30);                                                                          \
    } while (0)
#define FIVE_ROUNDS(f, k, t)                                                                                 \
    do {                                                                                                     \
        ROUND(f, k, w[t], a, b, c, d, e);                                                                    \
        ROUND(f, k, w[(t) + 1], e, a, b, c, d);                                                              \
        ROUND(f, k, w[(t) + 2], d, e, a, b, c);                                                              \
        ROUND(f, k, w[(t) + 3], c, d, e, a, b);                                                              \
        ROUND(f, k, w[(t) + 4], b, c, d, e, a);                                                              \
    } while (0)

/* FIPS 180-4 section 6.1.2, with its names. */
static void sha1_block(uint32_t hash[static 5], const uint8_t *block) {
    uint32_t w[SHA1_ROUNDS];
    for (unsigned t = 0; t < 16; t++)
        w[t] = load_big_endian(block + 4 * t);
    for (unsigned t = 16; t < SHA1_ROUNDS; t++)
        w[t] = rotate_left(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);

    uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4];
    for (unsigned t = 0; t < 20; t += 5)
        FIVE_ROUNDS(CH, 0x5A827999, t);
    for (unsigned t = 20; t < 40; t += 5)
        FIVE_ROUNDS(PARITY, 0x6ED9EBA1, t);
    for (unsigned t = 40; t < 60; t += 5)
        FIVE_ROUNDS(MAJ, 0x8F1BBCDC, t);
    for (unsigned t = 60; t < 80; t += 5)
        FIVE_ROUNDS(PARITY, 0xCA62C1D6, t);
    hash[0] += a;
    hash[1] += b;
    hash[2] += c;
    hash[3] += d;
    hash[4] += e;
}

typedef struct Sha1 {
    uint32_t hash[5];
    uint8_t block[SHA1_BLOCK_SIZE];
    uint64_t len; /* so far; the last len % SHA1_BLOCK_SIZE bytes are in `block` */
} Sha1;

#define SHA1_INIT ((Sha1){.hash = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}})

static void sha1_add(Sha1 *sha1, const void *data, size_t len) {
    const uint8_t *p = data;
    while (len) {
        size_t used = sha1->len % SHA1_BLOCK_SIZE;
        size_t n = MIN(len, SHA1_BLOCK_SIZE - used);
        memcpy(sha1->block + used, p, n);
        sha1->len += n;
        p += n;
        len -= n;
        if (used + n == SHA1_BLOCK_SIZE)
            sha1_block(sha1->hash, sha1->block);
    }
}

static void sha1_end(Sha1 *sha1, uint8_t ret[static SHA1_SIZE]) {
    uint64_t n_bits = sha1->len * 8;
    static const uint8_t padding[SHA1_BLOCK_SIZE] = {0x80};
    size_t used = sha1->len % SHA1_BLOCK_SIZE;
    size_t n_before_length = SHA1_BLOCK_SIZE - 8;
    sha1_add(sha1, padding,
            used < n_before_length ? n_before_length - used : SHA1_BLOCK_SIZE + n_before_length - used);

    uint8_t length[8];
    for (unsigned i = 0; i < 8; i++)
        length[i] = (uint8_t)(n_bits >> (56 - 8 * i));
    sha1_add(sha1, length, sizeof(length));
    for (unsigned i = 0; i < SHA1_SIZE; i++)
        ret[i] = (uint8_t)(sha1->hash[i / 4] >> (24 - 8 * (i % 4)));
}

void sha1(const void *data, size_t len, uint8_t ret[static SHA1_SIZE]) {
    Sha1 state = SHA1_INIT;
    sha1_add(&state, data, len);
    sha1_end(&state, ret);
}

Uuid uuid_from_name(Str name) {
    static const uint8_t url_namespace[16] = {
            0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
    uint8_t hash[SHA1_SIZE];
    Sha1 state = SHA1_INIT;
    sha1_add(&state, url_namespace, sizeof(url_namespace));
    sha1_add(&state, name.data, name.len);
    sha1_end(&state, hash);

    Uuid uuid;
    memcpy(uuid.bytes, hash, sizeof(uuid.bytes));
    uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0F) | 0x50); /* version 5 */
    uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3F) | 0x80); /* RFC 4122's variant */
    return uuid;
}

/* Does a hyphen stand before byte i? */
static bool hyphen_before(size_t i) {
    return i == 4 || i == 6 || i == 8 || i == 10;
}

void uuid_print(const Uuid *uuid, char text[static UUID_TEXT_LEN + 1]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof(uuid->bytes); i++) {
        if (hyphen_before(i))
            *text++ = '-';
        *text++ = digits[uuid->bytes[i] >> 4];
        *text++ = digits[uuid->bytes[i] & 0x0F];
    }
    *text = '\0';
}

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/*
 * Eight hexadecimal digits at once, a byte of the word each; false: one of them is none, or is in upper case. Ids are read for each
 * event. No sum carries over into the next byte, as long as each is below 0x80.
 */
static inline bool parse_eight(const char *first, const char *second, uint8_t bytes[static 4]) {
    uint32_t low, high;
    memcpy(&low, first, sizeof(low));
    memcpy(&high, second, sizeof(high));
    uint64_t word = le32toh(low) | (uint64_t)le32toh(high) << 32;
    if (word & EACH_BYTE(0x80))
        return false;
    uint64_t is_digit = (word + EACH_BYTE(0x80 - '0')) & ~(word + EACH_BYTE(0x80 - '9' - 1));
    uint64_t is_letter = (word + EACH_BYTE(0x80 - 'a')) & ~(word + EACH_BYTE(0x80 - 'f' - 1));
    if (((is_digit | is_letter) & EACH_BYTE(0x80)) != EACH_BYTE(0x80))
        return false;
    uint64_t values = (word & EACH_BYTE(0x0F)) + 9 * (word >> 6 & EACH_BYTE(0x01));
    uint64_t pairs = (values << 4 | values >> 8) & UINT64_C(0x00FF00FF00FF00FF);
    pairs = (pairs | pairs >> 8) & UINT64_C(0x0000FFFF0000FFFF);
    low = htole32((uint32_t)(pairs | pairs >> 16));
    memcpy(bytes, &low, sizeof(low));
    return true;
}

bool uuid_parse(Str text, Uuid *ret) {
    const char *p = text.data;
    Uuid uuid;
    if (text.len != UUID_TEXT_LEN || p[8] != '-' || p[13] != '-' || p[18] != '-' || p[23] != '-' ||
            !parse_eight(p, p + 4, uuid.bytes) || !parse_eight(p + 9, p + 14, uuid.bytes + 4) ||
            !parse_eight(p + 19, p + 24, uuid.bytes + 8) || !parse_eight(p + 28, p + 32, uuid.bytes + 12))
        return false;
    *ret = uuid;
    return true;
}
