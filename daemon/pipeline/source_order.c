/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/source_order.h"

/* What is left of one input. */
typedef struct Queue {
    unsigned input, source;
    bool is_ordered;
    const Record *next, *end, *last; /* what can be taken, and behind it what cannot as long as a schema is unknown */
} Queue;

typedef struct Queues {
    Queue queues[INPUTS_MAX];
    unsigned n;
} Queues;

bool source_order_has(const Inputs *inputs, unsigned input) {
    return !inputs->inputs[input].is_routed && !inputs_is_internal(inputs, input);
}

int64_t source_order_time(Registry *registry, AvroEventDecoder *decoder, Str value) {
    LeadEvent event;
    const char *reason;
    char text[256];
    int r = message_decode(registry, decoder, value.data, value.len, &event, &reason, text, sizeof(text));
    return r == 0 ? event.occurred_at_ms : TIME_NONE;
}

static void queue_up(const Inputs *inputs, const Record *sorted, size_t n, Queues *ret) {
    size_t at = 0;
    ret->n = inputs->n;
    for (unsigned i = 0; i < inputs->n; i++) {
        size_t begin = at, end;
        while (at < n && sorted[at].input == i && !sorted[at].lacks_schema)
            at++;
        for (end = at; at < n && sorted[at].input == i;)
            at++;
        ret->queues[i] = (Queue){i, inputs->inputs[i].source, source_order_matters(inputs) && source_order_has(inputs, i), sorted + begin,
                sorted + end, sorted + at};
    }
}

/* Of those that happened at one instant, the one of the source that is named first. NULL: there is none. */
static Queue *earliest_of(Queues *queues) {
    Queue *found = NULL;
    for (Queue *q = queues->queues; q < queues->queues + queues->n; q++)
        if (q->is_ordered && q->next < q->end && (!found || q->next->occurred_at_ms < found->next->occurred_at_ms))
            found = q;
    return found;
}

/* May an earlier one come yet? One that cannot be read yet may be. */
static bool has_to_wait(const Queues *queues, const Record *record, OrderGate *gate) {
#ifdef PLANTED_UNORDERED
    return false;
#endif
    for (const Queue *q = queues->queues; q < queues->queues + queues->n; q++) {
        if (!q->is_ordered || q->next < q->end || (q->end == q->last && gate->sources[q->source].proof.no > record->asked_no))
            continue;
        if (record->polled_ms < gate->waited_ms) {
            gate->given_up = q->input;
            continue;
        }
        gate->waiting = record;
        gate->awaited = q->input;
        return true;
    }
    return false;
}

size_t source_order_merge(const Inputs *inputs, const Record *sorted, size_t n, OrderGate *gate, Record *ret) {
    Queues queues;
    Queue *queue;
    Record *out = ret;
    if (gate) {
        gate->waiting = NULL;
        gate->given_up = INPUTS_MAX;
    }
    if (n == 0)
        return 0;
    queue_up(inputs, sorted, n, &queues);
    while ((queue = earliest_of(&queues)) && !(gate && has_to_wait(&queues, queue->next, gate)))
        *out++ = *queue->next++;
    for (Queue *q = queues.queues; q < queues.queues + queues.n; q++)
        while (!q->is_ordered && q->next < q->end)
            *out++ = *q->next++;
    size_t n_ready = (size_t)(out - ret);
    for (Queue *q = queues.queues; q < queues.queues + queues.n; q++)
        while (q->next < q->last)
            *out++ = *q->next++;
    return n_ready;
}
