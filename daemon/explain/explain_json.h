#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* An explanation as one JSON object. README.md tells its members. */
#include "daemon/io/json/json_writer.h"
#include "lib/explain/explain.h"

/* Begins the object and appends all members; the caller may add more, and ends it. The writer keeps errors. */
void explain_json_begin(JsonWriter *writer, const Explanation *explanation);
/*
 * The whole object, a line, of what is kept of a lead or an account. `asked_id`: the one that was merged into it; null: its own.
 * `record_version`: the earlier version of the model that its record is of; 0: the present one.
 */
void explain_json(JsonWriter *writer, const Explanation *explanation, Str asked_id, int64_t record_version);
