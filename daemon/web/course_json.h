#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Value that Decays, as JSON
 *
 * What a browser needs to go on by itself: {"c": 12.5, "t": [[30, 1767225600000, 604800000], …], "max": 100} is, at an instant t, c plus the
 * sum of value * 2^-((t - at) / half_life), cut to max if there is one. As long as nothing happens the text stays the same.
 */
#include "daemon/io/json/json_writer.h"
#include "lib/lead/account.h"
#include "lib/lead/lead.h"

/* A score of the lead. What is not with a half-life is as of at_ms, and has to be written anew as time goes by. */
void course_json_score(JsonWriter *writer, Str name, const Model *model, const Lead *lead, unsigned score, int64_t at_ms);
/* A derived score; likewise as of at_ms unless it is a sum of scores with factors. Null where it has no value. */
void course_json_derived(JsonWriter *writer, Str name, const Model *model, const Lead *lead, unsigned derived, int64_t at_ms);
/* An account's score. */
void course_json_account(JsonWriter *writer, Str name, const Model *model, const Account *account, unsigned score, int64_t at_ms);
