// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import io.scored.LeadEvent;
import io.scored.SlaEvent;
import io.scored.StageChanged;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.specific.SpecificRecordBase;
import org.apache.avro.util.Utf8;

/**
 * What happens to a lead: an event, or a moment that time brings. Knows nothing of where records are kept, or of how moments are found:
 * whoever keeps them calls advance() when the time has come. One for each thread.
 *
 * A *step* is one thing that happens at one instant; its outputs are told at its end, for they speak of it (next_change_at).
 */
public final class Engine {
    private static final Utf8 BY_EVENT = new Utf8("event"), BY_TIME = new Utf8("time");
    private static final Utf8 WARNING = new Utf8("warning"), BREACHED = new Utf8("breached"), MET = new Utf8("met"),
            LATE = new Utf8("late"), CANCELLED = new Utf8("cancelled"), RETRACTED = new Utf8("retracted");

    private final OutputSink sink;
    private final Outputs outputs = new Outputs();
    private final Rules rules = new Rules();
    private final EventKey key = new EventKey();

    // the step at hand
    private LeadState lead;
    private Utf8 leadId;
    /** Its event's id; null: it has none. */
    private Utf8 eventId;
    private Utf8 cause;
    private boolean enteredMql, enteredNurture;
    private final List<SpecificRecordBase> pending = new ArrayList<>();

    public Engine(OutputSink sink) {
        this.sink = sink;
    }

    /**
     * The event happens to its lead, after all moments up to the watermark, which its date raises. False: it is a repeat, and nothing has
     * changed.
     */
    public boolean apply(LeadState lead, LeadEvent event, long watermark) {
        key.set(event.getEventId());
        if (lead.hasSeen(key)) {
            return false;
        }
        long occurredAt = event.getOccurredAt().toEpochMilli();
        advance(lead, event.getLeadId(), Math.max(watermark, occurredAt));

        begin(lead, event.getLeadId(), event.getEventId(), BY_EVENT);
        arrive(occurredAt);
        EventType type = EventType.of(event.getType());
        noteFacts(event, type);
        rules.apply(lead, event, type, key, occurredAt);
        moveByEvent(type);
        settle();
        runClock(type == EventType.SALES_TOUCH ? occurredAt : LeadState.NEVER);
        end();
        return true;
    }

    /** All moments of the lead up to the watermark happen. True: there were some. */
    public boolean advance(LeadState lead, Utf8 leadId, long watermark) {
        boolean changed = false;
        for (;;) {
            long sla = nextSlaMoment(lead);
            long internal = lead.stage == Model.MQL ? lead.crossingAt : LeadState.NEVER;
            if (Math.min(sla, internal) > watermark) {
                return changed;
            }
            changed = true;
            if (internal > sla) {
                begin(lead, leadId, null, BY_TIME);
                tellNextLevel();
                end();
            } else if (!lead.crossingIsExact) {
                lead.crossingAt = Scores.coolsAt(lead);
                lead.crossingIsExact = true;
            } else {
                begin(lead, leadId, null, BY_TIME);
                lead.clock = internal;
                settle();
                runClock(LeadState.NEVER);
                end();
            }
        }
    }

    /** When advance() has to be called for the lead, or earlier; NEVER. */
    public static long nextMoment(LeadState lead) {
        return Math.min(nextSlaMoment(lead), lead.stage == Model.MQL ? lead.crossingAt : LeadState.NEVER);
    }

    // --- steps ---

    private void begin(LeadState lead, Utf8 leadId, Utf8 eventId, Utf8 cause) {
        this.lead = lead;
        this.leadId = leadId;
        this.eventId = eventId;
        this.cause = cause;
        enteredMql = enteredNurture = false;
    }

    private void end() {
        if (enteredMql && lead.stage == Model.MQL) {
            lead.crossingAt = Scores.coolsAt(lead);
            lead.crossingIsExact = true;
        }
        for (int i = 0; i < pending.size(); i++) {
            if (pending.get(i) instanceof StageChanged change) {
                if (lead.stage == Model.MQL && lead.crossingAt != LeadState.NEVER) {
                    Outputs.setNextChange(change, lead.crossingAt);
                }
                sink.stageChanged(change);
            } else {
                sink.slaEvent((SlaEvent) pending.get(i));
            }
        }
        pending.clear();
    }

    private void arrive(long occurredAt) {
        if (lead.clock == LeadState.NONE) {
            lead.clock = occurredAt;
            lead.enteredAt[Model.LEAD] = occurredAt;
        }
        lead.clock = Math.max(lead.clock, occurredAt);
        lead.addSeen(key);
    }

    private void noteFacts(LeadEvent event, EventType type) {
        if (event.getAccountId() != null) {
            lead.accountId.set(event.getAccountId());
        }
        if (event.getSource() != null) {
            if (lead.firstSource.isNull()) {
                lead.firstSource.set(event.getSource());
            }
            lead.lastSource.set(event.getSource());
        }
        if (type == EventType.PROFILE_UPDATED) {
            lead.profile.patch(event.getProperties());
        }
    }

    // --- the track ---

