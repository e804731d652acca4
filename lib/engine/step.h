#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Step
 *
 * One thing that happens to one lead at one instant: an event, an internal moment, an SLA moment, or, inside one of
 * these, the transition that an SLA verdict causes; or to one account: a touch or a moment. A step collects the stages entered and the outputs made; the outputs
 * leave when the outermost step is done, for some of their fields speak of its end (`next_change_at`).
 */
#include "lib/base/decimal.h"
#include "lib/engine/output.h"
#include "lib/lead/account.h"
#include "lib/lead/lead.h"

/* Where the outermost step and those inside it put what they make. */
typedef struct StepContext StepContext;

MUST_CHECK int step_context_new(const Model *model, StepContext **ret);
StepContext *step_context_free(StepContext *context);
DEFINE_CLEANUP(StepContext *, step_context_free)

typedef struct Entered {
    StageRef stage;
    int64_t at_ms;
} Entered;

typedef struct Step {
    StepContext *context;
    const Model *model;
    Lead *lead;             /* or … */
    Account *account;       /* … an account; the other is NULL */
    const LeadEvent *event; /* NULL: at moments, and in a step that an SLA verdict causes */
    Cause cause;
    bool refused;         /* the event was refused on some track */
    size_t first_entered; /* of the context's entered stages: where this step's begin */
    size_t n_entered;     /* by transitions of this step, in order */
    int error;            /* the first negative errno met; the step goes on, its outputs are not told */
} Step;

Step step_begin(StepContext *context, Lead *lead, const LeadEvent *event, Cause cause);
Step step_begin_account(StepContext *context, Account *account, const LeadEvent *event, Cause cause);
/* A step inside another: of the same lead, without an event, with stages entered of its own. */
Step step_begin_inner(const Step *outer, Cause cause);
void step_end_inner(Step *outer, const Step *inner);
/* Tells all outputs and empties the context. 0, the step's error, or the sink's negative errno. */
MUST_CHECK int step_end(const Step *step, OutputSink sink);

/* The clock of the lead or account. */
static inline int64_t step_clock(const Step *step) {
    return step->lead ? step->lead->clock_ms : step->account->clock_ms;
}
/* Its situation at its clock. For as long as the step: the scores of a lead, once asked for, are kept until its clock moves. */
Situation step_situation(const Step *step, const LeadEvent *event);

/* Memory for pieces of outputs: zeroed, valid until they are told. NULL: out of memory, noted in step->error. */
void *step_alloc(Step *step, size_t n, size_t size);
#define step_new_array(step, type, n) ((type *)step_alloc((step), (n), sizeof(type)))

/* Notes that a transition of this step entered the stage at the lead's or account's clock. */
void step_enter(Step *step, StageRef stage);
/* The step's n_entered stages, valid until the next step_enter(). */
const Entered *step_entered(const Step *step);

/*
 * A new pending output with everything filled in that all types share: ids, model, ordinal, of a lead its segment and route, and what is
 * carried from its profile and, with `event`, from the event. NULL: out of memory, noted in step->error.
 */
Output *step_output(Step *step, OutputType type, int64_t at_ms, const LeadEvent *event);
/* Names the output: the UUIDv5's name is "scored:" and the pieces, a slash between two, whatever bytes they have. */
void step_name_output(Step *step, Output *output, const Str *pieces, size_t n);
#define STEP_NAME_OUTPUT(step, output, ...)                                                                  \
    step_name_output(step, output, (const Str[]){__VA_ARGS__}, ARRAY_SIZE(((const Str[]){__VA_ARGS__})))
/* A number as a piece of it, in `buffer`. */
Str step_name_number(int64_t number, char buffer[static DECIMAL_SIZE]);

/* The outputs that wait, in order; for what is known at the end only. */
Output *const *step_pending(const StepContext *context, size_t *ret_n);
