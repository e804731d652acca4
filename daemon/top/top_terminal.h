#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Terminal
 *
 * Standard input and output as a screen: the other one of the two that terminals have, so that what stood
 * there is back afterwards. Plain ANSI sequences, which everything understands.
 */
#include "daemon/top/top.h"

/* Whether standard output is a screen that can be drawn upon. */
bool terminal_is_there(void);
/* Whatever ends the process must call terminal_leave() before. 0 or a negative errno. */
MUST_CHECK int terminal_enter(void);
void terminal_leave(void);
/* Rows and columns at the moment; NO_COLOR and the locale are respected. */
ScreenStyle terminal_style(void);
/* Writes all of it. 0 or a negative errno. */
MUST_CHECK int terminal_write(const TopText *text);
/*
 * Handles what has happened: the key that was pressed, or 0. After a stop and a continuation of the process
 * the screen is as it should be, and to be drawn anew.
 */
int terminal_key(void);
