#!/usr/bin/env python3
"""What `scored replay` must print, computed the slow and plain way.

    oracle.py --model M.yaml [--until T] [--dump-leads F] [EVENTS.jsonl]

The methods follow the steps of the definition one by one; numbers in comments are its sections.
Not here yet: linear and window decay, limit, counters, idle_rules, calendars, pause, accounts, lead_merged.
"""
import argparse
import functools
import heapq
import itertools
import json
import sys
import uuid
from collections import deque
from types import SimpleNamespace as Record

import expr
import lines
import model as models
from lines import rfc3339

NAMED_IDS = 64          # event ids kept per lead
KEPT_AWARDS = 32        # awards kept for reasons
REASONS = 5


def quiet(event_type):
    """Types that do not end a silence (2, `idle`)."""
    return event_type.startswith(('sales_', 'lead_')) or event_type == 'profile_updated'


def never_ignored(event_type):
    return quiet(event_type)


def output_id(name):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, 'scored:' + name))


def compare_reasons(a, b):
    """Sizes that differ by no more than the last bits of their arithmetic are a tie (README, "a choice")."""
    (x, *rest_a), (y, *rest_b) = a[0], b[0]
    if abs(x - y) > 1e-12 * max(-x, -y):
        return -1 if x < y else 1
    return (rest_a > rest_b) - (rest_a < rest_b)


class Lead:
    def __init__(self, lead_id, model):
        self.id = lead_id
        self.clock = None
        self.account_id = self.first_source = self.last_source = None
        self.profile = {}
        self.segment, self.route = 'default', None
        self.event_ids = deque(maxlen=NAMED_IDS)
        self.awards = deque(maxlen=KEPT_AWARDS)
        self.held = []          # profile rules that hold: (rule, score, points)
        self.scores = {name: ScoreState(spec) for name, spec in model.scores.items()}
        self.tracks = {}
        self.clocks = {p.id: Record(epoch=0, open=None, revisable=None) for p in model.policies}
        self.latest = None      # occurred_at of the latest event that ends a silence
        self.ordinal = 0
        self.next_change = {}   # track -> when time alone changes it
        self.version = 0        # moments in the queue of an older version are void

    def enter_initial(self, model, now):
        self.clock = now
        for track in model.tracks.values():
            self.tracks[track.name] = Record(stage=track.initial, sequence=0, entered={track.initial: now},
                                             left={}, entries={track.initial: 1})


class ScoreState:
    """The contributions to one score, with their sum at `reference` kept so as not to add them up each time."""

    def __init__(self, spec):
        self.spec = spec
        self.contributions = []
        self.reference, self.sum = 0, 0.0

    def decay(self, t, c):
        return 1.0 if self.spec.half_life is None else 2.0 ** (-(t - c) / self.spec.half_life)

    def add(self, points, c, now):
        self.contributions.append((points, c))
        self.reference = now
        self.sum = sum(p * self.decay(now, at) for p, at in self.contributions)

    def set(self, points):
        self.sum = points       # by profile rules: no decay, no contributions

    def exact(self, t):
        return self.sum * self.decay(t, self.reference)

    def value(self, t):
        exact = self.exact(t)
        return 0.0 if abs(exact) < expr.EPSILON else exact

    def line(self, start):
        value = self.value(start)
        if self.spec.half_life is None:
            return expr.Line(value)
        return expr.Line(waves={self.spec.half_life: value})

    def fades_at(self, now):
        """The first instant after now at which it reads as 0, if it does not yet."""
        if self.spec.half_life is None or self.value(now) == 0.0:
            return None
        low, high = now, now + 1
        while self.value(high) != 0.0:
            low, high = high, high + (high - now)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.value(middle) == 0.0 else (middle, high)
        return high


class Scope:
    """What the names of a condition mean: a lead, and the event at hand or None."""

    def __init__(self, engine, lead, event=None):
        self.model, self.lead, self.event = engine.model, lead, event

    def plain(self, kind, name):
        if kind == 'event':
            value = None if self.event is None else event_field(self.event, name)
        elif kind == 'profile':
            value = self.lead.profile.get(name)
        elif kind == 'lead':
            value = getattr(self.lead, name)
        elif kind == 'track':
            value = self.lead.tracks[name].stage
        else:
            value = self.param(name)
        is_long = isinstance(value, int) and not isinstance(value, bool)
        return float(value) if is_long else value

    def param(self, name):
        for segment in self.model.segments:
            if segment.id == self.lead.segment and name in segment.params:
                return segment.params[name]
        return self.model.params[name]

    def score(self, name, t):
        return self.lead.scores[name].value(t)

    def score_line(self, name, start):
        return self.lead.scores[name].line(start)

    def instant(self, kind, track, stage):
        if kind == 'idle':
            return self.lead.latest
        state = self.lead.tracks[track]
        if kind == 'age':
            return state.entered[state.stage]
        return (state.entered if kind == 'since' else state.left).get(stage)

    def entries(self, track, stage):
        return float(self.lead.tracks[track].entries.get(stage, 0))


