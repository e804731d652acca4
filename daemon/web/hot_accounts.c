/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A score of accounts has one half-life, or none, so that the leaderboard's order is that of the values before they are cut to their `max`
 * (daemon/view/view_fields.h): the best are at its head. With `linear` and `window` decays the rank is of an earlier instant: some more are looked at.
 */
#include "daemon/web/hot_accounts.h"

#include "daemon/view/view_fields.h"
#include "lib/record/account_record.h"

#define PLACES_EACH ((size_t)2 * HOT_ACCOUNTS_MAX)
/* Of all shards together. */
#define PLACES_MAX ((size_t)4 * HOT_ACCOUNTS_MAX)

void hot_accounts_deinit(HotAccounts *hot) {
    for (size_t i = 0; i < hot->n; i++)
        account_free(hot->items[i].account);
    hot->n = 0;
}

/* Takes the account. */
static void put_in(HotAccounts *hot, Account *account, double value) {
    size_t i = hot->n;
    while (i > 0 && hot->items[i - 1].value < value)
        i--;
    if (!(value >= VIEW_RANK_VALUE_MIN) || i == HOT_ACCOUNTS_MAX) {
        account_free(account);
        return;
    }
    if (hot->n == HOT_ACCOUNTS_MAX)
        account_free(hot->items[--hot->n].account);
    memmove(&hot->items[i + 1], &hot->items[i], (hot->n - i) * sizeof(hot->items[0]));
    hot->items[i].account = account;
    hot->items[i].value = value;
    hot->n++;
}

int hot_accounts_refresh(HotAccounts *hot, RedisBoard *board, const Model *model, int64_t now_ms, char *text) {
    const char *names[VIEW_BOARDS_MAX];
    size_t n_names = view_fields_boards(model, ENTITY_ACCOUNT, names), n = 0;
    double bound;
    _cleanup_(free_null) BoardEntry *entries = calloc(PLACES_MAX, sizeof(*entries));
    Str records[PLACES_MAX];
    if (!entries)
        return -ENOMEM;
    if (n_names == 0) {
        hot_accounts_deinit(hot);
        return 0;
    }
    int r = redis_board_leaders(board, ENTITY_ACCOUNT, names[n_names - 1], 0, PLACES_EACH, text, entries, PLACES_MAX, &n, &bound);
    if (r == 0)
        r = redis_board_records(board, ENTITY_ACCOUNT, entries, n, text, records);
    if (r != 0)
        return r;
    hot_accounts_deinit(hot);
    hot->score = (unsigned)n_names - 1;
    for (size_t i = 0; i < n && r >= 0; i++) {
        Account *account = NULL;
        /* What is of another version is left out: a new one comes to all of them. */
        r = str_is_null(records[i]) ? 0 : account_record_unpack(records[i], board_entry_id(&entries[i]), model, &account);
        if (account)
            put_in(hot, account, account_score(account, model, hot->score, now_ms));
    }
    return r < 0 ? r : 0;
}
