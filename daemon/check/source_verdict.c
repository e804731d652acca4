/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/check/source_verdict.h"

#include <inttypes.h>

/* Of a source less than every tenth record is a stray one, which is nothing that one would route the source for. */
#define STRAYS_PER 10
/* Fewer records can be where another partitioner puts them by chance. */
#define TELLING_RECORDS_MIN 20
/* Topics' names have up to 249 bytes. */
#define LIST_SIZE (CONFIG_SOURCES_MAX * 256)

/* "%d partition%s" */
#define COUNTED_PARTITIONS(n) (n), (n) == 1 ? "" : "s"

typedef enum Need {
    NEED_UNKNOWN, /* no record tells */
    NEED_NOTHING,
    NEED_NOTHING_BUT_STRAYS, /* a few records will be dead letters */
    NEED_PARTITIONER,        /* another one would suit this and all other sources */
    NEED_ROUTE,
} Need;

static bool are_strays(uint64_t n, uint64_t of) {
    return n * STRAYS_PER < of;
}

/* --- the number of shards ---------------------------------------------------------------------------- */

static int32_t most_frequent(const SourceSample *samples, size_t n, const ShardsKnown *known) {
    int32_t best = 0;
    size_t best_count = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t partitions = samples[i].n_partitions;
        size_t count = 0;
        if (samples[i].is_routed || partitions == 0)
            continue;
        if (partitions == known->changelog)
            return partitions;
        for (size_t k = 0; k < n; k++)
            count += !samples[k].is_routed && samples[k].n_partitions == partitions;
        if (count > best_count) {
            best = partitions;
            best_count = count;
        }
    }
    return best;
}

int32_t sources_shards(const SourceSample *samples, size_t n, const ShardsKnown *known) {
    int32_t shards = most_frequent(samples, n, known);
    if (shards == 0)
        shards = known->changelog > 0 ? known->changelog : known->internal > 0 ? known->internal : (int32_t)known->configured;
    if (shards > 0)
        return shards;
    for (size_t i = 0; i < n; i++)
        shards = MAX(shards, samples[i].n_partitions);
    return shards;
}

/* --- what a source needs ----------------------------------------------------------------------------- */

static bool pairs_up(const SourcesVerdict *v, const SourceSample *s) {
    return s->n_partitions == v->n_shards;
}

/* A partitioner that puts all records where they stand; KAFKA_PARTITIONERS: there is none. */
static unsigned fitting_partitioner(const SourceSample *s) {
    for (unsigned i = 0; i < KAFKA_PARTITIONERS; i++)
        if (s->n_foreign == 0 && s->n_misplaced[i] == 0 && source_sample_events(s) >= TELLING_RECORDS_MIN)
            return i;
    return KAFKA_PARTITIONERS;
}

/* Sources that the configured one suits better would be lost to another. */
static bool suits_others(const SourcesVerdict *v, unsigned partitioner) {
    for (size_t i = 0; i < v->n; i++) {
        const SourceSample *other = &v->samples[i];
        if (!other->is_routed && other->n_misplaced[partitioner] > other->n_misplaced[other->partitioner])
            return false;
    }
    return true;
}

static Need need_of(const SourcesVerdict *v, const SourceSample *s) {
    uint64_t n_events = source_sample_events(s), n_bad = s->n_foreign + s->n_misplaced[s->partitioner];
    if (!pairs_up(v, s))
        return NEED_ROUTE;
    if (n_bad == 0)
        return n_events > 0 ? NEED_NOTHING : NEED_UNKNOWN;
    if (are_strays(n_bad, n_events))
        return NEED_NOTHING_BUT_STRAYS;
    unsigned partitioner = fitting_partitioner(s);
    return partitioner < KAFKA_PARTITIONERS && suits_others(v, partitioner) ? NEED_PARTITIONER : NEED_ROUTE;
}

/* --- remedies ---------------------------------------------------------------------------------------- */

/* Is it to be under `route`, when all is done? Those that another partitioner would do for: if that is not what is done. */
static bool is_to_be_routed(const SourcesVerdict *v, const SourceSample *s, bool by_route_alone) {
    Need need = s->n_partitions ? need_of(v, s) : NEED_UNKNOWN;
    return need == NEED_ROUTE || (need == NEED_PARTITIONER && by_route_alone) || (s->is_routed && need != NEED_NOTHING);
}

