#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scores Already Asked For
 *
 * A step judges a lead's conditions several times at one instant, and each score costs a power of two. Good for one lead, and as
 * long as nothing is awarded.
 */
#include "lib/lead/lead.h"

typedef struct ScoreCache {
    int64_t at_ms;
    uint32_t known; /* bit i: values[i] is score i's at at_ms (MODEL_SCORES_MAX is 32) */
    double values[MODEL_SCORES_MAX];
} ScoreCache;

static inline void score_cache_reset(ScoreCache *cache, int64_t at_ms) {
    cache->at_ms = at_ms;
    cache->known = 0;
}

static inline double score_cache_value(ScoreCache *cache, const Lead *lead, const Model *model, unsigned score) {
    if (!(cache->known >> score & 1)) {
        cache->values[score] = lead_score(lead, model, score, cache->at_ms);
        cache->known |= UINT32_C(1) << score;
    }
    return cache->values[score];
}
