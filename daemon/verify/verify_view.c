/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/verify/verify_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* Ranks are logarithms, which another C library may round otherwise. */
#define RANK_TOLERANCE 1e-9

void verify_subject(EntityKind kind, Str id, char ret[static VERIFY_SUBJECT_SIZE]) {
    (void)snprintf(ret, VERIFY_SUBJECT_SIZE, "%s %.*s", kind == ENTITY_LEAD ? "lead" : "account", STR_FMT(id));
}

/* What is wrong is counted, and told if somebody listens. */
typedef struct Judge {
    char subject[VERIFY_SUBJECT_SIZE];
    VerifyReport *report; /* NULL: nobody */
    size_t n_wrong;
} Judge;

#define TELL(judge, kind, ...)                                                                                                             \
    do {                                                                                                                                   \
        (judge)->n_wrong++;                                                                                                                \
        if ((judge)->report)                                                                                                               \
            (void)verify_tell((judge)->report, (kind), (judge)->subject, __VA_ARGS__);                                                     \
    } while (0)

/* ---- the moment ---- */

static void judge_moment(Judge *judge, const ViewWrite *write, const ViewLook *look) {
    if (write->moment_ms == TIME_NEVER)
        return; /* one that comes for nothing does no harm */
    if (look->moment_ms == -INFINITY)
        TELL(judge, VERIFY_VIEW_MOMENT, "its next moment, %" PRId64 ", is not among the moments in Redis", write->moment_ms);
    else if (look->moment_ms > (double)write->moment_ms)
        TELL(judge, VERIFY_VIEW_MOMENT, "its next moment is %" PRId64 ", but stands in Redis at %.0f: it would come too late", write->moment_ms,
                look->moment_ms);
}

/* ---- ranks ---- */

static void judge_rank(Judge *judge, const char *board, double right, double found) {
    bool both = right != -INFINITY && found != -INFINITY;
    if (right == found || (both && fabs(right - found) <= RANK_TOLERANCE * MAX(fabs(right), 1.0)))
        return;
    if (found == -INFINITY)
        TELL(judge, VERIFY_VIEW_RANK, "it is not on the board %s, where its rank is %.9g", board, right);
    else if (right == -INFINITY)
        TELL(judge, VERIFY_VIEW_RANK, "it is on the board %s with the rank %.9g, and should not be", board, found);
    else
        TELL(judge, VERIFY_VIEW_RANK, "its rank on the board %s is %.9g, and should be %.9g", board, found, right);
}

/* ---- fields ---- */

static const ViewField *find_field(const ViewField *fields, size_t n, Str name) {
    for (size_t i = 0; i < n; i++)
        if (str_eq(fields[i].name, name))
            return &fields[i];
    return NULL;
}

static void judge_fields(Judge *judge, const ViewWrite *write, const ViewLook *look) {
    for (size_t i = 0; i < write->n_fields; i++) {
        const ViewField *right = &write->fields[i];
        const ViewField *found = find_field(look->fields, look->n_fields, right->name);
        if (!found)
            TELL(judge, VERIFY_VIEW_FIELD, "the readable field %.*s is missing; it should be \"%.*s\"", STR_FMT(right->name), STR_FMT(right->value));
        else if (!str_eq(found->value, right->value))
            TELL(judge, VERIFY_VIEW_FIELD, "the readable field %.*s is \"%.*s\", and should be \"%.*s\"", STR_FMT(right->name),
                    STR_FMT(found->value), STR_FMT(right->value));
    }
    for (size_t i = 0; i < look->n_fields; i++)
        if (!find_field(write->fields, write->n_fields, look->fields[i].name))
            TELL(judge, VERIFY_VIEW_FIELD, "there is a readable field %.*s that should not be", STR_FMT(look->fields[i].name));
}

size_t verify_view_parts(const ViewWrite *write, const char *const *boards, const ViewLook *look, VerifyReport *report) {
    Judge judge = {.report = report};
    verify_subject(write->kind, write->id, judge.subject);
    judge_moment(&judge, write, look);
    for (size_t i = 0; i < write->n_ranks; i++)
        judge_rank(&judge, boards[write->ranks[i].rank], write->ranks[i].score, look->ranks[write->ranks[i].rank]);
    judge_fields(&judge, write, look);
    return judge.n_wrong;
}

/* ---- of one that is no more ---- */

bool verify_view_is_empty(const ViewLook *look, size_t n_boards) {
    for (size_t i = 0; i < n_boards; i++)
        if (look->ranks[i] != -INFINITY)
            return false;
    return str_is_null(look->record) && look->n_fields == 0 && look->moment_ms == -INFINITY;
}

void verify_view_tell_stray(EntityKind kind, Str id, const char *const *boards, size_t n_boards, const ViewLook *look, bool is_known,
        VerifyReport *report) {
    char subject[VERIFY_SUBJECT_SIZE], things[256] = "";
    size_t len = 0;
    const char *const names[] = {str_is_null(look->record) ? NULL : "a record", look->n_fields ? "readable fields" : NULL,
            look->moment_ms == -INFINITY ? NULL : "a moment"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i])
            len += (size_t)snprintf(things + len, sizeof(things) - len, "%s%s", len ? ", " : "", names[i]);
    for (size_t i = 0; i < n_boards; i++)
        if (look->ranks[i] != -INFINITY && len + strlen(boards[i]) + 32 < sizeof(things))
            len += (size_t)snprintf(things + len, sizeof(things) - len, "%sa place on the board %s", len ? ", " : "", boards[i]);
    verify_subject(kind, id, subject);
    (void)verify_tell(report, VERIFY_VIEW_STRAY, subject, "Redis holds %s of it, but %s", things,
            is_known ? "the changelog says that it was erased" : "the changelog does not know it");
}