/* The value of `route`, ready to be pasted: with or without this source, and all others that need it. */
static const char *route_list(const SourcesVerdict *v, const SourceSample *source, bool with, char list[static LIST_SIZE]) {
    bool by_route_alone = with && need_of(v, source) == NEED_PARTITIONER;
    size_t n = 0;
    list[0] = '\0';
    for (size_t i = 0; i < v->n; i++) {
        const SourceSample *s = &v->samples[i];
        if (s == source ? with : is_to_be_routed(v, s, by_route_alone))
            n += (size_t)snprintf(list + n, LIST_SIZE - n, "%s%s", n > 0 ? ", " : "", s->topic);
        if (n >= LIST_SIZE)
            break;
    }
    return list;
}

static void propose_route(const SourcesVerdict *v, const SourceSample *s, bool strays, Findings *findings) {
    char list[LIST_SIZE];
    route_list(v, s, true, list);
    if (strays)
        findings_remedy(findings, "correct whoever sends them; as it is they become dead letters (misrouted). Or, if they are to count, "
                                  "route: [%s]", list);
    else
        findings_remedy(findings, "route: [%s]", list);
}

static void propose_partitioner(const SourcesVerdict *v, const SourceSample *s, Findings *findings) {
    char list[LIST_SIZE];
    const char *name = kafka_partitioner_name(fitting_partitioner(s));
    route_list(v, s, true, list);
    if (v->has_state)
        findings_remedy(findings, "route: [%s]; or kafka.partitioner: %s, but with another topics.prefix, since the present state was "
                                  "kept by %s", list, name, kafka_partitioner_name(s->partitioner));
    else
        findings_remedy(findings, "kafka.partitioner: %s; or route: [%s]", name, list);
}

/* --- findings ---------------------------------------------------------------------------------------- */

/* "source web" */
typedef struct Subject {
    char text[300];
} Subject;

static Subject subject_of(const SourceSample *s) {
    Subject subject;
    (void)snprintf(subject.text, sizeof(subject.text), "source %s", s->topic);
    return subject;
}

static void judge_unusable(const SourceSample *s, Findings *findings) {
    if (s->n_unusable == 0)
        return;
    bool strays = are_strays(s->n_unusable, s->n_records);
    char schemas[80] = "";
    if (s->n_unknown_schema > 0)
        (void)snprintf(schemas, sizeof(schemas), ", %" PRIu64 " of them by their schema's id", s->n_unknown_schema);
    findings_add(findings, strays ? FINDING_WARNING : FINDING_ERROR, subject_of(s).text,
            "of %" PRIu64 " records sampled %" PRIu64 " cannot be read as events%s, such as %s", s->n_records, s->n_unusable, schemas,
            s->unusable);
    findings_remedy(findings, "%s; as it is they become dead letters",
            s->n_unknown_schema > 0 ? "name the schema and its id under schemas.events, or register it" : "correct whoever sends them");
}

static void judge_cut(const SourceSample *s, Findings *findings) {
    if (!s->cut[0])
        return;
    findings_add(findings, FINDING_WARNING, subject_of(s).text, "no more than %" PRIu64 " record%s could be sampled: %s", s->n_records,
            s->n_records == 1 ? "" : "s", s->cut);
    findings_remedy(findings, "try again when the brokers answer; may this client read the topic, and describe the group?");
}

static void judge_count(const SourcesVerdict *v, const SourceSample *s, Findings *findings) {
    char list[LIST_SIZE];
    if (pairs_up(v, s))
        return;
    findings_add(findings, FINDING_ERROR, subject_of(s).text,
            "it has %" PRId32 " partition%s, but there are %" PRId32 " shards: a lead's events would not meet in one",
            COUNTED_PARTITIONS(s->n_partitions), v->n_shards);
    findings_remedy(findings, "route: [%s]", route_list(v, s, true, list));
}

static void judge_keys(const SourcesVerdict *v, const SourceSample *s, Findings *findings) {
    if (s->n_foreign == 0)
        return;
    bool strays = need_of(v, s) == NEED_NOTHING_BUT_STRAYS;
    findings_add(findings, strays ? FINDING_WARNING : FINDING_ERROR, subject_of(s).text,
            "of %" PRIu64 " records sampled %" PRIu64 " have a key that is not the lead_id, such as %s", s->n_records, s->n_foreign,
            s->foreign);
    propose_route(v, s, strays, findings);
}

