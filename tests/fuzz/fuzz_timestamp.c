/* SPDX-License-Identifier: Apache-2.0 */
/* What is read as an instant or a duration prints as a text that reads back to the same value. */
#include "lib/calendar/timestamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str source = {(const char *)data, size};
    int64_t first_ms, again_ms;

    if (timestamp_parse(source, &first_ms)) {
        char text[TIMESTAMP_TEXT_SIZE];
        size_t len = timestamp_print(first_ms, text);
        if (len != strlen(text) || !timestamp_parse((Str){text, len}, &again_ms) || again_ms != first_ms)
            abort();
    }
    if (duration_parse(source, &first_ms)) {
        char text[DURATION_TEXT_SIZE];
        size_t len = duration_print(first_ms, text);
        if (len != strlen(text) || !duration_parse((Str){text, len}, &again_ms) || again_ms != first_ms)
            abort();
    }
    /* Any instant prints, too. */
    if (size >= sizeof(first_ms)) {
        char text[TIMESTAMP_TEXT_SIZE];
        memcpy(&first_ms, data, sizeof(first_ms));
        if (timestamp_print(first_ms, text) != TIMESTAMP_TEXT_SIZE - 1)
            abort();
        if (timestamp_parse(str_from(text), &again_ms) && again_ms != first_ms &&
                first_ms <= INT64_C(253402300799999))
            abort();
    }
    return 0;
}
