/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/check/kafka_cause.h"

#include <pthread.h>
#include <stdio.h>

/* What lines say, the weightiest last: a login is tried only after a handshake, which follows a connection. */
static const char *const words[] = {"Connect to", "resolve", "security.protocol", "SSL", "SASL authentication error"};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char cause[KAFKA_TEXT_SIZE];
static size_t weight; /* of it; 0: there is none */

/* Lines begin with threads and brokers of the client, in brackets and before a colon, which tell nobody anything. */
static const char *without_origin(const char *message) {
    const char *end = message[0] == '[' ? strstr(message, "]: ") : NULL;
    return end ? end + strlen("]: ") : message;
}

void kafka_cause_note(int level, const char *facility, const char *message) {
    (void)level;
    (void)facility;
    pthread_mutex_lock(&mutex);
    for (size_t i = weight; i < ARRAY_SIZE(words); i++)
        if (strstr(message, words[i])) {
            weight = i + 1;
            (void)snprintf(cause, sizeof(cause), "%s", without_origin(message));
        }
    pthread_mutex_unlock(&mutex);
}

void kafka_cause_get(char ret[static KAFKA_TEXT_SIZE]) {
    pthread_mutex_lock(&mutex);
    memcpy(ret, cause, sizeof(cause));
    pthread_mutex_unlock(&mutex);
}

bool kafka_cause_is_login(void) {
    pthread_mutex_lock(&mutex);
    bool is_login = weight == ARRAY_SIZE(words);
    pthread_mutex_unlock(&mutex);
    return is_login;
}

bool kafka_is_login_error(const char *message) {
    return strstr(message, words[ARRAY_SIZE(words) - 1]);
}

const char *kafka_login_remedy(const char *message) {
    if (strstr(message, "SCRAM") && !kafka_scram_is_strict())
        return "check sasl.username and the password's file; with librdkafka before 2.6.1, brokers from 4.0 on refuse SCRAM whatever the "
               "password: log in by PLAIN, OAUTHBEARER or a client certificate, or upgrade librdkafka";
    return "check sasl.mechanism, sasl.username and the file of its secret";
}
