/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are either a model or errors, never both or neither; what is said of them can be shown, and a
 * lead can begin in the model. */
#include "lib/lead.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): this must hold in a build without assertions, too. */
static void require(bool condition) {
    if (!condition)
        abort();
}

/* Follows what refers to something else in the model. */
static void check_lead(const Model *model) {
    _cleanup_(lead_free) Lead *lead = NULL;
    require(lead_new(model, STR_LITERAL("lead-1"), &lead) == 0);
    lead_begin(lead, model, EVENT_TIME_MS_MIN);
    require(model_segment_id(model, lead->segment).len > 0);
    for (size_t i = 0; i < model->n_tracks; i++)
        require(lead->tracks[i].stage < model->tracks[i].n_stages);
    for (size_t i = 0; i < model->n_scores; i++)
        require(lead_score(lead, model, (unsigned)i, EVENT_TIME_MS_MAX) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str source = {size ? (const char *)data : "", size};
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    _cleanup_(model_free) Model *model = NULL;

    require(model_load(source, NULL, &diagnostics, &model) == 0);
    require((model != NULL) == (diagnostics.n_errors == 0));
    diagnostics_sort(&diagnostics);
    _cleanup_(free_null) char *text = diagnostics_render(&diagnostics, "model.yaml", source);
    require(text && (strlen(text) > 0) == (diagnostics.n_items > 0));
    diagnostics_done(&diagnostics);
    if (model)
        check_lead(model);
    return 0;
}
