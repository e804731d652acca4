#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* An explanation for people: some 100 columns of plain text. */
#include "daemon/top_text.h"
#include "lib/explain.h"

void explain_text(TopText *text, const Explanation *explanation);
/* "2026-01-31T08:00:00.000Z (in 2d04h)" */
void explain_text_instant(TopText *text, int64_t instant_ms, int64_t at_ms);
