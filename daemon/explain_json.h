#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* An explanation as one JSON object. README.md tells its members. */
#include "daemon/io/json_writer.h"
#include "lib/explain.h"

/* Begins the object and appends all members; the caller may add more, and ends it. The writer keeps errors. */
void explain_json_begin(JsonWriter *writer, const Explanation *explanation);
