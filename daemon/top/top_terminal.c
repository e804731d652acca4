/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/top/top_terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* The other screen, cleared; no cursor; no wrapping of lines that are too long. */
#define ENTER "\x1b[?1049h\x1b[2J\x1b[?25l\x1b[?7l"
#define LEAVE "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
#define ROWS_DEFAULT 24
#define COLUMNS_DEFAULT 80

static struct termios saved;
static bool has_input; /* standard input is a terminal, whose settings are in `saved` */
static bool is_entered;
static volatile sig_atomic_t suspend;

static void on_suspend(int signal) {
    (void)signal;
    suspend = 1;
}

bool terminal_is_there(void) {
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && term && term[0] && strcmp(term, "dumb") != 0;
}

static int write_all(const char *data, size_t n) {
    while (n > 0) {
        ssize_t written = write(STDOUT_FILENO, data, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN) {
            struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};
            (void)poll(&fd, 1, 1000);
            continue;
        }
        if (written < 0)
            return -errno;
        data += written;
        n -= (size_t)written;
    }
    return 0;
}

/* Keys come one by one and unseen; signals from the keyboard stay. */
static int set_screen(void) {
    struct termios raw = saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (has_input && tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
        return -errno;
    return write_all(ENTER, strlen(ENTER));
}

static void reset_screen(void) {
    (void)write_all(LEAVE, strlen(LEAVE));
    if (has_input)
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
}

int terminal_enter(void) {
    struct sigaction action = {.sa_handler = on_suspend, .sa_flags = SA_RESTART};
    (void)setlocale(LC_CTYPE, "");
    if (sigaction(SIGTSTP, &action, NULL) < 0)
        return -errno;
    has_input = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &saved) == 0;
    is_entered = true;
    return set_screen();
}

void terminal_leave(void) {
    if (is_entered)
        reset_screen();
    is_entered = false;
}

ScreenStyle terminal_style(void) {
    struct winsize size = {0};
    const char *no_color = getenv("NO_COLOR");
    /* Asked each time, which is simpler than to be told by SIGWINCH, and as quick. */
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        size = (struct winsize){0};
    return (ScreenStyle){
            .rows = size.ws_row ? size.ws_row : ROWS_DEFAULT,
            .columns = size.ws_col ? size.ws_col : COLUMNS_DEFAULT,
            .has_color = !no_color || !no_color[0],
            .has_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
    };
}

int terminal_write(const TopText *text) {
    return text->out_of_memory ? -ENOMEM : write_all(text->data, text->len);
}

/*
 * Somebody else of our job may have stopped before us, and the shell may have the terminal already: then to
 * set it would stop us here, and raise() below a second time, which nobody would continue.
 */
static void stop_here(void) {
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    (void)sigaction(SIGTTOU, &ignore, &before);
    reset_screen();
    (void)sigaction(SIGTTOU, &before, NULL);
    (void)raise(SIGSTOP);
    (void)set_screen();
}

int terminal_key(void) {
    char key = 0;
    if (suspend) {
        suspend = 0;
        stop_here();
    }
    /* VMIN 0: read returns at once. */
    return has_input && read(STDIN_FILENO, &key, 1) == 1 ? (unsigned char)key : 0;
}
