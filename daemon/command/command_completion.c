/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scored completion
 *
 * What a shell needs to complete command lines of scored: functions for bash and for zsh, written from the table of commands.
 */
#include <getopt.h>
#include <stdio.h>

#include "daemon/command/command.h"

static int run_completion(const Command *self, int argc, char **argv);

static const char *const shells[] = {"bash", "zsh", NULL};

const Command command_completion = {
        .name = "completion",
        .summary = "Print the completion of command lines for a shell",
        .usage = "bash|zsh",
        .description = "For a shell that has not got it by the installation:\n"
                       "  source <(scored completion bash)\n"
                       "  source <(scored completion zsh)\n",
        .words = shells,
        .run = run_completion,
};

static bool is_file(const CommandOption *option) {
    return option->argument && strcmp(option->argument, COMMAND_FILE) == 0;
}

static void print_words(const char *const *words) {
    for (const char *const *w = words; w && *w; w++)
        printf("%s%s", w == words ? "" : " ", *w);
}

/* Of `help` these are the commands. */
static bool has_words(const Command *command) {
    return command->words || strcmp(command->name, "help") == 0;
}

static void print_first_words(const Command *command) {
    if (command->words) {
        print_words(command->words);
        return;
    }
    for (const Command *const *c = command_table; *c; c++)
        printf("%s%s", c == command_table ? "" : " ", (*c)->name);
}

/* --- bash -------------------------------------------------------------------------------------------- */

/* The line stands in COMP_WORDS, in which a = stands by itself. */
static const char bash_begin[] = "# bash completion for scored\n"
                                 "_scored_files() {\n"
                                 "    compopt -o filenames 2>/dev/null\n"
                                 "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
                                 "}\n"
                                 "_scored_words() {\n"
                                 "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$word\")\n"
                                 "}\n"
                                 "_scored() {\n"
                                 "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} first=2 options='--help'\n"
                                 "    COMPREPLY=()\n"
                                 "    if [[ $word == = ]]; then\n"
                                 "        word=''\n"
                                 "    elif [[ $before == = ]]; then\n"
                                 "        before=${COMP_WORDS[COMP_CWORD-2]}\n"
                                 "    fi\n"
                                 "    if ((COMP_CWORD == 1)); then\n"
                                 "        _scored_words '";

static void print_bash_command(const Command *command) {
    printf("    %s)\n        case $before in\n", command->name);
    for (const CommandOption *o = command->options; o && o->name; o++) {
        if (!o->argument)
            continue;
        printf("        --%s) ", o->name);
        if (o->words) {
            fputs("_scored_words '", stdout);
            print_words(o->words);
            fputc('\'', stdout);
        } else {
            fputs(is_file(o) ? "_scored_files" : ":", stdout);
        }
        puts("; return ;;");
    }
    fputs("        esac\n        options='--help", stdout);
    for (const CommandOption *o = command->options; o && o->name; o++)
        printf(" --%s", o->name);
    puts("'");
    fputs("        [[ $word == -* ]] && { _scored_words \"$options\"; return; }\n", stdout);
    if (has_words(command)) {
        fputs("        ((COMP_CWORD == first)) && { _scored_words '", stdout);
        print_first_words(command);
        puts("'; return; }");
    }
    puts(command->takes_files ? "        _scored_files\n        ;;" : "        ;;");
}

static void print_bash(void) {
    fputs(bash_begin, stdout);
    for (const Command *const *c = command_table; *c; c++)
        printf("%s ", (*c)->name);
    puts("--help --version'\n        return\n    fi\n    case ${COMP_WORDS[1]} in");
    for (const Command *const *c = command_table; *c; c++)
        print_bash_command(*c);
    puts("    esac\n    return 0\n}\ncomplete -F _scored scored");
}

/* --- zsh --------------------------------------------------------------------------------------------- */

/* Within single quotes; in `special`, what _arguments and _describe take for more than a letter. */
static void print_zsh_text(const char *text, const char *special) {
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr(special, *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void print_zsh_option(const CommandOption *option) {
    printf("            '--%s%s[", option->name, option->argument ? "=" : "");
    print_zsh_text(option->summary, "[]\\");
    putchar(']');
    if (option->argument) {
        putchar(':');
        print_zsh_text(option->argument, ":\\");
        putchar(':');
        if (option->words) {
            putchar('(');
            print_words(option->words);
            putchar(')');
        } else if (is_file(option)) {
            fputs("_files", stdout);
        }
    }
    puts("' \\");
}

static void print_zsh_command(const Command *command) {
    printf("    %s)\n        _arguments \\\n", command->name);
    for (const CommandOption *o = command->options; o && o->name; o++)
        print_zsh_option(o);
    if (has_words(command)) {
        fputs("            '1:word:(", stdout);
        print_first_words(command);
        puts(")' \\");
    }
    if (command->takes_files)
        puts("            '*:file:_files' \\");
    puts("            '--help[Show this help]'\n        ;;");
}

static void print_zsh(void) {
    puts("#compdef scored\n_scored() {\n    local -a commands=(");
    for (const Command *const *c = command_table; *c; c++) {
        printf("        '%s:", (*c)->name);
        print_zsh_text((*c)->summary, "\\");
        puts("'");
    }
    puts("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n"
         "        _arguments '--help[Show this help]' '--version[Show the version]'\n        return\n    fi\n"
         "    shift words\n    (( CURRENT-- ))\n    case $words[1] in");
    for (const Command *const *c = command_table; *c; c++)
        print_zsh_command(*c);
    puts("    esac\n}\nif [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n    _scored \"$@\"\nelse\n    compdef _scored scored\nfi");
}

static int run_completion(const Command *self, int argc, char **argv) {
    int status;
    if (command_option(self, argc, argv, &status) != 0)
        return status;
    if (argc - optind != 1)
        return command_usage_error(self, "bash or zsh expected");
    if (strcmp(argv[optind], "bash") == 0)
        print_bash();
    else if (strcmp(argv[optind], "zsh") == 0)
        print_zsh();
    else
        return command_usage_error(self, "bash or zsh expected, got \"%s\"", argv[optind]);
    return command_finish(self, NULL);
}