    private void moveByEvent(EventType type) {
        switch (type) {
            case SALES_ACCEPTED -> moveIf(lead.stage == Model.MQL, Model.SAL, Model.ACCEPT);
            case SALES_REJECTED -> moveIf(lead.stage == Model.MQL || lead.stage == Model.SAL, Model.NURTURE, Model.REJECT);
            case SALES_MEETING -> moveIf(lead.stage == Model.SAL, Model.SQL, Model.MEET);
            case SALES_OPPORTUNITY -> moveIf(lead.stage == Model.SQL, Model.OPPORTUNITY, Model.OPEN);
            default -> { }
        }
    }

    private void moveIf(boolean may, int to, Utf8 transition) {
        if (may) {
            move(to, transition);
        }
    }

    private void move(int to, Utf8 transition) {
        pending.add(outputs.stageChanged(lead, leadId, eventId, cause, to, transition));
        lead.stage = to;
        lead.enteredAt[to] = lead.clock;
        enteredMql |= to == Model.MQL;
        enteredNurture |= to == Model.NURTURE;
    }

    /** Takes transitions as long as one holds; a stage that was entered at this instant is passed over. */
    private void settle() {
        for (;;) {
            boolean mayQualify = lead.stage == Model.LEAD || lead.stage == Model.NURTURE;
            if (mayQualify && lead.enteredAt[Model.MQL] != lead.clock && Scores.isQualified(lead, lead.clock)) {
                move(Model.MQL, Model.QUALIFY);
            } else if (lead.stage == Model.MQL && lead.enteredAt[Model.NURTURE] != lead.clock && Scores.isCool(lead, lead.clock)) {
                move(Model.NURTURE, Model.COOL);
            } else {
                return;
            }
        }
    }

    // --- the SLA's clock ---

    private static long nextLevel(LeadState lead) {
        if (lead.phase != LeadState.OPEN || lead.breached) {
            return LeadState.NEVER;
        }
        return lead.startedAt + (lead.warned ? Model.TARGET_MS : Model.WARN_MS);
    }

    /** One millisecond after the level, so that a touch at that very instant is in time. */
    private static long nextSlaMoment(LeadState lead) {
        long level = nextLevel(lead);
        return level == LeadState.NEVER ? level : level + 1;
    }

    private void tellNextLevel() {
        long at = nextLevel(lead);
        if (lead.warned) {
            lead.breached = true;
            tell(BREACHED, null, at, null);
        } else {
            lead.warned = true;
            tell(WARNING, Model.WARN_LEVEL, at, null);
        }
    }

    private void tell(Utf8 kind, Utf8 level, long at, Utf8 stopEventId) {
        pending.add(outputs.slaEvent(lead, leadId, kind, level, at, kind == MET || kind == LATE || kind == RETRACTED, stopEventId));
    }

    /** `touchedAt`: the date of the step's `sales_touch`; NEVER: it has none. */
    private void runClock(long touchedAt) {
        if (lead.phase == LeadState.OPEN && touchedAt != LeadState.NEVER && touchedAt >= lead.startedAt) {
            stop(touchedAt);
        } else if (lead.phase == LeadState.REVISABLE) {
            revise(touchedAt);
        }
        if (lead.phase == LeadState.OPEN && enteredNurture && lead.enteredAt[Model.NURTURE] >= lead.startedAt) {
            tellLevelsBefore(lead.enteredAt[Model.NURTURE]);
            tell(CANCELLED, null, lead.enteredAt[Model.NURTURE], null);
            endClock(LeadState.NO_CLOCK);
        }
        if (lead.phase != LeadState.OPEN && enteredMql) {
            startClock(lead.enteredAt[Model.MQL]);
        }
    }

    private void tellLevelsBefore(long at) {
        while (nextLevel(lead) < at) {
            tellNextLevel();
        }
    }

    private void stop(long at) {
        tellLevelsBefore(at);
        boolean isLate = at > lead.startedAt + Model.TARGET_MS;
        tell(isLate ? LATE : lead.breached ? RETRACTED : MET, null, at, eventId);
        endClock(isLate ? LeadState.REVISABLE : LeadState.NO_CLOCK);
    }

    /** A touch that was synchronized late: in time after all. */
    private void revise(long touchedAt) {
        long due = lead.startedAt + Model.TARGET_MS;
        if (lead.clock - Model.REVISE_MS > due) {
            endClock(LeadState.NO_CLOCK);
        } else if (touchedAt >= lead.startedAt && touchedAt <= due) {
            tell(RETRACTED, null, touchedAt, eventId);
            endClock(LeadState.NO_CLOCK);
        }
    }

    private void startClock(long at) {
        lead.phase = LeadState.OPEN;
        lead.epoch++;
        lead.startedAt = at;
        lead.warned = lead.breached = false;
        if (eventId == null) {
            lead.startEventId.clear();
        } else {
            lead.startEventId.set(eventId);
        }
    }

    private void endClock(int phase) {
        lead.phase = phase;
        if (phase == LeadState.NO_CLOCK) {
            lead.startedAt = LeadState.NONE;
            lead.startEventId.clear();
        }
    }
}
