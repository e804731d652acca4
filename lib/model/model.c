/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine asks of a loaded model. Reading one is model_yaml*.c.
 */
#include "lib/model/model.h"

Model *model_free(Model *model) {
    /* The model itself is in its arena too. */
    if (model)
        arena_free(model->arena);
    return NULL;
}

Str model_segment_id(const Model *model, unsigned segment) {
    assert(segment <= model->n_segments);
    return segment < model->n_segments ? model->segments[segment].id : STR_LITERAL("default");
}

Str model_route_id(const Model *model, int route) {
    if (route == ROUTE_NONE)
        return STR_NULL;
    assert(route >= 0 && (size_t)route < model->n_routes);
    return model->routes[route].id;
}

const Calendar *model_calendar(const Model *model, unsigned number) {
    assert(number <= model->n_calendars);
    return number ? model->calendars[number - 1].calendar : NULL;
}

Str model_calendar_id(const Model *model, unsigned number) {
    assert(number <= model->n_calendars);
    return number ? model->calendars[number - 1].id : STR_NULL;
}

const char *sla_kind_name(SlaKind kind) {
    static const char *const names[_SLA_KIND_MAX] = {
            [SLA_WARNING] = "warning",
            [SLA_BREACHED] = "breached",
            [SLA_ESCALATED] = "escalated",
            [SLA_MET] = "met",
            [SLA_LATE] = "late",
            [SLA_CANCELLED] = "cancelled",
            [SLA_RETRACTED] = "retracted",
    };

    assert(kind < _SLA_KIND_MAX);
    return names[kind];
}
