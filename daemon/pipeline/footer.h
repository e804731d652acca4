#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Footer
 *
 * The last changelog record of every batch of a shard, under one constant key: what the batch was (DESIGN section 3). The footer of the
 * highest bno is the truth about a shard: where its inputs stand, its watermark, which model made its records. What a batch
 * began with stands there, too, so that it can be run again from its inputs. JSON, so that an operator can read it with any
 * console consumer.
 */
#include "daemon/base/inputs.h"
#include "daemon/io/json/json_writer.h"
#include "lib/model/model.h"

#define FOOTER_FORMAT 1
#define FOOTER_KEY "footer"
/* Keys of state records: the prefix and the id. */
#define CHANGELOG_LEAD_PREFIX "lead:"
#define CHANGELOG_ACCOUNT_PREFIX "account:"
/* What follows the prefix in a key. False: it has another one. */
static inline bool changelog_take_prefix(Str key, const char *prefix, Str *ret) {
    size_t n = strlen(prefix);
    if (!str_starts_with(key, prefix))
        return false;
    *ret = (Str){key.data + n, key.len - n};
    return true;
}
#define LINEAGE_LEN 32
#define BATCH_HASH_LEN 32
/* Names of a model version's things, by which its records are read (lib/model/skeleton.h): the prefix and the version. */
#define CHANGELOG_MODEL_PREFIX "model:"
#define FOOTER_SKELETONS_MAX 9 /* MODEL_HISTORY_MAX earlier ones and the present one's */
#define TOPIC_NAME_MAX 249 /* Kafka's limit */

/* Where one input of the shard stands. */
typedef struct FooterInput {
    char topic[TOPIC_NAME_MAX + 1];
    int32_t partition; /* -1: that which has the shard's number */
    int64_t offset;    /* next to read; -1: nothing read yet */
    int64_t newest_ms; /* the greatest occurred_at; TIME_NONE: none */
    int64_t proved_ms; /* proved to be read up to here when the batch began; TIME_NONE: not proved, or not told */
} FooterInput;

/* A routed source: up to which instant its events have come here. */
typedef struct FooterRouted {
    char topic[TOPIC_NAME_MAX + 1];
    int64_t newest_ms; /* TIME_NONE: it is not known of all its partitions */
} FooterRouted;

/* Where in the changelog a model version's skeleton stands. */
typedef struct FooterSkeleton {
    int64_t version, offset;
} FooterSkeleton;

typedef struct Footer {
    char lineage[LINEAGE_LEN + 1]; /* a random id made when the shard was first written */
    int64_t bno;                   /* dense from 1 within the lineage */
    int64_t watermark_ms;          /* TIME_NONE: none */
    int64_t accounts_watermark_ms; /* the accounts': TIME_NONE: none */
    int64_t begun_watermark_ms;    /* when the batch began */
    int64_t taken_bno;             /* of the last batch when the shard was taken over by who wrote this one */
    size_t n_inputs, n_routed;
    int64_t model_version;
    char model_hash[2 * MODEL_HASH_SIZE + 1];
    FooterSkeleton skeletons[FOOTER_SKELETONS_MAX]; /* by version */
    size_t n_skeletons;
    int64_t walk_next, walk_end; /* of a new model's walk, in the changelog (model_walk.h); walk_end 0: none is under way */
    int64_t n_events, n_outputs, n_records; /* of the batch */
    int64_t n_written;                      /* records in other topics than the changelog; -1: not told, by a version before */
    char hash[BATCH_HASH_LEN + 1];          /* over the batch's outputs and records, in order */
    int64_t shards;                         /* number of partitions: part of the lineage */
    /* Last, for what is behind n_routed and n_inputs says nothing: neither is it set nor copied. */
    FooterRouted routed[CONFIG_SOURCES_MAX];
    FooterInput inputs[INPUTS_MAX];
} Footer;

/* Appends the footer's JSON. 0 or -ENOMEM. */
MUST_CHECK int footer_print(const Footer *footer, JsonWriter *writer);
enum { _FOOTER_E_SUCCESS, FOOTER_E_CORRUPT, FOOTER_E_FORMAT /* of a newer program */ };
/* Or -ENOMEM. *ret is set on 0 only. */
MUST_CHECK int footer_parse(Str json, Footer *ret);
/* So many bytes of it mean something. */
size_t footer_size(const Footer *footer);
/* The input of the shard `shard` from that partition, or NULL. */
const FooterInput *footer_input(const Footer *footer, int32_t shard, const char *topic, int32_t partition);
/* What is known of a routed source; TIME_NONE: nothing. */
int64_t footer_routed(const Footer *footer, const char *topic);

/*
 * A record of a batch in another topic than the changelog tells in a header which batch wrote it, and as the how manieth: the footer's hash
 * is over all of them in their order, and then the changelog's.
 */
#define BATCH_TAG_HEADER "scored_batch"
#define BATCH_TAG_SIZE 128
typedef struct BatchTag {
    char lineage[LINEAGE_LEN + 1];
    int32_t shard;
    int64_t bno;
    int64_t number; /* from 0 on */
} BatchTag;
void batch_tag_print(const BatchTag *tag, char text[static BATCH_TAG_SIZE]);
MUST_CHECK bool batch_tag_parse(Str text, BatchTag *ret);

/*
 * The hint that travels as metadata of the committed offsets: lineage, bno, and the changelog offset of the footer
 * before this one, where reading may begin.
 */
#define HINT_SIZE 128
typedef struct Hint {
    char lineage[LINEAGE_LEN + 1];
    int64_t bno;
    int64_t footer_offset; /* -1: unknown */
    bool is_skip;          /* an operator has moved the offset ahead (scored skip): it is believed over the footer of that bno */
} Hint;
void hint_print(const Hint *hint, char text[static HINT_SIZE]);
MUST_CHECK bool hint_parse(const char *text, Hint *ret);
