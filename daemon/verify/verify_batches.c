/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/verify/verify_batches.h"

#include <inttypes.h>

/* A record with its bytes behind one another; lengths of SIZE_MAX are null. */
typedef struct Held {
    const char *topic; /* borrowed; NULL: the changelog */
    int64_t number;    /* among those of other topics */
    char *bytes;
    size_t key_len, value_len;
} Held;

typedef struct HeldList {
    Held *items;
    size_t n, n_alloc, n_bytes;
} HeldList;

typedef struct HeldBatch {
    char lineage[LINEAGE_LEN + 1], hash[BATCH_HASH_LEN + 1];
    int64_t bno, n_outputs, n_written, begun_ms;
    HeldList records, outputs;
    bool is_too_large; /* not all outputs are held */
} HeldBatch;

struct VerifyBatches {
    size_t n_max, bytes_max;
    HeldBatch *items; /* oldest first */
    size_t n, n_alloc;
    size_t n_bytes, n_output_bytes;
    HeldList reading; /* of the batch that is being read */
    bool reading_is_too_large;
    int64_t reading_since_ms;
};

int verify_batches_new(size_t n_max, size_t bytes_max, VerifyBatches **ret) {
    VerifyBatches *batches = calloc(1, sizeof(*batches));
    if (!batches)
        return -ENOMEM;
    batches->n_max = n_max;
    batches->bytes_max = bytes_max;
    batches->reading_since_ms = TIME_NEVER;
    *ret = batches;
    return 0;
}

/* ---- lists ---- */

static void list_clear(HeldList *list) {
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].bytes);
    list->n = list->n_bytes = 0;
}

static void list_done(HeldList *list) {
    list_clear(list);
    free(list->items);
    *list = (HeldList){0};
}

static int list_add(HeldList *list, const char *topic, int64_t number, Str key, Str value) {
    char *bytes = malloc(MAX(key.len + value.len, (size_t)1));
    if (!bytes || array_reserve(&list->items, &list->n_alloc, list->n, sizeof(*list->items)) != 0) {
        free(bytes);
        return -ENOMEM;
    }
    if (key.len)
        memcpy(bytes, key.data, key.len);
    if (value.len)
        memcpy(bytes + key.len, value.data, value.len);
    list->items[list->n++] = (Held){.topic = topic, .number = number, .bytes = bytes, .key_len = key.data ? key.len : SIZE_MAX,
            .value_len = value.data ? value.len : SIZE_MAX};
    list->n_bytes += sizeof(Held) + key.len + value.len;
    return 0;
}

static Str held_key(const Held *held) {
    return held->key_len == SIZE_MAX ? STR_NULL : (Str){held->bytes, held->key_len};
}

static Str held_value(const Held *held) {
    size_t at = held->key_len == SIZE_MAX ? 0 : held->key_len;
    return held->value_len == SIZE_MAX ? STR_NULL : (Str){held->bytes + at, held->value_len};
}

static void batch_done(HeldBatch *batch) {
    list_done(&batch->records);
    list_done(&batch->outputs);
}

VerifyBatches *verify_batches_free(VerifyBatches *batches) {
    if (!batches)
        return NULL;
    for (size_t i = 0; i < batches->n; i++)
        batch_done(&batches->items[i]);
    free(batches->items);
    list_done(&batches->reading);
    return free_null(batches);
}

/* ---- the changelog ---- */

int verify_batches_add(VerifyBatches *batches, Str key, Str value, int64_t timestamp_ms) {
    batches->reading_since_ms = MIN(batches->reading_since_ms, timestamp_ms);
    if (batches->reading_is_too_large)
        return 0;
    if (batches->reading.n_bytes + key.len + value.len > batches->bytes_max) {
        batches->reading_is_too_large = true;
        list_clear(&batches->reading);
        return 0;
    }
    return list_add(&batches->reading, NULL, 0, key, value);
}

static void drop_oldest(VerifyBatches *batches) {
    batches->n_bytes -= batches->items[0].records.n_bytes;
    batch_done(&batches->items[0]);
    batches->n--;
    memmove(&batches->items[0], &batches->items[1], batches->n * sizeof(batches->items[0]));
}

static int keep(VerifyBatches *batches, const Footer *footer) {
    int r = array_reserve(&batches->items, &batches->n_alloc, batches->n, sizeof(*batches->items));
    if (r)
        return r;
    HeldBatch *batch = &batches->items[batches->n++];
    *batch = (HeldBatch){.bno = footer->bno, .n_outputs = footer->n_outputs, .n_written = footer->n_written,
            .begun_ms = batches->reading_since_ms, .records = batches->reading};
    memcpy(batch->lineage, footer->lineage, sizeof(batch->lineage));
    memcpy(batch->hash, footer->hash, sizeof(batch->hash));
    batches->n_bytes += batch->records.n_bytes;
    batches->reading = (HeldList){0};
    while (batches->n > batches->n_max || batches->n_bytes > batches->bytes_max)
        drop_oldest(batches);
    return 0;
}

int verify_batches_end(VerifyBatches *batches, const Footer *footer, bool is_whole, int64_t timestamp_ms) {
    batches->reading_since_ms = MIN(batches->reading_since_ms, timestamp_ms);
    int r = is_whole && !batches->reading_is_too_large ? keep(batches, footer) : 0;
    list_clear(&batches->reading);
    batches->reading_is_too_large = false;
    batches->reading_since_ms = TIME_NEVER;
    return r;
}

