#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readable Fields
 *
 * What other programs read of a lead or an account: the fields of its hash in the view, and its places on the
 * boards. Names and meanings are stable across versions. All times are integer milliseconds since
 * 1970-01-01T00:00:00Z. Of a lead:
 *
 *   clock              when something last happened to the lead
 *   next_moment        when time alone will next do something to it; absent: never
 *   account            account id; absent if unknown
 *   segment, route     ids of the model; route is absent if none fits
 *   stage:<track>      id of the present stage
 *   score:<name>       a score as of its reference time, with at most 6 decimals …
 *   at:<name>          … which this is; absent for scores that do not decay. With a half-life, which is then
 *                      half_life:<name> of P:info, it is worth score * 2^-((t - at) / half_life) at an instant t.
 *                      Of linear and window decays it is the value at the clock; what comes then is in the record
 *   sla:<policy>       an open clock: <started at>/<due at>/<1 if breached, else 0>, then /<calendar> if it has one;
 *                      due at may be `never`, or `paused` where it will be known when the clock goes on
 *   since:<track>      when the present stage was entered
 *   first_source       of the lead's first event that had one, and
 *   last_source        of its last; absent: none yet
 *
 * An id that was merged into another lead has one field, and stands on no board:
 *
 *   merged_into        that lead's id
 *
 * Of an account:
 *
 *   clock, next_moment, stage:<track>, since:<track>
 *                      as a lead's
 *   members            how many leads it has
 *   committee          how many of them are of the committee at its clock; 0 if the model has none
 *   score:<name>       the sum over its members, as it is read at its clock, with at most 6 decimals …
 *   at:<name>          … which this is; absent for scores that do not decay. It decays as a lead's does, with
 *                      account_half_life:<name> of P:info; where it was cut to the score's `max`, it is worth
 *                      that or more
 *
 * A hash has at most 128 fields of at most 64 bytes, names and values alike, so that Redis keeps it as a
 * compact listpack. Longer values end with `…` where they were cut. A name with a long id in it is cut so
 * that `~` and 8 hexadecimal digits fit behind it (SipHash-1-3 of the whole id, key 0), which keeps names
 * apart. Of more than 128 fields, which only a model near all limits has, those listed last are left out.
 *
 * Boards of leads: one per derived score, or per score if the model has no derived ones. A lead whose value at
 * its clock is at least 1 stands there with the rank log2(value) + clock / h, others do not. h is the longest
 * half-life of all scores that the value is made of, board:<name> of P:info; it is 0, and the second term is
 * left out, if one of them does not decay, or the value depends on elapsed times.
 *
 * With a single half-life, ranks are the order of present values at any instant, and 2^(rank - now / h) is
 * the value itself. Otherwise no number is good for all instants, and that is an upper bound of the value,
 * unless points that decay are negative or elapsed time counts, which lets values rise. The best n leads of
 * now are then found by going down the board, computing each one's present value from its hash and
 * derived:<name> of P:info, until the n-th best so far is no less than the bound of the next one on the
 * board.
 *
 * Boards of accounts: one per account score, likewise, with h its half-life, account_board:<name> of P:info.
 * The value is the sum before it is cut to `max`: of two accounts that are both worth that much, the one that
 * will be for longer stands higher.
 */
#include "daemon/io/redis/redis_view.h"
#include "lib/lead/account.h"
#include "lib/lead/lead.h"

#define VIEW_FIELDS_MAX 128
#define VIEW_FIELD_LEN_MAX 64
#define VIEW_RANK_VALUE_MIN 1.0
#define VIEW_BOARDS_MAX MAX(MODEL_DERIVED_MAX, MODEL_SCORES_MAX)
static_assert(MODEL_ACCOUNT_SCORES_MAX <= VIEW_BOARDS_MAX, "accounts have no more boards than leads");
#define VIEW_INFO_FIELDS_MAX                                                                                 \
    (2 + MODEL_SCORES_MAX + MODEL_DERIVED_MAX + VIEW_BOARDS_MAX + 2 * MODEL_ACCOUNT_SCORES_MAX)

/* Memory for the fields of many leads and accounts of one model. */
typedef struct ViewFieldsBuffer ViewFieldsBuffer;

/* `with_hashes` false: writes have no fields, as redis.hashes says. */
MUST_CHECK int view_fields_new(bool with_hashes, ViewFieldsBuffer **ret);
ViewFieldsBuffer *view_fields_free(ViewFieldsBuffer *buffer);
DEFINE_CLEANUP(ViewFieldsBuffer *, view_fields_free)
/* All that was made becomes invalid; the memory is kept. */
void view_fields_reset(ViewFieldsBuffer *buffer);
/* Bytes that it holds. */
size_t view_fields_memory(const ViewFieldsBuffer *buffer);

/*
 * These make all of the lead's or account's write but its record. Nothing in it is the memory of either; it is
 * valid until the buffer is reset, and as long as the model. 0 or -ENOMEM.
 */
MUST_CHECK int view_fields_make(
        ViewFieldsBuffer *buffer, const Model *model, const Lead *lead, ViewWrite *ret);
MUST_CHECK int view_fields_make_account(
        ViewFieldsBuffer *buffer, const Model *model, const Account *account, ViewWrite *ret);
/* The write that erases the lead or account. 0 or -ENOMEM. */
MUST_CHECK int view_fields_make_erasure(ViewFieldsBuffer *buffer, EntityKind kind, Str id, ViewWrite *ret);

/* A field's name as it stands in a hash: the prefix and the id, which is cut if it is long. In the caller's buffer. */
#define VIEW_FIELD_SIZE (VIEW_FIELD_LEN_MAX + 1)
Str view_fields_name(const char *prefix, Str id, char text[static VIEW_FIELD_SIZE]);

/* The names of a kind's boards, for redis_view_new(), borrowed from the model; returns how many. */
size_t view_fields_boards(const Model *model, EntityKind kind, const char *ret[static VIEW_BOARDS_MAX]);
/* Their h, in ms; returns how many. */
size_t view_fields_half_lives(const Model *model, EntityKind kind, int64_t ret[static VIEW_BOARDS_MAX]);
/*
 * The model's part of P:info: model, model_version, half_life:<score> in ms, derived:<name> (the expression),
 * board:<name>, account_half_life:<score> and account_board:<score>; at most VIEW_INFO_FIELDS_MAX. In the
 * buffer's memory. 0 or -ENOMEM.
 */
MUST_CHECK int view_fields_info(
        ViewFieldsBuffer *buffer, const Model *model, const ViewField **ret, size_t *ret_n);
