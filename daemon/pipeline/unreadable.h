#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Cannot Be Read
 *
 * Why stored bytes are refused, and what an operator does about it, by what their reader has returned. A newer version's is no damage: that
 * version reads it. Pure.
 */
#include <stdbool.h>

/* What is told of a shard that halts. */
typedef struct Unreadable {
    const char *reason, *remedy;
} Unreadable;

/* By FOOTER_E_*. */
Unreadable unreadable_footer(int code);
/* By RECORD_E_*, of leads and accounts; from the changelog, or from Redis. */
Unreadable unreadable_record(int code);
Unreadable unreadable_record_in_redis(int code);
/* By SKELETON_E_*. */
Unreadable unreadable_skeleton(int code);
/* By SHARD_MESSAGE_E_*. */
Unreadable unreadable_message(int code);
/* Of a message by a model version that is not known, newer than the present one or earlier. */
Unreadable unreadable_version(bool is_newer);
