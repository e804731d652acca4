#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Follows from a Record
 *
 * Beside a record the view holds what can be computed from it: readable fields, the moment, places on boards. All are written, and read
 * here, in one piece, so they belong together at any instant. Pure.
 */
#include "daemon/io/redis/redis_look.h"
#include "daemon/verify/verify_report.h"

/* What should be there beside the record, and is: tells what is wrong, if there is a report. Returns how many things are. */
size_t verify_view_parts(const ViewWrite *write, const char *const *boards, const ViewLook *look, VerifyReport *report);
/* Is there anything of a lead or account? */
bool verify_view_is_empty(const ViewLook *look, size_t n_boards);
/* Tells what is there of one that is no more. `is_known`: the changelog says that it was erased. */
void verify_view_tell_stray(EntityKind kind, Str id, const char *const *boards, size_t n_boards, const ViewLook *look, bool is_known,
        VerifyReport *report);

/* "lead x": what a finding is about. */
#define VERIFY_SUBJECT_SIZE 160
void verify_subject(EntityKind kind, Str id, char ret[static VERIFY_SUBJECT_SIZE]);
