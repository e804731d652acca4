/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a topic and decodes it, and nothing else. */
#include "tests/bench/loop.h"
#include "tests/bench/options.h"

int main(int argc, char **argv) {
    LoopOptions wanted = {.schema_id = 100, .batch_max_events = 20000};
    const Option options[] = {{"bootstrap", .text = &wanted.bootstrap}, {"topic", .text = &wanted.topic},
            {"group", .text = &wanted.group}, {"schemas", .text = &wanted.schemas}, {"schema-id", .number = &wanted.schema_id},
            {"batch", .number = &wanted.batch_max_events}};
    options_read(argc, argv, options, ARRAY_SIZE(options));
    Loop loop;
    loop_open(&loop, &wanted);
    for (size_t n; (n = loop_read(&loop)) > 0; loop_release(&loop, n))
        for (size_t i = 0; i < n; i++)
            (void)loop_decode(&loop, loop.messages[i]);
    loop_report(&loop, 0, 0);
    loop_close(&loop);
    return 0;
}
