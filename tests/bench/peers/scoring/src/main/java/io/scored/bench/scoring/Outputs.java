// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import io.scored.Reason;
import io.scored.SlaEvent;
import io.scored.StageChanged;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.util.Utf8;

/** Makes the output records. */
final class Outputs {
    private static final Utf8 LEAD = new Utf8("lead");
    private static final int REASONS_MAX = 5;
    /** Two sizes that differ by no more than the last bits of their arithmetic are a tie. */
    private static final double TIE_RELATIVE = 1e-12;
    /** The URL namespace of RFC 4122. */
    private static final byte[] NAMESPACE = {0x6b, (byte) 0xa7, (byte) 0xb8, 0x11, (byte) 0x9d, (byte) 0xad, 0x11, (byte) 0xd1,
            (byte) 0x80, (byte) 0xb4, 0x00, (byte) 0xc0, 0x4f, (byte) 0xd4, 0x30, (byte) 0xc8};

    private final MessageDigest sha1;
    private final int[] best = new int[REASONS_MAX];
    private final double[] bestValue = new double[REASONS_MAX];
    private final StringBuilder name = new StringBuilder();

    Outputs() {
        try {
            sha1 = MessageDigest.getInstance("SHA-1");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** UUIDv5 of what is in `name`. */
    private Utf8 eventId() {
        sha1.update(NAMESPACE);
        byte[] hash = sha1.digest(name.toString().getBytes(StandardCharsets.UTF_8));
        long high = 0, low = 0;
        for (int i = 0; i < 8; i++) {
            high = high << 8 | hash[i] & 0xff;
            low = low << 8 | hash[8 + i] & 0xff;
        }
        high = high & ~0xf000L | 0x5000L;
        low = low & 0x3fffffffffffffffL | 0x8000000000000000L;
        return EventKey.print(high, low);
    }

    private static Instant instant(long at) {
        return at == LeadState.NONE || at == LeadState.NEVER ? null : Instant.ofEpochMilli(at);
    }

    static void setNextChange(StageChanged change, long at) {
        change.setNextChangeAt(instant(at));
    }

    // --- StageChanged ---

    /** Of the move that is about to be made. */
    StageChanged stageChanged(LeadState lead, Utf8 leadId, Utf8 eventId, Utf8 cause, int to, Utf8 transition) {
        lead.sequence++;
        lead.ordinal++;
        name.setLength(0);
        name.append("scored:stage/lead/").append(leadId).append('/').append(Model.TRACK).append('/').append(lead.sequence).append('/')
                .append(lead.clock);
        StageChanged change = new StageChanged();
        change.setEventId(eventId());
        change.setEntity(LEAD);
        change.setLeadId(leadId);
        change.setAccountId(lead.accountId.toUtf8());
        change.setTrack(Model.TRACK);
        change.setFrom(Model.STAGE[lead.stage]);
        change.setTo(Model.STAGE[to]);
        change.setChangedAt(instant(lead.clock));
        change.setTransition(transition);
        change.setCause(cause);
        change.setCauseEventId(eventId);
        change.setScores(scores(lead));
        change.setSegment(Model.SEGMENT);
        change.setOwner(Model.OWNER[to]);
        change.setSequence(lead.sequence);
        change.setPreviousEnteredAt(instant(lead.enteredAt[lead.stage]));
        change.setFirstSource(lead.firstSource.toUtf8());
        change.setLastSource(lead.lastSource.toUtf8());
        change.setReasons(reasons(lead));
        change.setModel(Model.ID);
        change.setModelVersion(Model.VERSION);
        change.setOrdinal(lead.ordinal);
        change.setCarried(Map.of());
        return change;
    }

    private static Map<Utf8, Double> scores(LeadState lead) {
        Map<Utf8, Double> scores = new HashMap<>(16);
        double total = 0;
        for (int i = 0; i < Model.SCORES; i++) {
            double value = Scores.value(lead, i, lead.clock);
            total += value;
            scores.put(Model.SCORE[i], value);
        }
        scores.put(Model.TOTAL, total);
        return scores;
    }

    /** Up to five awards by present value, then later date, then order of the file. */
    private List<Reason> reasons(LeadState lead) {
        Awards awards = lead.awards;
        int n = 0;
        for (int i = 0, at = 0; i < awards.n; i++, at = awards.next(at)) {
            double value = awards.points(at) * Scores.factor(awards.score(at), awards.occurredAt(at), lead.clock);
            int place = n;
            if (n < REASONS_MAX) {
                n++;
            } else if (!comesBefore(awards, at, value, best[--place], bestValue[place])) {
                continue;
            }
            for (; place > 0 && comesBefore(awards, at, value, best[place - 1], bestValue[place - 1]); place--) {
                best[place] = best[place - 1];
                bestValue[place] = bestValue[place - 1];
            }
            best[place] = at;
            bestValue[place] = value;
        }
        List<Reason> reasons = new ArrayList<>(n);
        for (int i = 0; i < n; i++) {
            int at = best[i];
            reasons.add(new Reason(Model.RULE[awards.rule(at)], Model.SCORE[awards.score(at)], awards.points(at), bestValue[i],
                    instant(awards.occurredAt(at)), awards.eventId(at)));
        }
        return reasons;
    }

    private static boolean comesBefore(Awards awards, int a, double x, int b, double y) {
        if (Math.abs(x - y) > TIE_RELATIVE * Math.max(Math.abs(x), Math.abs(y))) {
            return Math.abs(x) > Math.abs(y);
        }
        if (awards.occurredAt(a) != awards.occurredAt(b)) {
            return awards.occurredAt(a) > awards.occurredAt(b);
        }
        if (awards.rule(a) != awards.rule(b)) {
            return awards.rule(a) < awards.rule(b);
        }
        return place(awards, a) < place(awards, b);
    }

    /** Of the award among those of its rule: three rules give points to two scores. */
    private static int place(Awards awards, int at) {
        int rule = awards.rule(at);
        boolean intentIsFirst = rule == Model.PRICING || rule == Model.ACTIVATED;
        return (awards.score(at) == Model.INTENT) == intentIsFirst ? 0 : 1;
    }

    // --- SlaEvent ---

    SlaEvent slaEvent(LeadState lead, Utf8 leadId, Utf8 kind, Utf8 level, long at, boolean isStop, Utf8 stopEventId) {
        lead.ordinal++;
        name.setLength(0);
        name.append("scored:sla/").append(leadId).append('/').append(Model.POLICY).append('/').append(lead.epoch).append('/')
                .append(lead.startedAt).append('/').append(kind).append('/');
        if (level != null) {
            name.append(level);
        }
        SlaEvent event = new SlaEvent();
        event.setEventId(eventId());
        event.setLeadId(leadId);
        event.setAccountId(lead.accountId.toUtf8());
        event.setPolicy(Model.POLICY);
        event.setEpoch(lead.epoch);
        event.setKind(kind);
        event.setLevel(level);
        event.setStartedAt(instant(lead.startedAt));
        event.setDueAt(instant(lead.startedAt + Model.TARGET_MS));
        event.setOccurredAt(instant(at));
        event.setStoppedAt(isStop ? instant(at) : null);
        event.setElapsedMs(at - lead.startedAt);
        event.setSegment(Model.SEGMENT);
        event.setBreached(lead.breached);
        event.setStartEventId(lead.startEventId.toUtf8());
        event.setStopEventId(stopEventId);
        event.setStages(Map.of(Model.TRACK, Model.STAGE[lead.stage]));
        event.setOwner(Model.OWNER[lead.stage]);
        event.setModel(Model.ID);
        event.setModelVersion(Model.VERSION);
        event.setOrdinal(lead.ordinal);
        event.setCarried(Map.of());
        return event;
    }
}
