#!/usr/bin/env python3
"""What `scored replay` must print, computed the slow and plain way.

    oracle.py --model M.yaml [--until T] [--dump-leads F] [--dump-accounts F] [EVENTS.jsonl]

The methods follow the steps of the definition one by one; numbers in comments are its sections.  SLA clocks are in
sla.py, accounts in accounts.py, merging and forgetting in merge.py.

Readings of sentences that leave a choice (the other modules have their own):
- "8. Counters, then rules in file order": counters one after the other, so the `when` of one sees those before it
  with this event and those after it without.
- Points of a rule are computed, like its `when`, on the scores as they were before the event's rules (README); those
  of idle rules due at one moment on the scores before that moment's points, too.
- "it has given points (even if a cap cut them)": an award that is not null or 0, of any of the rule's scores; one
  instant for each event.
- "A rule whose awards are all cut to nothing at a moment gives nothing there and sleeps": also if all its awards are
  null or 0.
- "sleeps until the lead's next event": one that reaches step 4 (not a repeat, not an ignored one); "its series goes
  on": with the first instant after the clock.  A rule without `every` has no instant but the first.
- "last is the greatest occurred_at of the lead's events of a reset_on type": a late event with an older date changes
  nothing.
- Reasons in "file order": rules, then idle rules (the generator writes them so); event_id of an idle rule's is null.
- Steps 10 and 11 of a moment: only idle moments that give points touch the account.
- `next_change_at` of a lead's track does not consider idle rules nor `on_sla` transitions.
"""
import argparse
import functools
import heapq
import itertools
import json
import sys
from types import SimpleNamespace as Record

import expr
import lines
import model as models
from accounts import AccountSteps
from entities import KEPT_INSTANTS, Account, AccountScope, Lead, LeadScope, event_field
from lines import output_id, rfc3339
from merge import MergeSteps
from scores import cut
from sla import SlaSteps

REASONS = 5
IDLE, TRANSITION, SLA = 0, 1, 2     # the order of moments at one time and entity
LEAD, ACCOUNT = 0, 1


def quiet(event_type):
    """Types that do not end a silence (2, `idle`)."""
    return event_type.startswith(('sales_', 'lead_')) or event_type == 'profile_updated'


def never_ignored(event_type):
    return quiet(event_type)


def compare_reasons(a, b):
    """Sizes that differ by no more than the last bits of their arithmetic are a tie (README, "a choice")."""
    (x, *rest_a), (y, *rest_b) = a[0], b[0]
    if abs(x - y) > 1e-12 * max(-x, -y):
        return -1 if x < y else 1
    return (rest_a > rest_b) - (rest_a < rest_b)