static void judge_partitions(const SourcesVerdict *v, const SourceSample *s, Findings *findings) {
    uint64_t n = s->n_misplaced[s->partitioner];
    char others[200] = "";
    if (n == 0)
        return;
    Need need = need_of(v, s);
    bool strays = need == NEED_NOTHING_BUT_STRAYS;
    unsigned partitioner = fitting_partitioner(s);
    if (partitioner < KAFKA_PARTITIONERS)
        (void)snprintf(others, sizeof(others), "; all stand where %s puts them%s", kafka_partitioner_name(partitioner),
                suits_others(v, partitioner) ? "" : ", but those of other sources do not");
    findings_add(findings, strays ? FINDING_WARNING : FINDING_ERROR, subject_of(s).text,
            "of %" PRIu64 " records sampled %" PRIu64 " are not in the partition that %s gives for their lead_id, such as %s%s",
            s->n_records, n, kafka_partitioner_name(s->partitioner), s->misplaced, others);
    if (need == NEED_PARTITIONER)
        propose_partitioner(v, s, findings);
    else
        propose_route(v, s, strays, findings);
}

static void note_empty(const SourceSample *s, Findings *findings) {
    if (s->n_records == 0 && !s->cut[0])
        findings_add(findings, FINDING_NOTE, subject_of(s).text,
                "%" PRId32 " partition%s without records: nothing can be told of their keys", COUNTED_PARTITIONS(s->n_partitions));
}

static void note_right(const SourceSample *s, Findings *findings) {
    findings_add(findings, FINDING_OK, subject_of(s).text,
            "%" PRId32 " partition%s; %" PRIu64 " records sampled have their lead_id as key, in the partition that %s gives",
            COUNTED_PARTITIONS(s->n_partitions), source_sample_events(s), kafka_partitioner_name(s->partitioner));
}

static void judge_unrouted(const SourcesVerdict *v, const SourceSample *s, Findings *findings) {
    judge_count(v, s, findings);
    judge_keys(v, s, findings);
    judge_partitions(v, s, findings);
    if (need_of(v, s) == NEED_NOTHING)
        note_right(s, findings);
}

/* Why a routed source has to be. */
static void note_routed(const SourcesVerdict *v, const SourceSample *s, Findings *findings) {
    char why[SAMPLE_TEXT_SIZE + 200];
    if (!pairs_up(v, s))
        (void)snprintf(why, sizeof(why), "it has %" PRId32 " partition%s, and there are %" PRId32 " shards",
                COUNTED_PARTITIONS(s->n_partitions), v->n_shards);
    else if (s->n_foreign > 0)
        (void)snprintf(why, sizeof(why), "of %" PRIu64 " records sampled %" PRIu64 " have a key that is not the lead_id, such as %s",
                s->n_records, s->n_foreign, s->foreign);
    else
        (void)snprintf(why, sizeof(why), "of %" PRIu64 " records sampled %" PRIu64 " are not where %s puts the lead_id, such as %s",
                s->n_records, s->n_misplaced[s->partitioner], kafka_partitioner_name(s->partitioner), s->misplaced);
    findings_add(findings, FINDING_OK, subject_of(s).text, "it is routed, as it has to be: %s", why);
}

static void judge_routed(const SourcesVerdict *v, const SourceSample *s, Findings *findings) {
    char list[LIST_SIZE];
    Need need = need_of(v, s);
    if (need == NEED_NOTHING) {
        findings_add(findings, FINDING_WARNING, subject_of(s).text,
                "it is routed, but %" PRIu64 " records sampled have their lead_id as key, in the partition that %s gives: the way through "
                "the internal topic is for nothing", source_sample_events(s), kafka_partitioner_name(s->partitioner));
        findings_remedy(findings, "route: [%s]", route_list(v, s, false, list));
    } else if (need != NEED_UNKNOWN) {
        note_routed(v, s, findings);
    }
}

void sources_judge(const SourcesVerdict *v, Findings *findings) {
    for (size_t i = 0; i < v->n; i++) {
        const SourceSample *s = &v->samples[i];
        if (s->n_partitions == 0)
            continue;
        if (s->is_routed)
            judge_routed(v, s, findings);
        else
            judge_unrouted(v, s, findings);
        judge_unusable(s, findings);
        note_empty(s, findings);
        judge_cut(s, findings);
    }
}

void sources_judge_counts(const SourcesVerdict *v, Findings *findings) {
    for (size_t i = 0; i < v->n; i++)
        if (v->samples[i].n_partitions > 0 && !v->samples[i].is_routed)
            judge_count(v, &v->samples[i], findings);
}
