#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* An explanation for people: some 100 columns of plain text. */
#include "daemon/base/top_text.h"
#include "lib/explain/explain.h"

void explain_text(TopText *text, const Explanation *explanation);
