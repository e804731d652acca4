#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Socket That Was Passed
 *
 * Socket activation as systemd does it (sd_listen_fds(3)): who has started the process may hand over sockets that listen already.
 */
#include "lib/base/util.h"

/*
 * The one of that name, or the only one there is. *ret_fd -1: none was passed. Closed by exec from now on. 0, or a negative errno if what was
 * passed can't be used: -EINVAL if it is no listening stream socket. Reads the environment, before there are other threads.
 */
MUST_CHECK int passed_socket(const char *name, int *ret_fd);
