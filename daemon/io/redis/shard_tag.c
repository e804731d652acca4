/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimal numbers are tried in order from 0. Of the 16384 slots the last to be met falls to 109757 (a test
 * holds it there), so a search is short and the table of all tags costs no more than its dearest one.
 */
#include <stdio.h>

#include "daemon/io/redis/shard_tag.h"

/* CRC-16/XMODEM four bits at a time: polynomial 0x1021, no reflection, initial value 0. */
static uint16_t crc16_step(uint16_t crc, uint8_t byte) {
    static const uint16_t table[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7, 0x8108,
            0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    crc = (uint16_t)(crc << 4 ^ table[crc >> 12 ^ byte >> 4]);
    return (uint16_t)(crc << 4 ^ table[crc >> 12 ^ (byte & 15)]);
}

unsigned redis_slot(Str tag) {
    uint16_t crc = 0;
    for (size_t i = 0; i < tag.len; i++)
        crc = crc16_step(crc, (uint8_t)tag.data[i]);
    return crc % REDIS_SLOTS;
}

unsigned shard_slot(int32_t shard, int32_t n_shards) {
    assert(shard >= 0 && shard < n_shards);
    assert(n_shards <= SHARDS_MAX);
    return (unsigned)((2 * (int64_t)shard + 1) * REDIS_SLOTS / (2 * (int64_t)n_shards));
}

static unsigned number_slot(unsigned number, char text[static SHARD_TAG_SIZE]) {
    int len = snprintf(text, SHARD_TAG_SIZE, "%u", number % 10000000);
    return redis_slot((Str){text, (size_t)len});
}

void shard_tag(int32_t shard, int32_t n_shards, char tag[static SHARD_TAG_SIZE]) {
    unsigned wanted = shard_slot(shard, n_shards);
    for (unsigned number = 0; number_slot(number, tag) != wanted; number++)
        ;
}

int shard_tags(int32_t n_shards, char (**ret)[SHARD_TAG_SIZE]) {
    assert(n_shards > 0);
    _cleanup_(free_null) int32_t *shard_of = malloc(REDIS_SLOTS * sizeof(*shard_of));
    char(*tags)[SHARD_TAG_SIZE] = malloc((size_t)n_shards * sizeof(*tags));
    if (!shard_of || !tags) {
        free(tags);
        return -ENOMEM;
    }

    for (size_t slot = 0; slot < REDIS_SLOTS; slot++)
        shard_of[slot] = -1;
    for (int32_t shard = 0; shard < n_shards; shard++)
        shard_of[shard_slot(shard, n_shards)] = shard;

    char text[SHARD_TAG_SIZE];
    int32_t n_missing = n_shards;
    for (unsigned number = 0; n_missing > 0; number++) {
        int32_t *shard = &shard_of[number_slot(number, text)];
        if (*shard < 0)
            continue;
        memcpy(tags[*shard], text, sizeof(text));
        *shard = -1;
        n_missing--;
    }
    *ret = tags;
    return 0;
}
