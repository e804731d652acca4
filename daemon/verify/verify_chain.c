/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/verify/verify_chain.h"

#include <inttypes.h>
#include <stdio.h>

#define CHANGELOG "changelog"

void verify_chain_add(VerifyChain *chain, int64_t offset) {
    if (chain->n_records++ == 0)
        chain->loose_offset = offset;
}

void verify_chain_restart(VerifyChain *chain) {
    chain->has_last = false;
}

static bool is_of_lineage(const VerifyChain *chain, const Footer *footer) {
    return strcmp(chain->last.lineage, footer->lineage) == 0;
}

bool verify_chain_doubts(const VerifyChain *chain, const Footer *footer) {
    return chain->has_last &&
            (!is_of_lineage(chain, footer) || footer->bno != chain->last.bno + 1 || footer->n_records != chain->n_records);
}

/* How it follows the last one. */
static void judge_number(const VerifyChain *chain, const Footer *footer, int64_t offset, VerifyReport *report) {
    const Footer *last = &chain->last;
    if (!is_of_lineage(chain, footer))
        (void)verify_tell(report, VERIFY_CHAIN, CHANGELOG,
                "the footer at offset %" PRId64 " is batch %" PRId64 " of lineage %s, after batch %" PRId64 " of lineage %s", offset, footer->bno,
                footer->lineage, last->bno, last->lineage);
    else if (footer->bno <= last->bno)
        (void)verify_tell(report, VERIFY_CHAIN, CHANGELOG,
                "the footer at offset %" PRId64 " is batch %" PRId64 " again, after batch %" PRId64 " at offset %" PRId64, offset, footer->bno,
                last->bno, chain->last_offset);
    else if (footer->bno == last->bno + 2)
        (void)verify_tell(report, VERIFY_CHAIN, CHANGELOG, "batch %" PRId64 " has no footer between offsets %" PRId64 " and %" PRId64,
                last->bno + 1, chain->last_offset, offset);
    else
        (void)verify_tell(report, VERIFY_CHAIN, CHANGELOG,
                "batches %" PRId64 " to %" PRId64 " have no footers between offsets %" PRId64 " and %" PRId64, last->bno + 1, footer->bno - 1,
                chain->last_offset, offset);
}

/* Times as they are told: none is before all. */
static void judge_time(const char *what, int64_t before_ms, int64_t after_ms, const Footer *footer, VerifyReport *report) {
    if (after_ms < before_ms)
        (void)verify_tell(report, VERIFY_BACK, CHANGELOG, "batch %" PRId64 ": %s goes back from %" PRId64 " to %" PRId64, footer->bno, what,
                before_ms, after_ms == TIME_NONE ? -1 : after_ms);
}

static void judge_inputs(const Footer *last, const Footer *footer, VerifyReport *report) {
    for (size_t i = 0; i < footer->n_inputs; i++) {
        const FooterInput *input = &footer->inputs[i];
        const FooterInput *before = footer_input(last, report->shard, input->topic, input->partition < 0 ? report->shard : input->partition);
        if (before && input->offset < before->offset)
            (void)verify_tell(report, VERIFY_BACK, CHANGELOG, "batch %" PRId64 ": the offset in %s [%d] goes back from %" PRId64 " to %" PRId64,
                    footer->bno, input->topic, (int)(input->partition < 0 ? report->shard : input->partition), before->offset, input->offset);
    }
}

static void judge_model(const Footer *last, const Footer *footer, VerifyReport *report) {
    if (footer->model_version < last->model_version)
        (void)verify_tell(report, VERIFY_BACK, CHANGELOG, "batch %" PRId64 ": the model's version goes back from %" PRId64 " to %" PRId64,
                footer->bno, last->model_version, footer->model_version);
    else if (footer->model_version == last->model_version && strcmp(footer->model_hash, last->model_hash) != 0)
        (void)verify_tell(report, VERIFY_BACK, CHANGELOG, "batch %" PRId64 ": the model has changed, but not its version, %" PRId64, footer->bno,
                footer->model_version);
}

/* What follows the last one must go back in nothing. */
static void judge_progress(const VerifyChain *chain, const Footer *footer, VerifyReport *report) {
    const Footer *last = &chain->last;
    judge_time("the watermark", last->watermark_ms, footer->watermark_ms, footer, report);
    judge_time("the accounts' watermark", last->accounts_watermark_ms, footer->accounts_watermark_ms, footer, report);
    judge_inputs(last, footer, report);
    judge_model(last, footer, report);
    if (footer->n_records != chain->n_records)
        (void)verify_tell(report, VERIFY_COUNT, CHANGELOG,
                "batch %" PRId64 " has %" PRId64 " records in the changelog, and says that it has %" PRId64, footer->bno, chain->n_records,
                footer->n_records);
}

bool verify_chain_footer(VerifyChain *chain, const Footer *footer, int64_t offset, VerifyReport *report) {
    bool follows = chain->has_last && is_of_lineage(chain, footer) && footer->bno == chain->last.bno + 1;
    /* The very first batch, or the first one that compaction has left: of that it may have taken records. */
    bool is_whole = (follows || !chain->has_last) && footer->n_records == chain->n_records;
    if (footer->shards != chain->n_shards && (!chain->has_last || chain->last.shards != footer->shards))
        (void)verify_tell(report, VERIFY_SHARDS, CHANGELOG, "batch %" PRId64 " was written with %" PRId64 " partitions; the topic has %d",
                footer->bno, footer->shards, (int)chain->n_shards);
    if (follows)
        judge_progress(chain, footer, report);
    else if (chain->has_last)
        judge_number(chain, footer, offset, report);
    if (!chain->has_last)
        chain->first_bno = footer->bno;
    chain->n_batches += is_whole;
    chain->has_last = true;
    chain->last = *footer;
    chain->last_offset = offset;
    chain->n_records = 0;
    return is_whole;
}

void verify_chain_end(const VerifyChain *chain, int64_t end, VerifyReport *report) {
    if (chain->n_records > 0 && chain->loose_offset < end)
        (void)verify_tell(report, VERIFY_FOREIGN, CHANGELOG, "records from offset %" PRId64 " on belong to no batch: no footer follows them",
                chain->loose_offset);
}
