/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manual Pages
 *
 *     write_page scored | scored-COMMAND | scored.yaml
 *
 * Prints a page for scdoc, from the tables by which the program itself understands command lines and configurations, so that what it
 * takes and what the pages say are one thing. Not installed.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/command/command.h"
#include "daemon/config/config_keys.h"
#include "lib/calendar/timestamp.h"

/* --- scdoc ------------------------------------------------------------------------------------------- */

/* Of a line: letters that have a meaning in scdoc are told not to have it; what is between backquotes is bold. */
static void put(Str text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '`') {
            putchar('*');
            continue;
        }
        if (strchr("\\*_", c) || (i == 0 && strchr("#-.[|", c)))
            putchar('\\');
        putchar(c);
    }
}

static void put_text(const char *text) {
    put(str_from(text));
}

/* Text of whole lines, with paragraphs; lines that are indented are examples. */
static void put_lines(const char *text) {
    bool is_example = false;
    while (*text) {
        Str line = {text, strcspn(text, "\n")};
        if (is_example != str_starts_with(line, "  ")) {
            is_example = !is_example;
            puts(is_example ? "\n```" : "```\n");
        }
        if (is_example)
            printf("%.*s", (int)line.len - 2, line.data + 2);
        else
            put(line);
        putchar('\n');
        text += line.len + (text[line.len] == '\n');
    }
    if (is_example)
        puts("```");
}

static void put_title(const char *page, int section) {
    printf("%s(%d) \"scored " SCORED_VERSION "\"\n\n# NAME\n\n%s - ", page, section, page);
}

/* A sentence of help as what follows a name: without its capital. */
static void put_summary(const char *summary) {
    putchar(tolower((unsigned char)summary[0]));
    put_text(summary + 1);
    putchar('\n');
}

/* --- commands ---------------------------------------------------------------------------------------- */

/* Usage may have several lines, for a terminal. */
static void put_synopsis(const Command *command) {
    printf("\n# SYNOPSIS\n\n*scored %s* ", command->name);
    for (const char *rest = command->usage; *rest;) {
        size_t len = strcspn(rest, "\n");
        put((Str){rest, len});
        rest += len + strspn(rest + len, "\n ");
        if (*rest)
            putchar(' ');
    }
    putchar('\n');
}

static void put_option(const char *name, const char *argument, const char *summary) {
    printf("\n*\\--%s*", name);
    if (argument) {
        fputs(" _", stdout);
        put_text(argument);
        putchar('_');
    }
    fputs("\n\t", stdout);
    put_text(summary);
    putchar('\n');
}

static void put_command(const Command *command) {
    char page[64];
    (void)snprintf(page, sizeof(page), "scored-%s", command->name);
    put_title(page, 1);
    put_summary(command->summary);
    put_synopsis(command);
    fputs("\n# DESCRIPTION\n\n", stdout);
    if (command->description)
        put_lines(command->description);
    else
        printf("%s.\n", command->summary);
    puts("\n# OPTIONS");
    for (const CommandOption *o = command->options; o && o->name; o++)
        put_option(o->name, o->argument, o->summary);
    put_option("help", NULL, "Show help");
    if (command->json) {
        fputs("\n# JSON\n\n", stdout);
        put_lines(command->json);
    }
    puts("\n# SEE ALSO\n\n*scored*(1), which has the exit statuses and what errors look like as JSON; *scored.yaml*(5); *scored-model*(5)");
}

