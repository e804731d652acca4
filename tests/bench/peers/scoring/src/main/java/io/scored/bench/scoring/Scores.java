// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import org.apache.avro.util.Utf8;

/** The arithmetic of a lead's scores. */
final class Scores {
    private Scores() {}

    static double factor(int score, long from, long at) {
        return from == at ? 1 : Math.pow(2, -(double) (at - from) / Model.HALF_LIFE_MS[score]);
    }

    private static double raw(LeadState lead, int score, long at) {
        return lead.value[score] == 0 ? 0 : lead.value[score] * factor(score, lead.scoredAt[score], at);
    }

    static double value(LeadState lead, int score, long at) {
        double value = raw(lead, score, at);
        return Math.abs(value) < Model.EPSILON ? 0 : value;
    }

    static double total(LeadState lead, long at) {
        return value(lead, 0, at) + value(lead, 1, at) + value(lead, 2, at) + value(lead, 3, at);
    }

    /** `total >= mql_up`; scores only fall, so most leads need no decay worked out. */
    static boolean isQualified(LeadState lead, long at) {
        double most = lead.value[0] + lead.value[1] + lead.value[2] + lead.value[3];
        return most > Model.MQL_UP - 2 * Model.EPSILON && Profile.isAtLeast(total(lead, at), Model.MQL_UP);
    }

    /** `total < mql_down` */
    static boolean isCool(LeadState lead, long at) {
        double total = total(lead, at);
        return total < Model.MQL_DOWN && Math.abs(total - Model.MQL_DOWN) >= Model.EPSILON;
    }

    /** The first millisecond after the clock at which the lead begins to be cool; NEVER. All points are positive, so the total only falls. */
    static long coolsAt(LeadState lead) {
        long from = lead.clock;
        if (isCool(lead, from)) {
            return LeadState.NEVER;
        }
        long step = Model.DAY_MS;
        while (!isCool(lead, from + step)) {
            from += step;
            step *= 2;
        }
        long to = from + step;
        // a total is convex, so a chord's zero is after, a tangent's before the crossing: both are near it soon
        while (to - from > 8) {
            long guess = tangentZero(lead, from);
            if (guess <= from || guess >= to) {
                guess = from + (to - from) / 2;
            }
            if (isCool(lead, guess)) {
                to = guess;
                continue;
            }
            from = guess;
            long probe = Math.min(from + 4, to);
            if (isCool(lead, probe)) {
                to = probe;
            }
        }
        while (to - from > 1) {
            long middle = from + (to - from) / 2;
            if (isCool(lead, middle)) {
                to = middle;
            } else {
                from = middle;
            }
        }
        return to;
    }

    /** One step of Newton's method towards the crossing. */
    private static long tangentZero(LeadState lead, long at) {
        double total = 0, slope = 0;
        for (int i = 0; i < Model.SCORES; i++) {
            double value = value(lead, i, at);
            total += value;
            slope += value / Model.HALF_LIFE_MS[i];
        }
        return at + (long) ((total - Model.MQL_DOWN) / (slope * Math.log(2)));
    }

    /** Points of a rule, dated when the event happened and cut so that the score stays within its maximum now. */
    static void award(LeadState lead, int rule, int score, double points, long occurredAt, Utf8 eventId, EventKey key) {
        if (points == 0) {
            return;
        }
        double factor = factor(score, occurredAt, lead.clock);
        double contribution = points * factor;
        double raw = raw(lead, score, lead.clock);
        double present = Math.abs(raw) < Model.EPSILON ? 0 : raw;
        double kept = contribution;
        if (contribution > 0 && present + contribution > Model.MAX[score]) {
            kept = Math.max(0, Model.MAX[score] - present);
        }
        if (kept != contribution) {
            points = kept / factor;
            if (Math.abs(points) < Model.EPSILON) {
                return;
            }
        }
        lead.value[score] = raw + kept;
        lead.scoredAt[score] = lead.clock;
        lead.crossingIsExact = false;
        lead.awards.add(rule, score, points, occurredAt, eventId, key);
    }
}
