#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in a Condition
 *
 * What a name means in the place where the condition stands (SPEC section 2, "Names"). `word` is the name that was taken, `mark` where
 * it stands. A name that means nothing there is reported and compiles to null, so that the rest is checked too.
 */
#include "lib/condition/condition_emit.h"

/* event.type, event.… */
Operand name_event(Compiler *c, Mark mark, Str word);
/* profile.… */
Operand name_profile(Compiler *c, Mark mark, Str word);
/* age(track), since(track.stage), left(track.stage), entries(track.stage) */
Operand name_track_function(Compiler *c, Mark mark, Str word, Op op);
/* All names without anything behind them. */
Operand name_plain(Compiler *c, Mark mark, Str word);

/* Warns of a text that the name, which it is compared with, can never be. Either may be NULL, and anything. */
void name_check_text(Compiler *c, const Instruction *name, const Instruction *text, Mark mark);
