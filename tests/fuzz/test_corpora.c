/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzers begin with what is in their corpora: of each format that is stored or sent, this program's and those before, and of each kind
 * of message there must be something that is accepted.
 */
#include <dirent.h>
#include <stdio.h>

#include "lib/model/skeleton.h"
#include "lib/record/account_record.h"
#include "lib/record/record.h"
#include "lib/shard/shard_message.h"
#include "tests/unit/suite.h"

#define FILE_BYTES_MAX (1 << 20)

typedef bool (*Accepts)(Str bytes);

/* The fuzzers have models of their own: that a record is of another one is as far as it can be told here. */
static const Model no_model;

static bool accepts_record(Str bytes) {
    _cleanup_(lead_free) Lead *lead = NULL;
    int r = record_unpack(bytes, STR_LITERAL("lead-1"), &no_model, &lead);
    return r == 0 || r == RECORD_E_MODEL;
}

static bool accepts_account(Str bytes) {
    _cleanup_(account_free) Account *account = NULL;
    int r = account_record_unpack(bytes, STR_LITERAL("account-1"), &no_model, &account);
    return r == 0 || r == RECORD_E_MODEL;
}

static bool accepts_skeleton(Str bytes) {
    _cleanup_(model_free) Model *model = NULL;
    return skeleton_unpack(bytes, &model) == 0;
}

static bool read_message(Str bytes, MessageKind *ret) {
    _cleanup_(arena_free) Arena *arena = NULL;
    ShardMessage message;
    ck_assert_int_eq(arena_new(&arena), 0);
    int r = shard_message_unpack(bytes, arena, &message);
    ck_assert_int_ge(r, 0);
    *ret = message.kind;
    return r == 0;
}

static bool accepts_message(Str bytes) {
    MessageKind kind;
    return read_message(bytes, &kind);
}

/* --- corpora ----------------------------------------------------------------------------------------- */

static int is_shown(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* Shows each input that has a byte to `see`. */
static void for_each_input(const char *corpus, void (*see)(Str bytes, void *userdata), void *userdata) {
    static char bytes[FILE_BYTES_MAX];
    char folder[1024], path[2048];
    struct dirent **entries;
    (void)snprintf(folder, sizeof(folder), CORPUS_DIR "/%s", corpus);
    int n = scandir(folder, &entries, is_shown, alphasort);
    ck_assert_int_gt(n, 0);
    for (int i = 0; i < n; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        FILE *file = fopen(path, "re");
        ck_assert_ptr_nonnull(file);
        size_t len = fread(bytes, 1, sizeof(bytes), file);
        (void)fclose(file);
        if (len > 0)
            see((Str){bytes, len}, userdata);
        free(entries[i]);
    }
    free(entries);
}

typedef struct Formats {
    Accepts accepts;
    bool seen[256];
} Formats;

static void see_format(Str bytes, void *userdata) {
    Formats *formats = userdata;
    if (formats->accepts(bytes))
        formats->seen[(uint8_t)bytes.data[0]] = true;
}

static void see_kind(Str bytes, void *userdata) {
    bool *seen = userdata;
    MessageKind kind;
    if (read_message(bytes, &kind))
        seen[kind] = true;
}

/* Told by none but the bytes. */
static uint8_t message_format(void) {
    Buffer bytes = {0};
    ck_assert_int_eq(shard_message_pack(&(ShardMessage){.kind = MESSAGE_WATERMARK, .at_ms = 1}, NULL, &bytes), 0);
    uint8_t format = bytes.data[0];
    buffer_done(&bytes);
    return format;
}

static void check_formats(const char *corpus, Accepts accepts, unsigned first, unsigned last) {
    Formats formats = {.accepts = accepts};
    for_each_input(corpus, see_format, &formats);
    for (unsigned i = first; i <= last; i++)
        ck_assert_msg(formats.seen[i], "nothing of format %u is in the corpus of %s", i, corpus);
}

START_TEST(corpora_have_something_of_each_format) {
    check_formats("record", accepts_record, 1, RECORD_FORMAT);
    check_formats("record", accepts_record, RECORD_FORMAT_MERGED, RECORD_FORMAT_MERGED);
    check_formats("account_record", accepts_account, RECORD_FORMAT_END, ACCOUNT_RECORD_FORMAT);
    check_formats("skeleton", accepts_skeleton, 1, SKELETON_FORMAT);
    check_formats("shard_message", accepts_message, 1, message_format());
}
END_TEST

START_TEST(corpus_has_messages_of_each_kind) {
    bool seen[_MESSAGE_KIND_MAX] = {false};
    for_each_input("shard_message", see_kind, seen);
    for (unsigned i = 0; i < _MESSAGE_KIND_MAX; i++)
        ck_assert_msg(seen[i], "no message of kind %u is in the corpus", i);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("corpora");
    TCase *tcase = tcase_create("corpora");
    tcase_add_test(tcase, corpora_have_something_of_each_format);
    tcase_add_test(tcase, corpus_has_messages_of_each_kind);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
