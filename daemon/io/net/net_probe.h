#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* Is there somebody at an address? In the steps in which it can go wrong. */
#include "lib/base/util.h"

#define PROBE_TEXT_SIZE 512

enum {
    _PROBE_E_SUCCESS,
    PROBE_E_NAME,    /* the name has no address */
    PROBE_E_CONNECT, /* nobody takes connections there */
};

/*
 * Looks the name up and connects to the first of its addresses that takes a connection. `addresses`: all of them, with commas. 0, with
 * a blocking socket that gives up reading and writing after the same time; or PROBE_E_*, with a text.
 */
MUST_CHECK int net_probe(const char *host, const char *port, int timeout_ms, char addresses[static PROBE_TEXT_SIZE],
        char text[static PROBE_TEXT_SIZE], int *ret_fd);
