#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* What is needed of cryptography to let somebody in: OpenSSL's. */
#include "lib/base/util.h"

/* With the NUL. */
#define DIGEST_HEX_SIZE 65
#define DIGEST_BASE64_SIZE 45

/* SHA-256 in base64. 0 or -EIO. */
MUST_CHECK int digest_base64(Str bytes, char ret[static DIGEST_BASE64_SIZE]);
/* HMAC-SHA-256 of the text in hexadecimal digits. 0 or -EIO. */
MUST_CHECK int digest_keyed_hex(Str key, Str text, char ret[static DIGEST_HEX_SIZE]);
/* Are they the same? How long it takes says nothing of `secret`, not even its length. */
MUST_CHECK bool digest_same(Str secret, Str given);
