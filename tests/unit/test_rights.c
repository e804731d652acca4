/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>

#include "daemon/check/rights.h"
#include "tests/unit/suite.h"

/* As a configuration has it that leaves topics.prefix as it is. */
static Config make_config(void) {
    return (Config){
            .group = "scoring",
            .sources = {"web", "crm"},
            .n_sources = 2,
            .prefix = "scored",
            .output_topics = {"scored.stages", "scored.sla", "scored.refused", "scored.retired", "scored.dead-letters"},
            .changelog_topic = "scored.changelog",
            .internal_topic = "scored.internal",
            .create_topics = true,
    };
}

static char *print(const Config *config, const char *principal) {
    char *text = NULL;
    size_t size;
    Rights rights;
    FILE *file = open_memstream(&text, &size);
    rights_list(config, &rights);
    for (size_t i = 0; i < rights.n; i++)
        right_print(&rights.items[i], principal, file);
    fclose(file);
    return text;
}

static void check_printed(const Config *config, const char *principal, const char *expected) {
    char *text = print(config, principal);
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(own_topics_go_by_their_prefix) {
    Config config = make_config();
    check_printed(&config, "User:s",
            "--add --allow-principal User:s --operation Read --topic web\n"
            "--add --allow-principal User:s --operation Read --topic crm\n"
            "--add --allow-principal User:s --operation Write --topic scored. --resource-pattern-type prefixed\n"
            "--add --allow-principal User:s --operation DescribeConfigs --topic scored. --resource-pattern-type prefixed\n"
            "--add --allow-principal User:s --operation Create --topic scored. --resource-pattern-type prefixed\n"
            "--add --allow-principal User:s --operation Read --topic scored.changelog\n"
            "--add --allow-principal User:s --operation Read --topic scored.internal\n"
            "--add --allow-principal User:s --operation Read --group scoring\n"
            "--add --allow-principal User:s --operation Write --transactional-id scoring. --resource-pattern-type prefixed\n");
}
END_TEST

START_TEST(a_board_reads_the_outputs) {
    Config config = make_config();
    config.n_sources = 1;
    config.http_board = true;
    check_printed(&config, "User:s",
            "--add --allow-principal User:s --operation Read --topic web\n"
            "--add --allow-principal User:s --operation Write --topic scored. --resource-pattern-type prefixed\n"
            "--add --allow-principal User:s --operation DescribeConfigs --topic scored. --resource-pattern-type prefixed\n"
            "--add --allow-principal User:s --operation Create --topic scored. --resource-pattern-type prefixed\n"
            "--add --allow-principal User:s --operation Read --topic scored.changelog\n"
            "--add --allow-principal User:s --operation Read --topic scored.internal\n"
            "--add --allow-principal User:s --operation Read --topic scored.stages\n"
            "--add --allow-principal User:s --operation Read --topic scored.sla\n"
            "--add --allow-principal User:s --operation Read --topic scored.refused\n"
            "--add --allow-principal User:s --operation Read --topic scored.retired\n"
            "--add --allow-principal User:s --operation Read --topic scored.dead-letters\n"
            "--add --allow-principal User:s --operation Read --group scoring\n"
            "--add --allow-principal User:s --operation Write --transactional-id scoring. --resource-pattern-type prefixed\n");
}
END_TEST

/* "scored-sla" does not begin with "scored."; two outputs share a topic, which is named once. */
START_TEST(topics_with_names_of_their_own_are_named_each) {
    Config config = make_config();
    config.n_sources = 1;
    config.create_topics = false;
    config.changelog_topic = "state";
    config.output_topics[OUTPUT_SLA_EVENT] = "scored-sla";
    config.output_topics[OUTPUT_REFUSED] = "scored-sla";
    check_printed(&config, "User:s",
            "--add --allow-principal User:s --operation Read --topic web\n"
            "--add --allow-principal User:s --operation Write --topic state\n"
            "--add --allow-principal User:s --operation Write --topic scored. --resource-pattern-type prefixed\n"
            "--add --allow-principal User:s --operation Write --topic scored-sla\n"
            "--add --allow-principal User:s --operation DescribeConfigs --topic state\n"
            "--add --allow-principal User:s --operation DescribeConfigs --topic scored. --resource-pattern-type prefixed\n"
            "--add --allow-principal User:s --operation DescribeConfigs --topic scored-sla\n"
            "--add --allow-principal User:s --operation Read --topic state\n"
            "--add --allow-principal User:s --operation Read --topic scored.internal\n"
            "--add --allow-principal User:s --operation Read --group scoring\n"
            "--add --allow-principal User:s --operation Write --transactional-id scoring. --resource-pattern-type prefixed\n");
}
END_TEST

static const struct {
    const char *principal, *line;
} quoted_rows[] = {
        {"User:CN=a,O=b", "--add --allow-principal User:CN=a,O=b --operation Read --group g\n"},
        {"User:a b", "--add --allow-principal 'User:a b' --operation Read --group g\n"},
        {"User:it's", "--add --allow-principal 'User:it'\\''s' --operation Read --group g\n"},
        {"User:$HOME;`x`", "--add --allow-principal 'User:$HOME;`x`' --operation Read --group g\n"},
};

START_TEST(a_shell_reads_one_word) {
    const Right right = {RIGHT_GROUP, RIGHT_READ, "g", false};
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    right_print(&right, quoted_rows[_i].principal, file);
    fclose(file);
    ck_assert_str_eq(text, quoted_rows[_i].line);
    free(text);
}
END_TEST

/* The most that a configuration can name has room. */
START_TEST(all_names_of_their_own_have_room) {
    char names[CONFIG_SOURCES_MAX + _OUTPUT_TYPE_MAX][16];
    Config config = make_config();
    Rights rights;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        (void)snprintf(names[i], sizeof(names[i]), "t%zu", i);
    config.n_sources = CONFIG_SOURCES_MAX;
    for (size_t i = 0; i < CONFIG_SOURCES_MAX; i++)
        config.sources[i] = names[i];
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX; i++)
        config.output_topics[i] = names[CONFIG_SOURCES_MAX + i];
    config.changelog_topic = "c";
    config.internal_topic = "i";
    config.http_board = true;
    rights_list(&config, &rights);
    ck_assert_uint_eq(rights.n, CONFIG_SOURCES_MAX + 3 * (_OUTPUT_TYPE_MAX + 2) + 2 + _OUTPUT_TYPE_MAX + 2);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("rights");
    TCase *tcase = tcase_create("rights");
    tcase_add_test(tcase, own_topics_go_by_their_prefix);
    tcase_add_test(tcase, a_board_reads_the_outputs);
    tcase_add_test(tcase, topics_with_names_of_their_own_are_named_each);
    tcase_add_loop_test(tcase, a_shell_reads_one_word, 0, ARRAY_SIZE(quoted_rows));
    tcase_add_test(tcase, all_names_of_their_own_have_room);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
