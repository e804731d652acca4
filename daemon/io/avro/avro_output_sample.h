#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sample Outputs
 *
 * One output of each type with everything in it, and one with all null that may be, by the comments of
 * lib/engine/output.h: what a schema has to take.
 */
#include "lib/engine/output.h"

/* It borrows constants only. */
void output_sample(OutputType type, bool full, Output *ret);
