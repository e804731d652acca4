#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a Model
 *
 * Where a model's time zones and holidays come from: the system's tz database, and the folder of the model
 * itself.
 */
#include "lib/model/model.h"

#define MODEL_ZONES_DIR "/usr/share/zoneinfo"

/* For model_load(). `directory` is where relative paths begin; it is borrowed. */
ModelFiles model_files_in(const char *directory);