size_t verify_batches_count(const VerifyBatches *batches) {
    return batches->n;
}

int64_t verify_batches_since(const VerifyBatches *batches) {
    int64_t since_ms = TIME_NEVER;
    for (size_t i = 0; i < batches->n; i++)
        since_ms = MIN(since_ms, batches->items[i].begun_ms);
    return since_ms;
}

/* ---- other topics ---- */

void verify_batches_forget_outputs(VerifyBatches *batches) {
    for (size_t i = 0; i < batches->n; i++) {
        list_clear(&batches->items[i].outputs);
        batches->items[i].is_too_large = false;
    }
    batches->n_output_bytes = 0;
}

/* They are in order of their numbers, as a rule without gaps. */
static HeldBatch *find(const VerifyBatches *batches, const BatchTag *tag) {
    size_t low = 0, high = batches->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (batches->items[middle].bno < tag->bno)
            low = middle + 1;
        else
            high = middle;
    }
    HeldBatch *batch = low < batches->n ? &batches->items[low] : NULL;
    return batch && batch->bno == tag->bno && strcmp(batch->lineage, tag->lineage) == 0 ? batch : NULL;
}

int verify_batches_output(VerifyBatches *batches, const BatchTag *tag, const char *topic, Str key, Str value) {
    HeldBatch *batch = find(batches, tag);
    if (!batch || batch->is_too_large)
        return 0;
    if (batches->n_output_bytes + key.len + value.len > batches->bytes_max) {
        batch->is_too_large = true;
        return 0;
    }
    size_t before = batch->outputs.n_bytes;
    int r = list_add(&batch->outputs, topic, tag->number, key, value);
    batches->n_output_bytes += batch->outputs.n_bytes - before;
    return r;
}

/* ---- judging ---- */

static int by_number(const void *a, const void *b) {
    const Held *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static int compute(const HeldBatch *batch, const char *changelog, char ret[static BATCH_HASH_LEN + 1]) {
    _cleanup_(batch_hash_free) BatchHash *hash = NULL;
    int r = batch_hash_new(&hash);
    if (r)
        return r;
    for (size_t i = 0; i < batch->outputs.n; i++)
        batch_hash_add(hash, batch->outputs.items[i].topic, held_key(&batch->outputs.items[i]), held_value(&batch->outputs.items[i]));
    for (size_t i = 0; i < batch->records.n; i++)
        batch_hash_add(hash, changelog, held_key(&batch->records.items[i]), held_value(&batch->records.items[i]));
    batch_hash_finish(hash, ret);
    return 0;
}

/* How many of those that the footer counts are missing; and whether there are others. */
static int64_t count_missing(const HeldBatch *batch, bool *ret_has_more) {
    int64_t n = 0, next = 0;
    *ret_has_more = false;
    for (size_t i = 0; i < batch->outputs.n; i++) {
        int64_t number = batch->outputs.items[i].number;
        *ret_has_more = *ret_has_more || number < next || number >= batch->n_written;
        n += number >= next && number < batch->n_written;
        next = MAX(next, number + 1);
    }
    return MAX(batch->n_written - n, (int64_t)0);
}

static int judge(HeldBatch *batch, const char *changelog, bool complete, VerifyReport *report, VerifyHashes *ret) {
    char hash[BATCH_HASH_LEN + 1];
    bool has_more;
    if (batch->is_too_large) {
        ret->n_too_large++;
        return 0;
    }
    if (batch->outputs.n > 0)
        qsort(batch->outputs.items, batch->outputs.n, sizeof(*batch->outputs.items), by_number);
    int64_t n_missing = count_missing(batch, &has_more);
    int r = compute(batch, changelog, hash);
    if (r)
        return r;
    if (strcmp(hash, batch->hash) == 0) {
        ret->n_right++;
        ret->first_bno = ret->first_bno ? ret->first_bno : batch->bno;
        return 0;
    }
    if (batch->n_written < 0) {
        ret->n_untold++;
        return 0;
    }
    if (n_missing > 0) {
        ret->n_incomplete++;
        if (report && complete)
            (void)verify_tell(report, VERIFY_HASH, "outputs", "batch %" PRId64 ": %" PRId64 " of the %" PRId64
                    " records that it wrote to other topics are not there", batch->bno, n_missing, batch->n_written);
        return 0;
    }
    ret->n_wrong++;
    if (report)
        (void)verify_tell(report, VERIFY_HASH, has_more ? "outputs" : "batches", has_more
                        ? "batch %" PRId64 ": other topics have records more than once, or of nobody's, that say that it wrote them"
                        : "batch %" PRId64 ": what stands in the changelog and other topics is not what its footer has the hash of", batch->bno);
    return 0;
}

int verify_batches_judge(
        VerifyBatches *batches, const char *changelog, bool complete, VerifyReport *report, VerifyHashes *ret) {
    int r = 0;
    *ret = (VerifyHashes){0};
    for (size_t i = 0; i < batches->n && r == 0; i++)
        r = judge(&batches->items[i], changelog, complete, report, ret);
    return r;
}
