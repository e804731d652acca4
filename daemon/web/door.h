#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Board's Door
 *
 * Who may look. Where a token is configured it is asked for: `Authorization: Bearer`, `?token=`, or the cookie that a browser is given for
 * the latter. The cookie is made from the token, not the token itself: it is the same for all instances that have the token, and ends when
 * that is changed. Files of tokens are read for each request.
 *
 * Where none is asked for, a page of another site could still look through the browser of somebody who may: by its own name that resolves to
 * an address of this machine. So a name that is neither localhost nor the configured one is refused, and so is what a browser says to come
 * from another site.
 */
#include "daemon/config/config.h"

#define DOOR_COOKIE "scored_board"
#define DOOR_TOKEN_LEN_MIN 16
#define DOOR_TOKEN_LEN_MAX 1024
/* Of DoorVerdict.cookie. */
#define DOOR_COOKIE_SIZE 256

/* What a request says of itself. NULL, or null: it does not. */
typedef struct DoorCaller {
    const char *host, *site; /* Host, Sec-Fetch-Site */
    const char *authorization, *cookie, *scheme; /* Authorization; the cookie; X-Forwarded-Proto */
    Str token; /* of the query */
} DoorCaller;

typedef enum DoorAnswer {
    DOOR_OPEN,
    DOOR_NO_HOST,    /* it names no host */
    DOOR_OTHER_HOST, /* a name that is not ours */
    DOOR_OTHER_SITE, /* a page of another site asks */
    DOOR_NO_TOKEN,   /* or a wrong one */
    DOOR_BROKEN,     /* our token cannot be read: nobody comes in */
} DoorAnswer;

typedef struct DoorVerdict {
    DoorAnswer answer;
    char cookie[DOOR_COOKIE_SIZE]; /* Set-Cookie, for who came by the query; else empty */
} DoorVerdict;

void door_ask(const Config *config, const DoorCaller *caller, DoorVerdict *ret);
/* The token of the file, its first line. 0, -EINVAL: too short or too long; or a negative errno. */
MUST_CHECK int door_read_token(const char *path, char ret[static DOOR_TOKEN_LEN_MAX + 1]);
