/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a registry's answers, the ids that they are about, and how long it is left alone when it is away. */
#include "daemon/io/net/backoff.h"
#include "daemon/io/registry/schema_cache.h"
#include "tests/unit/suite.h"

#define MAX_SCHEMAS 16
#define NOW_MS 1000000

static SchemaCache *cache;

static void setup(void) {
    ck_assert_int_eq(schema_cache_new(MAX_SCHEMAS, &cache), 0);
    ck_assert(!schema_cache_refresh(cache, NOW_MS));
}

static void teardown(void) {
    cache = schema_cache_free(cache);
}

static CachedSchema *find(uint32_t number) {
    const SchemaId id = schema_id_of(number);
    return schema_cache_find(cache, &id);
}

static CachedSchema *add(uint32_t number) {
    const SchemaId id = schema_id_of(number);
    int r;
    CachedSchema *schema = schema_cache_add(cache, &id, &r);
    ck_assert_int_eq(r, 0);
    return schema;
}

static void know(uint32_t number) {
    schema_cache_settle(cache, add(number), SCHEMA_KNOWN, NULL, NULL);
}

/* --- ids --------------------------------------------------------------------------------------------- */

START_TEST(id_is_read_in_front_of_the_datum) {
    static const struct {
        Str value;
        size_t size;
        const char *expected; /* the id, or what is wrong */
    } rows[] = {
            {STR_LITERAL("\0\0\0\0\7x"), 5, "the id 7"},
            {STR_LITERAL("\0\xFF\xFF\xFF\xFF"), 5, "the id 4294967295"},
            {STR_LITERAL("\1\x89\x79\x17\x62\x23\x36\x41\x86\x96\x74\x29\x9b\x90\xa8\x02\xe2x"), 17,
                    "the GUID 89791762-2336-4186-9674-299b90a802e2"},
            {STR_LITERAL("\0\0\0\0"), 0, "expected a byte 0 and a schema id of 4 bytes, found 4 bytes"},
            {STR_LITERAL("\1\x89\x79\x17\x62\x23\x36\x41\x86\x96\x74\x29\x9b\x90\xa8\x02"), 0,
                    "expected a byte 1 and a schema's GUID of 16 bytes, found 16 bytes"},
            {STR_LITERAL("\2\0\0\0\7x"), 0, "expected a byte 0 and a schema id, found the byte 2 first"},
            {STR_LITERAL(""), 0, "expected a byte 0 and a schema id of 4 bytes, found 0 bytes"},
            {{NULL, 7}, 0, "expected a byte 0 and a schema id of 4 bytes, found 0 bytes"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[128] = "";
        SchemaId id;
        ck_assert_uint_eq(schema_id_read(rows[i].value, &id, text, sizeof(text)), rows[i].size);
        if (rows[i].size > 0)
            schema_id_print(&id, text);
        ck_assert_str_eq(text, rows[i].expected);
        Str header = {rows[i].value.data, rows[i].size};
        ck_assert(schema_id_is_header(header) == (rows[i].size > 0));
        ck_assert(!schema_id_is_header((Str){rows[i].value.data, header.len + 1}));
    }
}
END_TEST

START_TEST(number_comes_back) {
    const SchemaId id = schema_id_of(0xFEDCBA98);
    ck_assert_uint_eq(schema_id_number(&id), 0xFEDCBA98);
    SchemaId guid = id;
    guid.is_guid = true;
    ck_assert(!schema_id_eq(&id, &guid));
}
END_TEST

/* --- the cache --------------------------------------------------------------------------------------- */

START_TEST(schema_is_wanted_until_it_is_settled) {
    ck_assert_ptr_null(find(7));
    CachedSchema *schema = add(7);
    ck_assert(find(7) == schema && schema->state == SCHEMA_WANTED);
    schema_cache_settle(cache, schema, SCHEMA_UNUSABLE, NULL, strdup("why"));
    ck_assert(find(7) == schema && schema->state == SCHEMA_UNUSABLE);
    ck_assert_str_eq(schema->text, "why");
    ck_assert_ptr_null(find(8));
}
END_TEST

START_TEST(refusal_holds_for_a_while) {
    know(1);
    schema_cache_settle(cache, add(2), SCHEMA_UNKNOWN, NULL, NULL);
    add(3);
    ck_assert(!schema_cache_refresh(cache, NOW_MS + SCHEMA_REFUSAL_MS - 1));
    ck_assert_ptr_nonnull(find(2));
    ck_assert(schema_cache_refresh(cache, NOW_MS + SCHEMA_REFUSAL_MS));
    ck_assert_ptr_null(find(2));
    ck_assert(find(1) && find(1)->state == SCHEMA_KNOWN);
    ck_assert(find(3) && find(3)->state == SCHEMA_WANTED);
    ck_assert(!schema_cache_refresh(cache, NOW_MS + 10 * SCHEMA_REFUSAL_MS));
    ck_assert_uint_eq(schema_cache_count(cache), 2);
}
END_TEST

START_TEST(full_cache_forgets_what_was_used_longest_ago) {
    for (uint32_t i = 0; i < MAX_SCHEMAS; i++) {
        ck_assert(!schema_cache_refresh(cache, NOW_MS + i));
        know(i);
    }
    int r;
    const SchemaId more = schema_id_of(100);
    ck_assert_ptr_null(schema_cache_add(cache, &more, &r));
    ck_assert_int_eq(r, 0);
    ck_assert_ptr_nonnull(find(0)); /* used now */
    ck_assert(schema_cache_refresh(cache, NOW_MS + 100));
    ck_assert_uint_eq(schema_cache_count(cache), MAX_SCHEMAS - MAX_SCHEMAS / 8);
    ck_assert(find(0) && !find(1) && !find(2) && find(3));
    ck_assert_ptr_nonnull(schema_cache_add(cache, &more, &r));
}
END_TEST

START_TEST(what_is_waited_for_is_never_forgotten) {
    for (uint32_t i = 0; i < MAX_SCHEMAS; i++)
        add(i);
    ck_assert(!schema_cache_refresh(cache, NOW_MS + 10 * SCHEMA_REFUSAL_MS));
    for (uint32_t i = 0; i < MAX_SCHEMAS; i++)
        ck_assert_ptr_nonnull(find(i));
}
END_TEST

/* Many more than there is room for; none is found that was forgotten, and none is lost that was not. */
START_TEST(ids_that_share_a_slot_are_told_apart) {
    for (uint32_t i = 0; i < 1000; i++) {
        const SchemaId id = {.is_guid = i % 2, .bytes = {(uint8_t)(i >> 8), (uint8_t)i}};
        int r;
        (void)schema_cache_refresh(cache, NOW_MS + i);
        CachedSchema *schema = schema_cache_add(cache, &id, &r);
        ck_assert_ptr_nonnull(schema);
        schema_cache_settle(cache, schema, SCHEMA_KNOWN, NULL, NULL);
        ck_assert_ptr_eq(schema_cache_find(cache, &id), schema);
        SchemaId other = id;
        other.is_guid = !id.is_guid;
        ck_assert_ptr_null(schema_cache_find(cache, &other));
    }
    ck_assert_uint_le(schema_cache_count(cache), MAX_SCHEMAS);
}
END_TEST

/* --- waiting ----------------------------------------------------------------------------------------- */

START_TEST(waits_double_up_to_a_bound) {
    static const int64_t most[] = {100, 200, 400, 800, 1000, 1000};
    Backoff least = {.least_ms = 100, .most_ms = 1000}, greatest = least;
    for (size_t i = 0; i < ARRAY_SIZE(most); i++) {
        ck_assert_int_eq(backoff_next(&least, 0), most[i] / 2);
        ck_assert_int_eq(backoff_next(&greatest, UINT32_MAX), most[i]);
    }
    for (int i = 0; i < 100; i++)
        ck_assert_int_le(backoff_next(&greatest, UINT32_MAX), 1000);
    backoff_reset(&greatest);
    int64_t between = backoff_next(&greatest, UINT32_MAX / 2);
    ck_assert(between > 50 && between < 100);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("schema_cache");
    TCase *ids = tcase_create("ids");
    tcase_add_test(ids, id_is_read_in_front_of_the_datum);
    tcase_add_test(ids, number_comes_back);
    suite_add_tcase(suite, ids);
    TCase *of_cache = tcase_create("cache");
    tcase_add_checked_fixture(of_cache, setup, teardown);
    tcase_add_test(of_cache, schema_is_wanted_until_it_is_settled);
    tcase_add_test(of_cache, refusal_holds_for_a_while);
    tcase_add_test(of_cache, full_cache_forgets_what_was_used_longest_ago);
    tcase_add_test(of_cache, what_is_waited_for_is_never_forgotten);
    tcase_add_test(of_cache, ids_that_share_a_slot_are_told_apart);
    suite_add_tcase(suite, of_cache);
    TCase *waits = tcase_create("waits");
    tcase_add_test(waits, waits_double_up_to_a_bound);
    suite_add_tcase(suite, waits);
    return suite_run(suite);
}
