#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routed Sources
 *
 * Any partition of a routed source may bring events of any shard's leads, so a shard knows such a source only as far as all shards that
 * read it have sent its events on. Each tells the others, after the events, how far it is (MESSAGE_PROGRESS); what counts for the
 * watermark is the least of them (DESIGN sections 2 and 4, as for the accounts' watermark). Pure.
 */
#include "daemon/base/inputs.h"
#include "daemon/pipeline/watermark.h"

typedef struct Routed Routed;

/* *ret is NULL if no source is routed. `inputs` outlives it. 0 or -ENOMEM. */
MUST_CHECK int routed_new(const Inputs *inputs, WatermarkMode mode, Routed **ret);
Routed *routed_free(Routed *routed);
DEFINE_CLEANUP(Routed *, routed_free)

/* How far the shard has read an input that is routed. */
SourceProgress *routed_input(Routed *routed, unsigned input);
/* The proofs of those inputs count from now on. */
void routed_take_proofs(Routed *routed);

/* What a shard is to tell of a source. */
typedef struct RoutedNews {
    unsigned source;
    int64_t at_ms; /* all is sent on up to here; with at_end, TIME_NONE: there never was anything */
    bool at_end;   /* with WATERMARK_DATA: of all that the shard reads of it */
} RoutedNews;
/* What `shard` has to tell, an entry a source that it reads and of which it knows anything; room for CONFIG_SOURCES_MAX. How many. */
size_t routed_news(const Routed *routed, int32_t shard, RoutedNews *ret);

/* A shard has told; what was told before may come again. False: it cannot have, by the number of its partitions. */
bool routed_hear(Routed *routed, const RoutedNews *news, int32_t from_shard);
/* How the source would be known then; nothing is changed. */
bool routed_foresee(Routed *routed, const RoutedNews *news, int32_t from_shard, SourceProgress *ret);
/* As when the shard was left: each had come so far at least. */
void routed_restore(Routed *routed, unsigned source, int64_t newest_ms);
/* How far a routed source is known here, as the watermark takes it. */
SourceProgress routed_source(const Routed *routed, unsigned source);
/* The newest that any shard has told of the source: no news of an end bring it farther. TIME_NONE: nothing was told. */
int64_t routed_farthest(const Routed *routed, unsigned source);
