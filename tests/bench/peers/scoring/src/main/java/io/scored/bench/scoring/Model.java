// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import org.apache.avro.util.Utf8;

/** tests/bench/model.yaml, by hand: what a team that has one model would write. */
final class Model {
    private Model() {}

    static final Utf8 ID = text("bench");
    static final long VERSION = 1;
    static final Utf8 SEGMENT = text("default");

    static final long HOUR_MS = 3_600_000L;
    static final long DAY_MS = 24 * HOUR_MS;

    /** Two numbers closer than this are equal, and a score smaller than this reads as 0. */
    static final double EPSILON = 1e-9;

    static final double MQL_UP = 60;
    static final double MQL_DOWN = 30;

    // scores
    static final int ATTENTION = 0, ENGAGEMENT = 1, INTENT = 2, USAGE = 3, SCORES = 4;
    static final Utf8[] SCORE = {text("attention"), text("engagement"), text("intent"), text("usage")};
    static final Utf8 TOTAL = text("total");
    static final double[] HALF_LIFE_MS = {3 * DAY_MS, 7 * DAY_MS, 14 * DAY_MS, 30 * DAY_MS};
    static final double[] MAX = {40, 60, 100, 80};

    // rules, in the order of the file
    static final int PAGE = 0, PRICING = 1, COMPARE = 2, DOCS = 3, LONG_VISIT = 4, EMAIL_OPEN = 5, EMAIL_CLICK = 6, DOWNLOAD = 7,
            WEBINAR = 8, EVENT_BOOTH = 9, CHAT = 10, TRIAL = 11, ACTIVATED = 12, FEATURE = 13, INVITED = 14, API = 15, ASKED = 16,
            LARGE = 17, DECIDER = 18, PARTNER = 19;
    static final Utf8[] RULE = texts("page", "pricing", "compare", "docs", "long-visit", "email-open", "email-click", "download",
            "webinar", "event-booth", "chat", "trial", "activated", "feature", "invited", "api", "asked", "large", "decider", "partner");

    // the track
    static final Utf8 TRACK = text("lifecycle");
    static final int LEAD = 0, NURTURE = 1, MQL = 2, SAL = 3, SQL = 4, OPPORTUNITY = 5, STAGES = 6;
    static final Utf8[] STAGE = texts("lead", "nurture", "mql", "sal", "sql", "opportunity");
    static final Utf8[] OWNER = texts("marketing", "marketing", "sales_development", "sales_development", "sales", "sales");
    static final Utf8 QUALIFY = text("qualify"), ACCEPT = text("accept"), REJECT = text("reject"), MEET = text("meet"),
            OPEN = text("open"), COOL = text("cool");

    // the SLA
    static final Utf8 POLICY = text("first-touch");
    static final long TARGET_MS = 4 * HOUR_MS;
    static final long WARN_MS = TARGET_MS / 2;
    static final Utf8 WARN_LEVEL = text("50%");
    static final long REVISE_MS = 7 * DAY_MS;

    private static Utf8 text(String s) {
        Utf8 text = new Utf8(s);
        text.hashCode(); // cached from now on
        return text;
    }

    private static Utf8[] texts(String... all) {
        Utf8[] texts = new Utf8[all.length];
        for (int i = 0; i < all.length; i++) {
            texts[i] = text(all[i]);
        }
        return texts;
    }
}