def event_field(event, name):
    if name in ('type', 'source', 'campaign', 'topic'):
        return getattr(event, name)
    return event.properties.get(name)


class Engine:
    def __init__(self, model):
        self.model = model
        self.leads = {}
        self.watermark = None
        self.outputs = []
        self.unfinished = []    # StageChanged of the present step, without next_change_at yet
        self.queue = []         # (time, id as bytes, kind, order, a serial number, lead, its version)
        self.serial = itertools.count()
        self.bad_lines = 0

    # --- 4: an event, step by step ---

    def line(self, number, line):
        if not line.strip():
            return
        try:
            event = lines.event(line)
        except lines.Bad as bad:
            self.bad_lines += 1
            print(f'line {number}: {bad.reason}: {bad}', file=sys.stderr)
            self.outputs.append({'output': 'DeadLetter', 'original': line.decode('utf-8', 'replace'), 'topic': None,
                                 'partition': None, 'offset': number, 'reason': bad.reason, 'text': str(bad)})
            return
        self.event(event)

    def event(self, event):
        lead = self.leads.get(event.lead_id)
        if lead and event.event_id in lead.event_ids:                               # step 2
            return
        if not never_ignored(event.type) and self.is_ignored(lead, event):          # step 3
            return
        self.raise_watermark(event.at - self.model.lateness)                        # step 4
        self.moments_to_watermark()
        if event.type == 'lead_forgotten':
            self.forget(lead, event)
            return
        if event.type == 'lead_merged':
            raise NotImplementedError('lead_merged')
        if lead:
            self.internal_moments(lead, event.at)
            lead.clock = max(lead.clock, event.at)
        else:
            lead = self.leads[event.lead_id] = Lead(event.lead_id, self.model)
            lead.enter_initial(self.model, event.at)
        lead.event_ids.append(event.event_id)
        self.apply(lead, event)
        self.end_step(lead)

    def is_ignored(self, lead, event):
        if not lead:
            lead = Lead(event.lead_id, self.model)      # as it would be on its first day, but not kept
            lead.enter_initial(self.model, event.at)
        now = max(lead.clock, event.at)
        return any(self.holds(rule.when, lead, now, event) for rule in self.model.ignore)

    def apply(self, lead, event):
        now = lead.clock
        if event.account_id is not None:                                            # step 5
            lead.account_id = event.account_id
        if event.source is not None:
            if lead.first_source is None:
                lead.first_source = event.source
            lead.last_source = event.source
        if event.type == 'profile_updated':
            for name, value in event.properties.items():
                if value is None:
                    lead.profile.pop(name, None)
                else:
                    lead.profile[name] = value
        lead.segment = self.first_match(self.model.segments, lead, 'default')       # step 6
        lead.route = self.first_match(self.model.routes, lead, None)
        self.profile_rules(lead)                                                    # step 7
        self.event_rules(lead, event)                                               # step 8
        if not quiet(event.type):
            lead.latest = event.at if lead.latest is None else max(lead.latest, event.at)
        entered, refused = self.event_transitions(lead, event)                      # step 9
        entered += self.settle(lead, 'event', event)
        self.sla_step(lead, entered, event, refused)                                # step 10

    def first_match(self, choices, lead, otherwise):
        if choices is self.model.segments:
            lead.segment = 'default'        # a segment's condition sees the base params
        for choice in choices:
            if self.holds(choice.when, lead, lead.clock):
                return choice.id
        return otherwise

    def profile_rules(self, lead):
        lead.held = []
        for rule in self.model.profile_rules:
            if self.holds(rule.when, lead, lead.clock):
                for name, points in rule.add.items():
                    points = points.at(Scope(self, lead), lead.clock)
                    if expr.is_number(points) and points != 0:
                        lead.held.append((rule.id, name, points))
        for name, spec in self.model.scores.items():
            if spec.by_profile:
                total = sum(points for _, score, points in lead.held if score == name)
                if spec.max is not None:
                    total = min(total, spec.max)
                if spec.min is not None:
                    total = max(total, spec.min)
                lead.scores[name].set(total)

    def event_rules(self, lead, event):
        """First what every rule gives, by the scores as they are, then the awards one by one."""
        scope, now, given = Scope(self, lead, event), lead.clock, []
        for rule in self.model.rules:
            takes = event.type in rule.on if rule.on is not None else not (
                event.type == 'profile_updated' or event.type.startswith('lead_'))
            if takes and rule.when.at(scope, now) is True:
                given += [(rule, name, points.at(scope, now)) for name, points in rule.add.items()]
        for rule, name, points in given:
            if expr.is_number(points) and points != 0:
                self.award(lead, rule.id, name, points, event)

    def award(self, lead, rule_id, name, points, event):
        state, now = lead.scores[name], lead.clock
        value, factor = state.exact(now), state.decay(now, event.at)
        low, high = state.spec.min, state.spec.max
        if points > 0 and high is not None and value + points * factor > high:
            points = max(0.0, (high - value) / factor)
        if points < 0 and low is not None and value + points * factor < low:
            points = min(0.0, (low - value) / factor)
        if abs(points) < expr.EPSILON:      # cut to nothing
            return
        state.add(points, event.at, now)
        lead.awards.append(Record(rule=rule_id, score=name, points=points, at=event.at, event_id=event.event_id))

    def event_transitions(self, lead, event):
        entered, refused = [], False
        for track in self.model.tracks.values():
            for transition in self.leaving(lead, track):
                if event.type in transition.on and self.holds(transition.when, lead, lead.clock, event):
                    if self.holds(transition.require, lead, lead.clock, event):
                        entered.append(self.change(lead, track, transition, 'event', event))
                    else:
                        refused = True
                        self.refuse(lead, track, transition, event)
                    break
        return entered, refused

    def forget(self, lead, event):
        if not lead:
            return
        self.internal_moments(lead, event.at)
        lead.clock = max(lead.clock, event.at)
        lead.ordinal += 1
        self.outputs.append({
            'output': 'LeadRetired', 'event_id': output_id(f'retired/{lead.id}/{event.event_id}'),
            'lead_id': lead.id, 'account_id': None, 'cause': 'forgotten', 'into': None, 'at': rfc3339(lead.clock),
            'ordinal': lead.ordinal, 'carried': {}})
        lead.version += 1
        del self.leads[lead.id]

    # --- tracks ---

    def leaving(self, lead, track):
        """The transitions out of the track's present stage, as a list: it may change while they are tried."""
        stage = lead.tracks[track.name].stage
        return [t for t in track.transitions if stage in t.sources]

    def holds(self, condition, lead, now, event=None):
        return condition.at(Scope(self, lead, event), now) is True

    def settle(self, lead, cause, event=None):
        entered, changed = [], True
        while changed:
            changed = False
            for track in self.model.tracks.values():
                for transition in self.leaving(lead, track):
                    just_entered = lead.tracks[track.name].entered.get(transition.to) == lead.clock
                    if transition.by_time and not just_entered and self.holds(transition.when, lead, lead.clock):
                        entered.append(self.change(lead, track, transition, cause, event))
                        changed = True
                        break
        return entered

    def change(self, lead, track, transition, cause, event=None):
        """Take the transition at the lead's clock; what was entered: (track, stage, instant)."""
        now, state = lead.clock, lead.tracks[track.name]
        source = state.stage
        previous = state.entered[source]
        state.left[source] = now
        state.stage = transition.to
        state.entered[transition.to] = now
        state.entries[transition.to] = state.entries.get(transition.to, 0) + 1
        state.sequence += 1
        output = {
            'output': 'StageChanged',
            'event_id': output_id(f'stage/lead/{lead.id}/{track.name}/{state.sequence}/{now}'),
            'entity': 'lead', 'lead_id': lead.id, 'account_id': lead.account_id, 'track': track.name,
            'from': source, 'to': transition.to, 'changed_at': rfc3339(now), 'transition': transition.id,
            'cause': cause, 'cause_event_id': event.event_id if event else None,
            'scores': self.scores(lead, now) | self.derived(lead, now),
            'segment': lead.segment, 'route': lead.route, 'owner': track.owner[transition.to],
            'sequence': state.sequence, 'previous_entered_at': rfc3339(previous),
            'first_source': lead.first_source, 'last_source': lead.last_source,
            'reasons': self.reasons(lead), 'next_change_at': None, 'committee': None, 'members': None}
        self.put(lead, output, event)
        self.unfinished.append(output)
        return track.name, transition.to, now

    def refuse(self, lead, track, transition, event):
        self.put(lead, {
            'output': 'Refused', 'event_id': output_id(f'refused/{lead.id}/{event.event_id}/{track.name}'),
            'lead_id': lead.id, 'account_id': lead.account_id, 'refused_event_id': event.event_id,
            'type': event.type, 'track': track.name, 'stage': lead.tracks[track.name].stage,
            'transition': transition.id, 'requirement': transition.requirement, 'at': rfc3339(lead.clock)}, event)

    def scores(self, lead, t):
        return {name: state.value(t) for name, state in lead.scores.items()}

    def derived(self, lead, t):
        return {name: node.at(Scope(self, lead), t) for name, node in self.model.derived.items()}

    def reasons(self, lead):
        """Sorting is stable: profile rules last and in file order, awards in file order, then in order of award."""
        order = {rule.id: i for i, rule in enumerate(self.model.rules)}
        found = []
        for a in lead.awards:
            value = a.points * lead.scores[a.score].decay(lead.clock, a.at)
            names = list(next(r for r in self.model.rules if r.id == a.rule).add)
            found.append(((-abs(value), -a.at, order[a.rule], names.index(a.score)),
                          {'rule': a.rule, 'score': a.score, 'points': a.points, 'present_value': value,
                           'occurred_at': rfc3339(a.at), 'event_id': a.event_id}))
        for rule_id, score, points in lead.held:
            found.append(((-abs(points), 1, 0, 0), {'rule': rule_id, 'score': score, 'points': points,
                                                    'present_value': points, 'occurred_at': None, 'event_id': None}))
        return [reason for _, reason in sorted(found, key=functools.cmp_to_key(compare_reasons))[:REASONS]]

    def put(self, lead, output, event=None):
        """Add what every output of a lead ends with, and put it out."""
        carried = {f'profile.{name}': lead.profile.get(name) for name in self.model.carry_profile}
        if event:
            carried |= {f'event.{name}': event_field(event, name) for name in self.model.carry_event}
        lead.ordinal += 1
        output |= {'model': self.model.name, 'model_version': self.model.version, 'ordinal': lead.ordinal,
                   'carried': {name: value for name, value in carried.items() if value is not None}}
        self.outputs.append(output)

    # --- 3: time ---

    def raise_watermark(self, to):
        self.watermark = to if self.watermark is None else max(self.watermark, to)

    def moments_to_watermark(self):
        while self.queue and self.queue[0][0] <= self.watermark:
            time, _, kind, order, _, lead, version = heapq.heappop(self.queue)
            if version == lead.version:
                self.happen(lead, time, kind, order)

    def happen(self, lead, time, kind, order):
        if kind == TRANSITION:
            lead.clock = time
            entered = self.settle(lead, 'time')
            self.sla_step(lead, entered)
        else:
            policy = self.model.policies[order[0]]
            clock = lead.clocks[policy.id].open
            self.level(lead, policy, clock, next(l for l in clock.levels if (l.rank, l.index) == order[1:]))
        self.end_step(lead)

    def internal_moments(self, lead, until):
        while (time := self.next_internal(lead)) is not None and time <= until:
            self.happen(lead, time, TRANSITION, None)

    def next_internal(self, lead):
        return min((t for t in lead.next_change.values() if t is not None), default=None)

    def end_step(self, lead):
        """Find the lead's next moment anew, and tell the StageChanged of this step when time goes on."""
        scope = Scope(self, lead)
        fades = {state.fades_at(lead.clock) for state in lead.scores.values()} - {None}
        for track in self.model.tracks.values():
            found = [expr.begins(scope, t.when, lead.clock, fades) for t in self.leaving(lead, track) if t.by_time]
            lead.next_change[track.name] = min((t for t in found if t is not None), default=None)
        for output in self.unfinished:
            output['next_change_at'] = rfc3339(lead.next_change[output['track']])
        self.unfinished = []

        lead.version += 1
        moments = [(t, TRANSITION, (0, 0, 0)) for t in [self.next_internal(lead)] if t is not None]
        for policy in self.model.policies:
            clock = lead.clocks[policy.id].open
            if clock:
                moments += [(l.instant + 1, SLA, (policy.index, l.rank, l.index)) for l in clock.levels]
        if moments:
            time, kind, order = min(moments)
            heapq.heappush(self.queue, (time, Id(lead.id), kind, order, next(self.serial), lead, lead.version))

    # --- 5: SLA clocks ---

    def sla_step(self, lead, entered, event=None, refused=False):
        for policy in self.model.policies:
            self.stop(lead, policy, entered, event, refused)
            self.cancel(lead, policy, entered, event, refused)
            self.start(lead, policy, entered, event, refused)

    def by_event(self, trigger, lead, event, refused):
        """The date of the event if it triggers."""
        if event and not refused and event.type in trigger.on and self.holds(trigger.when, lead, lead.clock, event):
            return [event.at]
        return []

    def by_stage(self, trigger, lead, entered, event):
        if not self.holds(trigger.when, lead, lead.clock, event):
            return []
        return [t for track, stage, t in entered if f'{track}.{stage}' in trigger.enter]

    def start(self, lead, policy, entered, event, refused):
        clocks = lead.clocks[policy.id]
        if clocks.open:
            return
        dates = self.by_event(policy.start, lead, event, refused) + self.by_stage(policy.start, lead, entered, None)
        if not dates:
            return
        started = min(dates)
        clocks.epoch += 1
        clocks.revisable = None
        clocks.open = Record(epoch=clocks.epoch, started=started, due=started + policy.target, breached=False,
                             event_id=event.event_id if event else None, levels=self.levels(policy, started))

    def levels(self, policy, started):
        """What is still to be emitted of a clock, in time order (at one instant: warning, breach, escalation)."""
        found = [Record(instant=started + fraction(policy.target, text), rank=0, index=i, kind='warning', text=text)
                 for i, text in enumerate(policy.warn)]
        found.append(Record(instant=started + policy.target, rank=1, index=0, kind='breached', text=None))
        found += [Record(instant=started + models.duration(text), rank=2, index=i, kind='escalated', text=text)
                  for i, text in enumerate(policy.escalate)]
        return sorted(found, key=lambda l: (l.instant, l.rank, l.index))

    def stop(self, lead, policy, entered, event, refused):
        clocks = lead.clocks[policy.id]
        clock, dates = clocks.open, self.by_event(policy.stop, lead, event, refused)
        if not clock:
            self.revise(lead, policy, dates, event)
            return
        dates += self.by_stage(policy.stop, lead, entered, event)
        dates = [date for date in dates if date >= clock.started]
        if not dates:
            return
        date = min(dates)
        if not self.levels_before(lead, policy, clock, date):
            return
        clocks.open = None
        if date > clock.due:
            kind, clocks.revisable = 'late', clock
        else:
            kind = 'retracted' if clock.breached else 'met'
        self.sla_output(lead, policy, clock, kind, date, stopped=date, event=event)

    def revise(self, lead, policy, dates, event):
        clocks = lead.clocks[policy.id]
        clock = clocks.revisable
        if not clock or not dates or lead.clock > clock.due + policy.revise:
            return
        if clock.started <= dates[0] <= clock.due:
            clocks.revisable = None
            self.sla_output(lead, policy, clock, 'retracted', dates[0], stopped=dates[0], event=event)

    def cancel(self, lead, policy, entered, event, refused):
        clocks = lead.clocks[policy.id]
        clock = clocks.open
        if not clock:
            return
        dates = self.by_event(policy.cancel, lead, event, refused)
        dates += self.by_stage(policy.cancel, lead, entered, event)
        dates = [date for date in dates if date >= clock.started]
        if dates and self.levels_before(lead, policy, clock, min(dates)):
            clocks.open = None
            self.sla_output(lead, policy, clock, 'cancelled', min(dates), event=event, stop_is_event=False)

    def levels_before(self, lead, policy, clock, date):
        """Emit what fell before the date, one by one; is the clock still open after that?"""
        while lead.clocks[policy.id].open is clock and clock.levels and clock.levels[0].instant < date:
            self.level(lead, policy, clock, clock.levels[0])
        return lead.clocks[policy.id].open is clock

    def level(self, lead, policy, clock, level):
        clock.levels.remove(level)
        if level.kind == 'breached':
            clock.breached = True
        self.sla_output(lead, policy, clock, level.kind, level.instant, level=level.text)
        self.on_sla(lead, f'{policy.id}.{level.kind}', level.instant)

    def on_sla(self, lead, verdict, instant):
        now, entered = max(lead.clock, instant), []
        for track in self.model.tracks.values():
            for transition in self.leaving(lead, track):
                if verdict in transition.on_sla and self.holds(transition.when, lead, now):
                    lead.clock = now
                    entered.append(self.change(lead, track, transition, 'sla'))
                    break
        if entered:
            entered += self.settle(lead, 'sla')
            self.sla_step(lead, entered)

    def sla_output(self, lead, policy, clock, kind, instant, level=None, stopped=None, event=None,
                   stop_is_event=True):
        stages = {name: state.stage for name, state in lead.tracks.items()}
        owners = self.model.tracks[policy.track].owner if policy.track else {}
        self.put(lead, {
            'output': 'SlaEvent',
            'event_id': output_id(f'sla/{lead.id}/{policy.id}/{clock.epoch}/{clock.started}/{kind}/{level or ""}'),
            'lead_id': lead.id, 'account_id': lead.account_id, 'policy': policy.id, 'epoch': clock.epoch,
            'kind': kind, 'level': level, 'started_at': rfc3339(clock.started), 'due_at': rfc3339(clock.due),
            'occurred_at': rfc3339(instant), 'stopped_at': rfc3339(stopped), 'elapsed_ms': instant - clock.started,
            'calendar': None, 'segment': lead.segment, 'route': lead.route, 'breached': clock.breached,
            'start_event_id': clock.event_id, 'stop_event_id': event.event_id if event and stop_is_event else None,
            'stages': stages, 'owner': owners.get(stages.get(policy.track))}, event)

    # --- 8: the end ---

    def finish(self, until):
        if until is not None:
            self.raise_watermark(until)
        if self.watermark is not None:
            self.moments_to_watermark()

    def dump_leads(self):
        for lead in sorted(self.leads.values(), key=lambda lead: lead.id.encode()):
            at = max(self.watermark, lead.clock)
            clocks = ((p.id, lead.clocks[p.id].open) for p in self.model.policies)
            yield {'lead_id': lead.id, 'account_id': lead.account_id, 'at': rfc3339(at), 'segment': lead.segment,
                   'scores': self.scores(lead, at), 'derived': self.derived(lead, at), 'counters': {},
                   'stages': {name: state.stage for name, state in lead.tracks.items()},
                   'sla': [{'policy': policy, 'epoch': c.epoch, 'started_at': rfc3339(c.started),
                            'due_at': rfc3339(c.due), 'breached': c.breached, 'paused': False}
                           for policy, c in clocks if c]}


