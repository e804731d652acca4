#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* The accounts with the highest present value of the model's last account score, read from the view; as top_board.c does it for leads. */
#include "daemon/io/redis/redis_board.h"
#include "lib/lead/account.h"

#define HOT_ACCOUNTS_MAX 12

typedef struct HotAccounts {
    unsigned score;
    size_t n;
    struct {
        Account *account;
        double value;
    } items[HOT_ACCOUNTS_MAX]; /* the highest first */
} HotAccounts;

void hot_accounts_deinit(HotAccounts *hot);
/* Reads them anew as of now_ms; n_each of each shard are looked at. 0, -ENOMEM or VIEW_E_* with a text of REDIS_TEXT_SIZE. */
MUST_CHECK int hot_accounts_refresh(HotAccounts *hot, RedisBoard *board, const Model *model, int64_t now_ms, char *text);
