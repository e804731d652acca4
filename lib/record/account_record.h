#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Packed Account
 *
 * An account as bytes, as record.h packs a lead. Its formats have numbers of their own, so that neither is taken for the other. The
 * account's id is not in it; it is the key. Reading trusts nothing: any byte string is either a valid record or refused,
 * and what is accepted packs to the same bytes again.
 */
#include "lib/lead/account.h"
#include "lib/record/packing.h"
#include "lib/record/record.h"

#define ACCOUNT_RECORD_FORMAT RECORD_FORMAT_END

/* Appends the packed account to `buffer`. 0, RECORD_E_SIZE (buffer as before) or -ENOMEM. */
MUST_CHECK int account_record_pack(const Account *account, const Model *model, Buffer *buffer);
/* Makes an account from bytes; *ret is set on 0 only. 0, RECORD_E_CORRUPT, _FORMAT, _MODEL, _SIZE or -ENOMEM. */
MUST_CHECK int account_record_unpack(Str bytes, Str account_id, const Model *model, Account **ret);
/* An entry alone, as it goes from one account to another; its times are relative to clock_ms, which is not before them. */
void account_record_pack_member(Packer *p, const Member *member, const Model *model);
/* Into *ret, which the caller frees with member_done() in any case. 0 or -ENOMEM; u->corrupt says whether it is one. */
MUST_CHECK int account_record_unpack_member(Unpacker *u, const Model *model, Member *ret);
