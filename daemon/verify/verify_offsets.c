/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The offsets of a batch are committed with its footer, in one transaction, but not seen at the same instant. The hint beside them says of
 * which batch they are: whichever is ahead, the other one is waited for.
 */
#include <inttypes.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/verify/verify.h"

#define ASK_TIMEOUT_MS 15000
/* After this a commit that the changelog has is not going to be seen. */
#define SETTLE_MS 15000

/* One input of the shard. */
typedef struct Question {
    char topic[TOPIC_NAME_MAX + 1];
    char subject[TOPIC_NAME_MAX + 32];
    int32_t partition;
} Question;

static int ask(VerifyShard *s, const Question *question, CommittedOffset *ret) {
    int64_t until_ms = clock_monotonic_ms() + ASK_TIMEOUT_MS;
    char text[KAFKA_TEXT_SIZE];
    for (;;) {
        int r = kafka_offsets_get(s->v->offsets, question->topic, question->partition, ASK_TIMEOUT_MS, text, ret);
        if (r <= 0)
            return r;
        if (r != KAFKA_E_RETRY || clock_monotonic_ms() > until_ms) {
            (void)snprintf(s->v->text, sizeof(s->v->text), "%s", text);
            return VERIFY_E_AWAY;
        }
        verify_pause();
    }
}

static void tell_moved(VerifyShard *s, const Question *question, int64_t committed, int64_t right) {
    if (!verify_tell(&s->report, VERIFY_OFFSET, question->subject,
                "the group's committed offset is %" PRId64 ", but batch %" PRId64 " has left it at %" PRId64, committed, s->chain->last.bno, right))
        return;
    findings_remedy(s->v->findings,
            "stop scored, then: kafka-consumer-groups --group %s --topic %s:%d --reset-offsets --to-offset %" PRId64 " --execute",
            s->v->config->group, question->topic, (int)question->partition, right);
}

static void tell_strange(VerifyShard *s, const Question *question, const char *what, int64_t bno) {
    if (verify_tell(&s->report, VERIFY_OFFSET, question->subject, "the group's offset was committed with batch %" PRId64 " %s", bno, what))
        findings_remedy(s->v->findings, "check kafka.group and topics.prefix; if Kafka lost data, restore the changelog and the offsets");
}

/* The input's offset by the footer at hand; -1: it has none. */
static int64_t right_offset(const VerifyShard *s, const Question *question) {
    const FooterInput *input = footer_input(&s->chain->last, s->id, question->topic, question->partition);
    return input ? input->offset : -1;
}

/* Offset and footer are of the same batch, or the offset of none. True: that settles it. */
static bool judge(VerifyShard *s, const Question *question, const CommittedOffset *committed, bool is_skip, bool is_late) {
    int64_t right = right_offset(s, question);
    if (committed->offset == right) {
        s->n_offsets++;
    } else if (is_skip && committed->offset > right) {
        s->n_skipped++;
    } else {
        if (!is_late)
            return false;
        tell_moved(s, question, committed->offset, right);
    }
    return true;
}

/* True: that settles it. */
static int look(VerifyShard *s, const Question *question, bool is_late, bool *ret_settled) {
    CommittedOffset committed;
    Hint hint;
    int r = ask(s, question, &committed);
    *ret_settled = true;
    if (r)
        return r;
    if (committed.offset < 0) {
        s->n_without_offset += right_offset(s, question) >= 0;
        return 0;
    }
    if (!hint_parse(committed.metadata, &hint)) {
        *ret_settled = judge(s, question, &committed, false, is_late);
        return 0;
    }
    if (strcmp(hint.lineage, s->chain->last.lineage) != 0) {
        tell_strange(s, question, "of another lineage", hint.bno);
        return 0;
    }
    r = hint.bno > s->chain->last.bno ? verify_log_read(s, 0, hint.bno) : 0;
    if (r)
        return r;
    if (hint.bno == s->chain->last.bno)
        *ret_settled = judge(s, question, &committed, hint.is_skip, true);
    else if (hint.bno > s->chain->last.bno)
        tell_strange(s, question, "which the changelog does not have", hint.bno);
    else if (is_late)
        tell_strange(s, question, "while the changelog is further", hint.bno);
    else
        *ret_settled = false;
    return 0;
}

static int verify_offset(VerifyShard *s, const Question *question) {
    int64_t until_ms = clock_monotonic_ms() + SETTLE_MS;
    bool settled = false;
    while (!settled) {
        int r = look(s, question, clock_monotonic_ms() > until_ms, &settled);
        if (r)
            return r;
        if (!settled)
            verify_pause();
    }
    return 0;
}

int verify_offsets(VerifyShard *s) {
    if (!s->chain->has_last || s->v->config->embedded)
        return 0;
    size_t n = s->chain->last.n_inputs;
    _cleanup_(free_null) Question *questions = calloc(MAX(n, (size_t)1), sizeof(*questions));
    if (!questions)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const FooterInput *input = &s->chain->last.inputs[i];
        Question *question = &questions[i];
        question->partition = input->partition < 0 ? s->id : input->partition;
        (void)snprintf(question->topic, sizeof(question->topic), "%s", input->topic);
        (void)snprintf(question->subject, sizeof(question->subject), "%s [%" PRId32 "]", input->topic, question->partition);
    }
    for (size_t i = 0; i < n; i++) {
        verify_progress(s, "offsets", (int64_t)i, (int64_t)n);
        int r = verify_offset(s, &questions[i]);
        if (r)
            return r;
    }
    return 0;
}
