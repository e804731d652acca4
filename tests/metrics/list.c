/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's metrics as rows of the README's table. */
#include <stdio.h>

#include "daemon/service/metrics_table.h"

int main(void) {
    for (size_t i = 0; i < _METRIC_MAX; i++) {
        const Metric *metric = &metrics_table[i];
        printf("| `%s` | %s | ", metric->name, metric_type_name(metric->type));
        for (size_t k = 0; k < METRIC_LABELS_MAX && metric->labels[k]; k++)
            printf("%s`%s`", k ? ", " : "", metric->labels[k]);
        printf(" | %s |\n", metric->help);
    }
    return 0;
}