class Engine(SlaSteps, AccountSteps, MergeSteps):
    def __init__(self, model):
        self.model = model
        self.leads, self.accounts, self.redirects = {}, {}, {}
        self.watermark = None
        self.outputs = []
        self.queue = []         # (time, lead or account, id as bytes, kind, order, a serial number, entity, version)
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
        lead_id = self.resolve(event.lead_id)
        lead = self.leads.get(lead_id)
        if lead and event.event_id in lead.event_ids:                               # step 2
            return
        if not never_ignored(event.type) and self.is_ignored(lead, event):          # step 3
            return
        self.raise_watermark(event.at - self.model.lateness)                        # step 4
        self.moments_to_watermark()
        if lead:
            self.internal_moments(lead, event.at)
            lead.clock = max(lead.clock, event.at)
        if event.type == 'lead_forgotten':
            self.forget(lead, event)
            return
        if not lead:
            lead = self.leads[lead_id] = Lead(lead_id, self.model)
            lead.enter_initial(event.at)
        lead.event_ids.append(event.event_id)
        if event.type == 'lead_merged':
            self.merge(lead, event)
            return
        self.apply(lead, event)
        self.end_step(lead)

    def is_ignored(self, lead, event):
        if not lead:
            lead = Lead(event.lead_id, self.model)      # as it would be on its first day, but not kept
            lead.enter_initial(event.at)
        now = max(lead.clock, event.at)
        return any(self.holds(rule.when, lead, now, event) for rule in self.model.ignore)

    def apply(self, lead, event):
        if event.account_id is not None:                                            # step 5
            lead.account_id = event.account_id
        if event.source is not None:
            if lead.first_source is None:
                lead.first_source, lead.first_source_at = event.source, lead.clock
            lead.last_source = event.source
        if event.type == 'profile_updated':
            for name, value in event.properties.items():
                if value is None:
                    lead.profile.pop(name, None)
                else:
                    lead.profile[name] = value
        self.find_profile(lead)                                                     # steps 6, 7
        self.count(lead, event)                                                     # step 8
        judged = self.judge(lead, event)
        awards = self.event_rules(lead, event)
        self.reset_idle(lead, event)
        entered, refused = self.event_transitions(lead, event)                      # step 9
        entered += self.settle(lead, 'event', event)
        self.sla_step(lead, entered, event, refused)                                # step 10
        self.account_step(lead, awards, judged, event)                              # step 11

    def find_profile(self, lead):
        lead.segment = self.first_match(self.model.segments, lead, 'default')
        lead.route = self.first_match(self.model.routes, lead, None)
        self.profile_rules(lead)

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
                    points = points.at(self.scope(lead), lead.clock)
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

    def takes(self, types, event):
        """Does a rule, counter or committee with `on: types`, or without, take the event?"""
        if types is None:
            return event.type != 'profile_updated' and not event.type.startswith('lead_')
        return event.type in types

    def count(self, lead, event):
        for name, counter in self.model.counters.items():
            if self.takes(counter.on, event) and self.holds(counter.when, lead, lead.clock, event):
                lead.counters[name] = sorted(lead.counters[name] + [event.at])[-counter.keep:]

    def event_rules(self, lead, event):
        """First what every rule gives, by the scores as they are, then the awards one by one; those that were kept."""
        scope, now, given = self.scope(lead, event), lead.clock, []
        for rule in self.model.rules:
            if self.takes(rule.on, event) and rule.when.at(scope, now) is True:
                points = self.points(rule, scope, now)
                if points:
                    given.append((rule, points))
        kept = []
        for rule, points in given:
            if self.within_limit(lead, rule, event.at):
                kept += self.give_points(lead, rule, points, event.at, event.event_id)
        return kept

    def points(self, rule, scope, now):
        """What the rule would give: (score, points)."""
        found = [(name, points.at(scope, now)) for name, points in rule.add.items()]
        return [(name, points) for name, points in found if expr.is_number(points) and points != 0]

    def within_limit(self, lead, rule, c):
        """If so the instant counts."""
        if rule.limit is None:
            return True
        instants = lead.limits[rule.id]
        if sum(c - rule.limit.per < instant <= c for instant in instants) >= rule.limit.times:
            return False
        lead.limits[rule.id] = sorted(instants + [c])[-KEPT_INSTANTS:]
        return True

    def give_points(self, lead, rule, points, c, event_id):
        found = [(name, self.award(lead, rule.id, name, p, c, event_id), c) for name, p in points]
        return [award for award in found if award[1] is not None]

    def award(self, lead, rule_id, name, points, c, event_id):
        """The points that the caps left, or None."""
        state, spec, now = lead.scores[name], self.model.scores[name], lead.clock
        points = cut(state.exact(now), points, state.factor(now, c), spec.min, spec.max)
        if self.is_nothing(points):
            return None
        state.add(points, c, now)
        lead.awards.append(Record(rule=rule_id, score=name, points=points, at=c, event_id=event_id))
        return points

    def is_nothing(self, points):
        return abs(points) < expr.EPSILON

    # --- idle rules ---

    def reset_idle(self, lead, event):
        """After step 8 the event counts for `idle`, and the series begin anew or go on."""
        if not quiet(event.type):
            lead.latest = event.at if lead.latest is None else max(lead.latest, event.at)
        for rule in self.model.idle_rules:
            state = lead.idle_rules[rule.id]
            if event.type in rule.reset_on and (state.last is None or event.at > state.last):
                state.last, state.next = event.at, None
        self.plan_idle(lead)

    def plan_idle(self, lead):
        """The next instants of series that have none: new ones, and those of rules that slept."""
        for rule in self.model.idle_rules:
            state = lead.idle_rules[rule.id]
            if state.next is None and state.last is not None:
                state.next = self.next_idle(rule, state.last, lead.clock)

    def next_idle(self, rule, last, now):
        first = last + rule.after
        if first > now:
            return first
        if rule.every is None:
            return None
        return first + ((now - first) // rule.every + 1) * rule.every

    def idle_moment(self, lead, time):
        lead.clock = time
        judged = self.judge(lead)
        due = [rule for rule in self.model.idle_rules if lead.idle_rules[rule.id].next == time]
        given = [(rule, self.points(rule, self.scope(lead), time)) for rule in due]
        awards = []
        for rule, points in given:
            kept = self.give_points(lead, rule, points, time, None)
            state = lead.idle_rules[rule.id]
            state.next = self.next_idle(rule, state.last, time) if kept else None
            awards += kept
        entered = self.settle(lead, 'time')
        self.sla_step(lead, entered)
        if awards:
            self.account_idle(lead, awards, judged)

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

    # --- tracks ---

    def scope(self, entity, event=None):
        return AccountScope(self.model, entity) if isinstance(entity, Account) else LeadScope(self.model, entity, event)

    def leaving(self, entity, track):
        """The transitions out of the track's present stage, as a list: it may change while they are tried."""
        stage = entity.tracks[track.name].stage
        return [t for t in track.transitions if stage in t.sources]

    def holds(self, condition, entity, now, event=None):
        return condition.at(self.scope(entity, event), now) is True

    def settle(self, entity, cause, event=None):
        entered, changed = [], True
        while changed:
            changed = False
            for track in entity.model_tracks.values():
                for transition in self.leaving(entity, track):
                    just_entered = entity.tracks[track.name].entered.get(transition.to) == entity.clock
                    if transition.by_time and not just_entered and self.holds(transition.when, entity, entity.clock):
                        entered.append(self.change(entity, track, transition, cause, event))
                        changed = True
                        break
        return entered

    def change(self, entity, track, transition, cause, event=None):
        """Take the transition at the entity's clock; what was entered: (track, stage, instant)."""
        self.move(entity, track, transition.to, transition.id, cause, event)
        return track.name, transition.to, entity.clock

    def move(self, entity, track, to, transition_id, cause, event):
        now, state = entity.clock, entity.tracks[track.name]
        source = state.stage
        previous = state.entered[source]
        state.left[source] = now
        state.stage = to
        state.entered[to] = now
        state.entries[to] = state.entries.get(to, 0) + 1
        state.sequence += 1
        of_account = isinstance(entity, Account)
        kind = 'account' if of_account else 'lead'
        output = {
            'output': 'StageChanged',
            'event_id': output_id(f'stage/{kind}/{entity.id}/{track.name}/{state.sequence}/{now}'), 'entity': kind,
            'lead_id': None if of_account else entity.id, 'account_id': entity.id if of_account else entity.account_id,
            'track': track.name, 'from': source, 'to': to, 'changed_at': rfc3339(now), 'transition': transition_id,
            'cause': cause, 'cause_event_id': event.event_id if event else None,
            'scores': self.account_scores(entity, now) if of_account else
            self.scores(entity, now) | self.derived(entity, now),
            'segment': None if of_account else entity.segment, 'route': None if of_account else entity.route,
            'owner': track.owner[to], 'sequence': state.sequence, 'previous_entered_at': rfc3339(previous),
            'first_source': None if of_account else entity.first_source,
            'last_source': None if of_account else entity.last_source,
            'reasons': [] if of_account else self.reasons(entity), 'next_change_at': None,
            'committee': self.committee(entity, now) if of_account else None,
            'members': self.members(entity) if of_account else None}
        self.put(entity, output, event)
        entity.unfinished.append(output)

    def refuse(self, lead, track, transition, event):
        self.put(lead, {
            'output': 'Refused', 'event_id': output_id(f'refused/{lead.id}/{event.event_id}/{track.name}'),
            'lead_id': lead.id, 'account_id': lead.account_id, 'refused_event_id': event.event_id,
            'type': event.type, 'track': track.name, 'stage': lead.tracks[track.name].stage,
            'transition': transition.id, 'requirement': transition.requirement, 'at': rfc3339(lead.clock)}, event)

    def scores(self, lead, t):
        return {name: state.value(t) for name, state in lead.scores.items()}

    def derived(self, lead, t):
        return {name: node.at(self.scope(lead), t) for name, node in self.model.derived.items()}

    def account_scores(self, account, t):
        return {name: account.total(name).value(t) for name in self.model.accounts.scores}

    def reasons(self, lead):
        """Sorting is stable: profile rules last and in file order, awards in file order, then in order of award."""
        rules = self.model.rules + self.model.idle_rules
        order = {rule.id: i for i, rule in enumerate(rules)}
        found = []
        for a in lead.awards:
            value = a.points * lead.scores[a.score].factor(lead.clock, a.at)
            names = list(rules[order[a.rule]].add)
            found.append(((-abs(value), -a.at, order[a.rule], names.index(a.score)),
                          {'rule': a.rule, 'score': a.score, 'points': a.points, 'present_value': value,
                           'occurred_at': rfc3339(a.at), 'event_id': a.event_id}))
        for rule_id, score, points in lead.held:
            found.append(((-abs(points), 1, 0, 0), {'rule': rule_id, 'score': score, 'points': points,
                                                    'present_value': points, 'occurred_at': None, 'event_id': None}))
        return [reason for _, reason in sorted(found, key=functools.cmp_to_key(compare_reasons))[:REASONS]]

    def carried(self, profile, event):
        found = {f'profile.{name}': profile.get(name) for name in self.model.carry_profile}
        if event:
            found |= {f'event.{name}': event_field(event, name) for name in self.model.carry_event}
        return {name: value for name, value in found.items() if value is not None}

    def put(self, entity, output, event=None):
        """Add what every output ends with, and put it out."""
        entity.ordinal += 1
        profile = {} if isinstance(entity, Account) else entity.profile
        output |= {'model': self.model.name, 'model_version': self.model.version, 'ordinal': entity.ordinal,
                   'carried': self.carried(profile, event)}
        self.outputs.append(output)

    # --- 3: time ---

    def raise_watermark(self, to):
        self.watermark = to if self.watermark is None else max(self.watermark, to)

    def moments_to_watermark(self):
        while self.queue and self.queue[0][0] <= self.watermark:
            time, _, _, kind, order, _, entity, version = heapq.heappop(self.queue)
            if version == entity.version:
                self.happen(entity, time, kind, order)

    def happen(self, entity, time, kind, order=None):
        if isinstance(entity, Account):
            self.account_moment(entity, time)
            return
        if kind == IDLE:
            self.idle_moment(entity, time)
        elif kind == TRANSITION:
            entity.clock = time
            entered = self.settle(entity, 'time')
            self.sla_step(entity, entered)
        else:
            policy = self.model.policies[order[0]]
            clock = entity.clocks[policy.id].open
            instant, *_, level = clock.next_level()
            self.level(entity, policy, clock, instant, level)
        self.end_step(entity)

    def internal_moments(self, lead, until):
        while (moment := self.next_internal(lead)) is not None and moment[0] <= until:
            self.happen(lead, *moment)

    def next_internal(self, lead):
        idle = [(state.next, IDLE) for state in lead.idle_rules.values() if state.next is not None]
        time = self.next_transition(lead)
        return min(idle + ([] if time is None else [(time, TRANSITION)]), default=None)

    def next_transition(self, entity):
        return min((t for t in entity.next_change.values() if t is not None), default=None)

    def end_step(self, entity):
        """Find the entity's next moment anew, and tell the StageChanged of this step when time goes on."""
        scope = self.scope(entity)
        for track in entity.model_tracks.values():
            found = [expr.begins(scope, t.when, entity.clock) for t in self.leaving(entity, track) if t.by_time]
            entity.next_change[track.name] = min((t for t in found if t is not None), default=None)
        for output in entity.unfinished:
            output['next_change_at'] = rfc3339(entity.next_change[output['track']])
        entity.unfinished = []
        self.queue_next(entity)

    def queue_next(self, entity):
        entity.version += 1
        if isinstance(entity, Account):
            time, rank = self.next_transition(entity), ACCOUNT
            moments = [] if time is None else [(time, TRANSITION, (0, 0, 0))]
        else:
            internal, rank = self.next_internal(entity), LEAD
            moments = [internal + ((0, 0, 0),)] if internal else []
            for policy in self.model.policies:
                clock = entity.clocks[policy.id].open
                level = clock.next_level() if clock else None
                if level:
                    moments.append((level[0] + 1, SLA, (policy.index, level[1], level[2])))
        if moments:
            time, kind, order = min(moments)
            heapq.heappush(self.queue, (time, rank, Id(entity.id), kind, order, next(self.serial), entity,
                                        entity.version))

    # --- 8: the end ---

    def finish(self, until):
        if until is not None:
            self.raise_watermark(until)
        if self.watermark is not None:
            self.moments_to_watermark()

    def counts(self, lead, t):
        return {name: int(self.scope(lead).counter(name, t)) for name in self.model.counters}

    def dump_leads(self):
        for lead in sorted(self.leads.values(), key=lambda lead: lead.id.encode()):
            at = max(self.watermark, lead.clock)
            clocks = ((p.id, lead.clocks[p.id].open) for p in self.model.policies)
            yield {'lead_id': lead.id, 'account_id': lead.account_id, 'at': rfc3339(at), 'segment': lead.segment,
                   'scores': self.scores(lead, at), 'derived': self.derived(lead, at), 'counters': self.counts(lead, at),
                   'stages': {name: state.stage for name, state in lead.tracks.items()},
                   'sla': [{'policy': policy, 'epoch': c.epoch, 'started_at': rfc3339(c.started),
                            'due_at': rfc3339(c.due(at)), 'breached': c.breached, 'paused': c.is_paused()}
                           for policy, c in clocks if c]}

    def dump_accounts(self):
        for account in sorted(self.accounts.values(), key=lambda account: account.id.encode()):
            at = max(self.watermark, account.clock)
            yield {'account_id': account.id, 'at': rfc3339(at), 'scores': self.account_scores(account, at),
                   'committee': self.committee(account, at),
                   'stages': {name: state.stage for name, state in account.tracks.items()},
                   'members': len(account.members)}


class Id:
    """A lead's id, ordered by bytes."""

    def __init__(self, text):
        self.bytes = text.encode()

    def __eq__(self, other):
        return self.bytes == other.bytes

    def __lt__(self, other):
        return self.bytes < other.bytes


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
    parser.add_argument('--dump-accounts')
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
    for path, dumps in ((options.dump_leads, engine.dump_leads()), (options.dump_accounts, engine.dump_accounts())):
        if path:
            with open(path, 'w', encoding='utf-8') as file:
                for dump in dumps:
                    file.write(json.dumps(dump, ensure_ascii=False) + '\n')
    return 1 if engine.bad_lines else 0


if __name__ == '__main__':
    sys.exit(main())
