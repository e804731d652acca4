#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* What the text of an explanation is made of. */
#include "daemon/base/top_text.h"
#include "lib/explain/explain.h"

#define TEXT_NUMBER_SIZE 40
/* Two decimals at most, more where that would be nothing; NAN is "null". */
void text_print_number(double value, char text[static TEXT_NUMBER_SIZE]);
void text_number(TopText *text, double value);
void text_span(TopText *text, int64_t span_ms);
/* As the model writes it: "7d". */
void text_duration(TopText *text, int64_t duration_ms);
/* "2026-01-31T08:00:00.000Z (in 2d04h)" */
void text_instant(TopText *text, int64_t instant_ms, int64_t at_ms);
void text_str_or(TopText *text, Str s, const char *otherwise);
void text_list(TopText *text, const Str *items, size_t n);
/* Begins a line that says one thing; and ends any. */
void text_line(TopText *text, const char *label);
void text_line_end(TopText *text);

void explain_text_track(TopText *text, const ExplainedTrack *track, int64_t at_ms);
void explain_text_clock(TopText *text, const ExplainedClock *clock, int64_t at_ms);
