// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import io.scored.LeadEvent;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.avro.util.Utf8;

/** The model's rules: what points an event gives. */
final class Rules {
    private static final Utf8 URL = key("url"), SECONDS = key("seconds"), MINUTES = key("minutes"), CALLS = key("calls");
    private static final Utf8 PARTNER = new Utf8("partner");
    private static final byte[] PRICING_PATH = ascii("/pricing"), COMPARE_PATH = ascii("/compare/"), DOCS_PATH = ascii("/docs/");

    // the event at hand
    private LeadState lead;
    private LeadEvent event;
    private EventKey key;
    private long occurredAt;

    private static Utf8 key(String name) {
        Utf8 key = new Utf8(name);
        key.hashCode(); // cached from now on
        return key;
    }

    private static byte[] ascii(String s) {
        return s.getBytes(StandardCharsets.US_ASCII);
    }

    /** NaN: it is no number. */
    private static double number(Map<Utf8, Object> properties, Utf8 name) {
        Object value = properties.get(name);
        return value instanceof Number ? ((Number) value).doubleValue() : Double.NaN;
    }

    private void add(int rule, int score, double points) {
        Scores.award(lead, rule, score, points, occurredAt, event.getEventId(), key);
    }

    /** In the order of the file. */
    void apply(LeadState lead, LeadEvent event, EventType type, EventKey key, long occurredAt) {
        this.lead = lead;
        this.event = event;
        this.key = key;
        this.occurredAt = occurredAt;
        Map<Utf8, Object> properties = event.getProperties();
        switch (type) {
            case PAGE_VIEW -> viewed(properties);
            case EMAIL_OPENED -> add(Model.EMAIL_OPEN, Model.ATTENTION, 1);
            case EMAIL_CLICKED -> {
                add(Model.EMAIL_CLICK, Model.ENGAGEMENT, 3);
                decided();
            }
            case CONTENT_DOWNLOADED -> {
                add(Model.DOWNLOAD, Model.ENGAGEMENT, 8);
                if (PARTNER.equals(event.getSource())) {
                    add(Model.PARTNER, Model.ENGAGEMENT, 4);
                }
            }
            case WEBINAR_ATTENDED -> {
                double minutes = number(properties, MINUTES);
                if (!Double.isNaN(minutes)) {
                    add(Model.WEBINAR, Model.ENGAGEMENT, Math.min(minutes, 60) * 0.25);
                }
            }
            case BOOTH_VISITED -> add(Model.EVENT_BOOTH, Model.ENGAGEMENT, 10);
            case CHAT_STARTED -> {
                add(Model.CHAT, Model.ENGAGEMENT, 5);
                add(Model.CHAT, Model.INTENT, 5);
            }
            case TRIAL_STARTED -> {
                add(Model.TRIAL, Model.INTENT, 35);
                large();
            }
            case TRIAL_ACTIVATED -> {
                add(Model.ACTIVATED, Model.INTENT, 20);
                add(Model.ACTIVATED, Model.USAGE, 10);
            }
            case FEATURE_USED -> add(Model.FEATURE, Model.USAGE, 2);
            case TEAMMATE_INVITED -> {
                add(Model.INVITED, Model.USAGE, 8);
                add(Model.INVITED, Model.INTENT, 5);
            }
            case API_CALLED -> {
                if (Profile.isAtLeast(number(properties, CALLS), 100)) {
                    add(Model.API, Model.USAGE, 4);
                }
            }
            case DEMO_REQUESTED -> {
                add(Model.ASKED, Model.INTENT, 50);
                large();
            }
            case CONTACT_REQUESTED -> add(Model.ASKED, Model.INTENT, 50);
            default -> { }
        }
    }

    private void viewed(Map<Utf8, Object> properties) {
        add(Model.PAGE, Model.ATTENTION, 1);
        if (properties.get(URL) instanceof Utf8 url) {
            if (Bytes.containsIgnoringCase(url, PRICING_PATH)) {
                add(Model.PRICING, Model.INTENT, 8);
                add(Model.PRICING, Model.ATTENTION, 2);
            }
            if (Bytes.containsIgnoringCase(url, COMPARE_PATH)) {
                add(Model.COMPARE, Model.INTENT, 6);
            }
            if (Bytes.containsIgnoringCase(url, DOCS_PATH)) {
                add(Model.DOCS, Model.USAGE, 1);
            }
        }
        if (Profile.isAtLeast(number(properties, SECONDS), 120)) {
            add(Model.LONG_VISIT, Model.ATTENTION, 2);
        }
        decided();
    }

    private void large() {
        if (lead.profile.isLarge) {
            add(Model.LARGE, Model.INTENT, 15);
        }
    }

    private void decided() {
        if (lead.profile.isDecider) {
            add(Model.DECIDER, Model.ENGAGEMENT, 2);
        }
    }
}
