/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>

#include "lib/base/siphash.h"

typedef struct SipState {
    uint64_t v0, v1, v2, v3;
} SipState;

static inline uint64_t rotate_left(uint64_t x, unsigned n) {
    return x << n | x >> (64 - n);
}

static inline void sip_rounds(SipState *s, unsigned n_rounds) {
    for (unsigned i = 0; i < n_rounds; i++) {
        s->v0 += s->v1;
        s->v1 = rotate_left(s->v1, 13) ^ s->v0;
        s->v0 = rotate_left(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotate_left(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotate_left(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotate_left(s->v1, 17) ^ s->v2;
        s->v2 = rotate_left(s->v2, 32);
    }
}

static inline void sip_word(SipState *s, uint64_t word, unsigned n_rounds) {
    s->v3 ^= word;
    sip_rounds(s, n_rounds);
    s->v0 ^= word;
}

static inline uint64_t sip_output(const SipState *s) {
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static inline SipState sip_init(SipKey key) {
    /* "somepseudorandomlygeneratedbytes", as the paper has it. */
    return (SipState){
            .v0 = key.k0 ^ UINT64_C(0x736f6d6570736575),
            .v1 = key.k1 ^ UINT64_C(0x646f72616e646f6d),
            .v2 = key.k0 ^ UINT64_C(0x6c7967656e657261),
            .v3 = key.k1 ^ UINT64_C(0x7465646279746573),
    };
}

/* The last n < 8 bytes as a little-endian word. Of a fixed size wherever there are eight, for such a copy is one instruction. */
static inline uint64_t last_bytes(Str bytes, size_t n) {
    uint64_t word = 0;
    if (n == 0)
        return 0;
    if (bytes.len >= sizeof(word)) {
        memcpy(&word, bytes.data + bytes.len - sizeof(word), sizeof(word));
        return le64toh(word) >> (8 * (sizeof(word) - n));
    }
    memcpy(&word, bytes.data + bytes.len - n, n);
    return le64toh(word);
}

/* The input in words of 8 bytes; the last one carries the rest and the length. */
static inline void sip_absorb(SipState *s, Str bytes, unsigned n_rounds) {
    size_t i = 0;
    uint64_t word;
    for (; i + sizeof(word) <= bytes.len; i += sizeof(word)) {
        memcpy(&word, bytes.data + i, sizeof(word));
        sip_word(s, le64toh(word), n_rounds);
    }
    sip_word(s, last_bytes(bytes, bytes.len - i) | (uint64_t)bytes.len << 56, n_rounds);
}

uint64_t siphash_13(SipKey key, Str bytes) {
    SipState s = sip_init(key);
    sip_absorb(&s, bytes, 1);
    s.v2 ^= 0xff;
    sip_rounds(&s, 3);
    return sip_output(&s);
}

void siphash_24_128(SipKey key, Str bytes, uint8_t ret[static 16]) {
    SipState s = sip_init(key);
    s.v1 ^= 0xee; /* sets the long variant apart from the short one */
    sip_absorb(&s, bytes, 2);
    s.v2 ^= 0xee;
    sip_rounds(&s, 4);
    uint64_t half = htole64(sip_output(&s));
    memcpy(ret, &half, sizeof(half));
    s.v1 ^= 0xdd;
    sip_rounds(&s, 4);
    half = htole64(sip_output(&s));
    memcpy(ret + sizeof(half), &half, sizeof(half));
}