static const Command *find_command(const char *page) {
    const char *name = page + strlen("scored-");
    for (const Command *const *c = command_table; *c; c++)
        if (str_starts_with(str_from(page), "scored-") && strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

/* As command.h has them. */
static void put_statuses(void) {
    puts("\n# EXIT STATUS\n\n"
         "*0*\n\tAll is well.\n\n"
         "*1*\n\tThe command did its work, and what it found is not well.\n\n"
         "*64*\n\tThe command line is wrong.\n\n"
         "*66*, *73*, *74*\n\tA file cannot be read, cannot be created, or failed on the way.\n\n"
         "*69*\n\tA server is not there.\n\n"
         "*71*\n\tThe system refuses something, such as memory.\n\n"
         "*78*\n\tThe configuration or the model has errors. *scored run* is not to be started again with it.");
}

static void put_overview(void) {
    put_title("scored", 1);
    puts("score leads from event streams\n\n"
         "# SYNOPSIS\n\n*scored* _COMMAND_ [OPTION...] [ARGUMENT...]\n\n"
         "# DESCRIPTION\n\n"
         "*scored* reads events from Kafka, keeps scores, stages and SLA clocks of leads and accounts by the rules of a model, and tells\n"
         "their changes on Kafka; what it has stands in Redis for others to read. *scored run* is the daemon. The other commands try a model\n"
         "out, ask, check and mend.\n\n"
         "# COMMANDS");
    for (const Command *const *c = command_table; *c; c++) {
        printf("\n*scored-%s*(1)\n\t", (*c)->name);
        put_text((*c)->summary);
        putchar('\n');
    }
    puts("\n# OPTIONS\n\n"
         "*\\--help*\n\tShow help; after a command, that of the command.\n\n"
         "*\\--version*\n\tShow the version, as *scored-version*(1) does.\n\n"
         "# JSON\n\n"
         "Commands that take *\\--json* print JSON on standard output, with the fields that their pages list. Fields may be added; those that\n"
         "are there keep name and meaning. Errors are then JSON as well, an object a line on standard error: *command*, *error*, and for a\n"
         "wrong command line *usage*. What is wrong in a file has *severity*, *file*, *line* and *column* besides, and an event that cannot be\n"
         "read its *place*. The log of *scored run* has a format of its own, *log.format* in *scored.yaml*(5).");
    put_statuses();
    printf("\n# FILES\n\n_" COMMAND_CONFIG_PATH "_\n\tThe configuration, where no other is named.\n\n"
           "# SEE ALSO\n\n*scored.yaml*(5), *scored-model*(5)\n");
}

/* --- the configuration ------------------------------------------------------------------------------- */

static void put_bytes(int64_t bytes) {
    static const char *const units[] = {"", "KiB", "MiB", "GiB"};
    size_t unit = 0;
    for (; unit + 1 < ARRAY_SIZE(units) && bytes % 1024 == 0; unit++)
        bytes /= 1024;
    printf("%" PRId64 "%s", bytes, units[unit]);
}

static void put_duration(int64_t ms) {
    char text[DURATION_TEXT_SIZE];
    (void)duration_print(ms, text);
    put_text(text);
}

static void put_words(const char *const *words) {
    for (const char *const *w = words; *w; w++) {
        fputs(w == words ? "" : w[1] ? ", " : " or ", stdout);
        printf("*");
        put_text(*w);
        printf("*");
    }
}

/* What the value has to be. */
static void put_type(const ConfigKey *key) {
    static const char *const texts[_CONFIG_TYPE_MAX] = {
            [CONFIG_TEXT] = "a text",
            [CONFIG_PREFIX] = "letters, digits and . _ : -",
            [CONFIG_TOPIC] = "a topic",
            [CONFIG_TOPICS] = "a list of topics",
            [CONFIG_ROUTED] = "a list of sources",
            [CONFIG_PATH] = "a path, from the configuration's own directory on",
            [CONFIG_SECRET] = "the path of a file that can be read",
            [CONFIG_ADDRESS] = "an address",
            [CONFIG_LISTEN] = "unix:/path, an address with its port, or off",
            [CONFIG_BOOLEAN] = "true or false",
            [CONFIG_INTEGER] = "a whole number",
            [CONFIG_DURATION] = "a duration",
            [CONFIG_SIZE] = "a size",
            [CONFIG_PROPERTIES] = "properties and their values",
            [CONFIG_SECRETS] = "properties and the paths of files",
            [CONFIG_SCHEMAS] = "ids and the paths of files",
            [CONFIG_OUTPUT_IDS] = "names of schemas and their ids",
            [CONFIG_URLS] = "a list of URLs",
    };
    if (key->words) {
        put_words(key->words);
        return;
    }
    put_text(texts[key->type]);
    if (key->type == CONFIG_INTEGER) {
        printf(" from %" PRId64 " to %" PRId64, key->min, key->max);
    } else if (key->type == CONFIG_DURATION || key->type == CONFIG_SIZE) {
        void (*put_value)(int64_t value) = key->type == CONFIG_SIZE ? put_bytes : put_duration;
        fputs(" from ", stdout);
        put_value(key->min);
        fputs(" to ", stdout);
        put_value(key->max);
    }
}

static void put_key(const ConfigKey *key) {
    fputs("\n*", stdout);
    put_text(key->key);
    fputs("*\n\t", stdout);
    put_text(key->summary);
    fputs(". Value: ", stdout);
    put_type(key);
    fputs(key->default_text || key->absent ? ". Default: " : ". Required", stdout);
    if (key->default_text || key->absent)
        put_text(key->default_text ? key->default_text : key->absent);
    puts(".");
}

static void put_keys(const char *section) {
    for (size_t i = 0; i < config_n_keys; i++)
        if (section && config_keys[i].section ? strcmp(section, config_keys[i].section) == 0 : section == config_keys[i].section)
            put_key(&config_keys[i]);
}

static void put_config(void) {
    const char *section;
    put_title("scored.yaml", 5);
    puts("configuration of scored\n\n"
         "# DESCRIPTION\n\n"
         "A YAML file, by default _" COMMAND_CONFIG_PATH "_. *scored check* says what is wrong with one; an unknown key is an error.\n"
         "Relative paths begin where the file is, and *${CREDENTIALS\\_DIRECTORY}/* may begin one, where systemd passes credentials.\n"
         "Durations are written as 20ms, 10s, 5m, 2h or 7d, sizes as 64KiB or 256MiB.");
    put_keys(NULL);
    for (size_t i = 0; (section = config_section(i)); i++) {
        printf("\n# %s\n", section);
        put_keys(section);
    }
    puts("\n# SEE ALSO\n\n*scored*(1), *scored-check*(1), *scored-doctor*(1), *scored-model*(5)");
}

int main(int argc, char **argv) {
    const Command *command = argc == 2 ? find_command(argv[1]) : NULL;
    if (command)
        put_command(command);
    else if (argc == 2 && strcmp(argv[1], "scored") == 0)
        put_overview();
    else if (argc == 2 && strcmp(argv[1], "scored.yaml") == 0)
        put_config();
    else
        return EX_USAGE;
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EX_IOERR;
}
