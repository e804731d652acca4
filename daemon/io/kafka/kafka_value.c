/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/kafka/kafka_internal.h"
#include "daemon/io/registry/schema_id.h"

int kafka_value(const rd_kafka_message_t *message, char **ret_own, Str *ret) {
    rd_kafka_headers_t *headers;
    const void *id;
    size_t size;
    *ret_own = NULL;
    *ret = (Str){message->payload, message->len};
    if (!message->payload || rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
            rd_kafka_header_get_last(headers, SCHEMA_ID_HEADER, &id, &size) != RD_KAFKA_RESP_ERR_NO_ERROR ||
            !schema_id_is_header((Str){id, size}))
        return 0;
    char *joined = malloc(size + message->len);
    if (!joined)
        return -ENOMEM;
    memcpy(joined, id, size);
    if (message->len > 0)
        memcpy(joined + size, message->payload, message->len);
    *ret_own = joined;
    *ret = (Str){joined, size + message->len};
    return 0;
}