TRANSITION, SLA = 1, 2      # at one time and lead: (idle, then) transition, then SLA


class Id:
    """A lead's id, ordered by bytes."""

    def __init__(self, text):
        self.bytes = text.encode()

    def __eq__(self, other):
        return self.bytes == other.bytes

    def __lt__(self, other):
        return self.bytes < other.bytes


def fraction(target, text):
    """`50%` of the target, rounded down to a millisecond."""
    whole, _, decimals = text.rstrip('%').partition('.')
    return target * int(whole + decimals) // (100 * 10 ** len(decimals))


def replay(model, events, until=None):
    engine = Engine(model)
    for number, line in enumerate(events, 1):
        engine.line(number, line.rstrip(b'\n'))
    engine.finish(until)
    return engine


def until_option(text):
    return lines.instant(int(text) if text.isdigit() else text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--model', required=True)
    parser.add_argument('--until', type=until_option)
    parser.add_argument('--dump-leads')
    parser.add_argument('events', nargs='?')
    options = parser.parse_args()

    model = models.load(options.model)
    if options.events:
        with open(options.events, 'rb') as file:
            engine = replay(model, file, options.until)
    else:
        engine = replay(model, sys.stdin.buffer, options.until)
    for output in engine.outputs:
        print(json.dumps(output, ensure_ascii=False))
    if options.dump_leads:
        with open(options.dump_leads, 'w', encoding='utf-8') as file:
            for dump in engine.dump_leads():
                file.write(json.dumps(dump, ensure_ascii=False) + '\n')
    return 1 if engine.bad_lines else 0


if __name__ == '__main__':
    sys.exit(main())
