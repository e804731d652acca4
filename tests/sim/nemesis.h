#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong, and who starts processes again. */

void nemesis_start(void);
/* All that was wrong ends: whoever sleeps wakes, whoever is cut off is reached. What has crashed is started again. */
void nemesis_stop(void);
/* Nobody is started any more, whatever was planned. */
void nemesis_end(void);
