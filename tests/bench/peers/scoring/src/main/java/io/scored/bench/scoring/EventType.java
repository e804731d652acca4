// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import java.util.HashMap;
import java.util.Map;
import org.apache.avro.util.Utf8;

/** The types of events that mean something to the model. */
enum EventType {
    PAGE_VIEW, EMAIL_OPENED, EMAIL_CLICKED, CONTENT_DOWNLOADED, WEBINAR_ATTENDED, BOOTH_VISITED, CHAT_STARTED, TRIAL_STARTED,
    TRIAL_ACTIVATED, FEATURE_USED, TEAMMATE_INVITED, API_CALLED, DEMO_REQUESTED, CONTACT_REQUESTED, PROFILE_UPDATED,
    SALES_ACCEPTED, SALES_REJECTED, SALES_MEETING, SALES_OPPORTUNITY, SALES_TOUCH,
    /** Anything else. */
    OTHER;

    private static final Map<Utf8, EventType> BY_NAME = new HashMap<>();

    static {
        for (EventType type : values()) {
            if (type != OTHER) {
                BY_NAME.put(new Utf8(type.name().toLowerCase()), type);
            }
        }
    }

    static EventType of(Utf8 name) {
        return BY_NAME.getOrDefault(name, OTHER);
    }
}
