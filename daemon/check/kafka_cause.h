#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why Kafka's Client Does Not Get On
 *
 * A call of librdkafka that fails tells that time is over; why stands in its log. For commands, which ask one cluster: the weightiest line
 * of its log is kept. And what to do about a refused login, for them and for the daemon.
 */
#include "daemon/io/kafka/kafka_client.h"

/* A KafkaLog; any thread may call it. */
void kafka_cause_note(int level, const char *facility, const char *message);
/* The line that was kept; "" if there is none. */
void kafka_cause_get(char ret[static KAFKA_TEXT_SIZE]);
/* Was a login refused? Then there is no use in trying on. */
bool kafka_cause_is_login(void);
/* Does a line of the log say so? */
bool kafka_is_login_error(const char *message);
const char *kafka_login_remedy(const char *message);
