#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* page.html and login.html, as they were when the program was built. */
#include <stddef.h>

extern const char web_page[], web_login[];
extern const size_t web_page_len, web_login_len;
