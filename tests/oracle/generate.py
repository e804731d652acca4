#!/usr/bin/env python3
"""Write a random valid model and random events: generate.py SEED OUTDIR [FEATURES].

OUTDIR gets model.yaml, events.jsonl and options (arguments for both programs), perhaps holidays.ics.  The events
come in two rounds: the oracle replays the first, and the second puts events exactly at, one millisecond before and
one after the instants which that produced (stage changes, announced changes, due times, warnings, ends of windows,
…).  A seed has some of the features of the language, so that each comes often with each other; FEATURES
(a,b,c or `none`) are those that it may have.
"""
import argparse
import json
import os
import random
from datetime import date, datetime, timedelta, timezone

import yaml

import lines
import model as models
import oracle

UNITS = [(86_400_000, 'd'), (3_600_000, 'h'), (60_000, 'm'), (1000, 's'), (1, 'ms')]
MARKETING = ['page_view', 'webinar_attended', 'email_open', 'demo_requested', 'unsubscribed']
SALES = ['sales_touch', 'sales_accepted', 'sales_rejected', 'sales_recycled', 'lead_closed']
TYPES = MARKETING + SALES + ['profile_updated']
STAGES = ['cold', 'lead', 'warm', 'mql', 'sal', 'sql', 'out']
SOURCES = ['ads', 'webinar', 'content_syndication', 'Übersee', '']
COUNTRIES = ['DE', 'FR', 'US', 'us']
EMAILS = ['ann@gmail.com', 'bob@ACME.example', 'eve@mail.example', '']


FEATURES = ['decay', 'limit', 'counters', 'idle', 'accounts', 'merge', 'calendars', 'pause']
# zones, and times shortly before their offset changes
ZONES = [('America/New_York', ['2026-03-08T06:30:00Z', '2026-11-01T04:30:00Z']),
         ('Europe/Berlin', ['2026-03-28T23:30:00Z', '2026-10-24T23:30:00Z']),
         ('Australia/Lord_Howe', ['2026-04-04T13:30:00Z', '2026-10-03T14:30:00Z']),
         ('America/Sao_Paulo', ['2018-11-04T02:00:00Z', '2018-02-18T00:30:00Z']),
         ('Africa/Casablanca', ['2026-02-15T01:30:00Z', '2026-03-22T00:30:00Z']),
         ('Pacific/Apia', ['2011-12-30T08:00:00Z', '2011-12-29T08:00:00Z']),
         ('America/St_Johns', ['2026-03-08T04:30:00Z', '2026-11-01T03:30:00Z']),
         ('Asia/Kolkata', ['2026-01-01T03:00:00Z']), ('UTC', ['2028-02-28T22:30:00Z', '2026-01-02T08:30:00Z'])]
DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']


def text_of(ms):
    """A duration as the model writes it, in one of its possible units."""
    for size, unit in UNITS:
        if ms % size == 0:
            return f'{ms // size}{unit}'


class Generator:
    def __init__(self, seed, allowed=FEATURES):
        self.random = random.Random(seed)
        self.features = self.choose_features() & set(allowed)
        self.unit = self.pick([1000, 60_000, 60_000, 3_600_000, 3_600_000, 86_400_000])
        self.base = self.pick([1_767_225_600_000, 1_772_000_000_123, 951_782_399_500, 86_400_000])
        self.lateness = self.pick([0, 0, self.unit // 2, 2 * self.unit, 10 * self.unit])
        self.zones = []
        if 'calendars' in self.features:
            self.zones = self.some(ZONES, 2)
            if self.chance(0.8):        # a stretch of time in which hours begin and end, perhaps at a change of offset
                self.unit = self.pick([60_000, 600_000, 3_600_000, 3_600_000, 3_600_000, 86_400_000])
                self.lateness = self.pick([0, self.unit // 2, 2 * self.unit])
                self.base = lines.instant(self.pick(self.pick(self.zones)[1])) - self.pick([0, 1, 10, 40]) * self.unit

    def choose_features(self):
        kind = self.pick(['all', 'none', 'one', 'one', 'some', 'some', 'some', 'some'])
        if kind == 'one':
            return set(self.pick([[f] for f in FEATURES] + [['accounts', 'merge'], ['calendars', 'pause']]))
        return {f for f in FEATURES if kind == 'all' or kind == 'some' and self.chance(0.5)}

    # --- little helpers ---

    def pick(self, choices):
        return self.random.choice(choices)

    def chance(self, p):
        return self.random.random() < p

    def some(self, choices, most=3):
        return self.random.sample(choices, self.random.randint(1, min(most, len(choices))))

    def length(self, low=0.5, high=20.0):
        """A duration in ms, some units long; often a round number of units."""
        if self.chance(0.6):
            return self.unit * self.random.randint(1, int(high))
        return int(self.unit * self.random.uniform(low, high)) // 250 * 250 or 250

    # --- the model ---

    def model(self):
        m = {'model': 'generated', 'version': self.random.randint(1, 9)}
        if self.lateness or self.chance(0.2):
            m['lateness'] = text_of(self.lateness) if self.lateness else '0ms'
        self.params = {name: self.pick([10, 25.25, 40, 60.5, -5]) for name in ['high', 'low', 'factor']}
        m['params'] = self.params
        self.segments = [f'seg{i}' for i in range(self.random.randint(0, 3))]
        if self.segments:
            m['segments'] = [self.segment(name) for name in self.segments]
        self.routes = [f'route-{i}' for i in range(self.random.randint(0, 3))]
        if self.routes:
            m['routes'] = [{'id': r, 'when': self.static(segment=True)} for r in self.routes]
        if self.chance(0.5):
            m['ignore'] = [{'id': f'ignore{i}', 'when': self.ignore()} for i in range(self.random.randint(1, 2))]
        self.scores(m)
        self.name_tracks()
        self.counter_keeps = {}
        if 'counters' in self.features:
            m['counters'] = self.counters()
        self.rules(m)
        if 'idle' in self.features:
            m['idle_rules'] = [self.idle_rule(f'idle{i}') for i in range(self.random.randint(1, 3))]
        self.calendars = [f'cal{i}' for i in range(len(self.zones))]
        if self.calendars:
            m['calendars'] = {name: self.calendar(*zone) for name, zone in zip(self.calendars, self.zones)}
        self.policy_names = [f'policy{i}' for i in range(self.random.randint(1, 5))]
        m['tracks'] = {name: self.track(name) for name in self.tracks}
        m['sla'] = [self.policy(name) for name in self.policy_names]
        if self.chance(0.8):
            m['carry'] = {'profile': self.some(['country', 'size', 'email', 'vip'], 4),
                          'event': self.some(['reason', 'minutes', 'type', 'topic', 'source', 'is_bot'], 6)}
            if self.chance(0.2):
                del m['carry'][self.pick(['profile', 'event'])]
        if 'accounts' in self.features:
            m['accounts'] = self.accounts(m)
        return m

    def segment(self, name):
        spec = {'id': name, 'when': self.static()}
        if self.chance(0.7):
            spec['params'] = {p: self.pick([5, 15.75, 33, 80]) for p in self.some(list(self.params))}
        return spec

    def scores(self, m):
        self.half_lives, self.profile_scores, self.plain_scores = [], [], []
        specs, bounds = {}, [(0, 100), (-50, 0), (-40, 60), (None, 50), (-20, None), (None, None)]

        def score(name, decay):
            low, high = self.pick(bounds)
            spec = {'decay': decay} | ({} if low is None else {'min': low}) | ({} if high is None else {'max': high})
            specs[name] = spec

        for name in ['engagement', 'intent', 'friction', 'interest'][:self.random.randint(1, 4)]:
            self.half_lives.append(name)
            score(name, self.decay())
            if 'half_life' not in specs[name]['decay'] and not {'min', 'max'} <= set(specs[name]):
                specs[name] |= {'min': -30, 'max': 70}      # sums of huge points would depend on their order
        if self.half_lives[1:] and self.chance(0.3):        # two scores with one half-life
            specs[self.half_lives[1]]['decay'] = dict(specs[self.half_lives[0]]['decay'])
        for name in ['fit'][:self.random.randint(0, 1)]:
            self.profile_scores.append(name)
            score(name, 'none')
        for name in ['tally'][:self.random.randint(0, 1)]:
            self.plain_scores.append(name)
            score(name, 'none')
        self.all_scores = list(specs)
        m['scores'] = specs
        self.derived = []
        if self.chance(0.7):
            m['derived'] = {}
            for name in ['total', 'blend'][:self.random.randint(1, 2)]:
                terms = [self.term(s) for s in self.some(self.all_scores + self.derived, 4)]
                m['derived'][name] = self.pick([' + ', ' - ', ' + ']).join(terms)
                self.derived.append(name)

    def decay(self):
        kind = self.pick(['half_life', 'linear', 'linear', 'window', 'window']) if 'decay' in self.features else 'half_life'
        span = self.length(1, 30)
        if kind != 'half_life' and self.chance(0.1):
            span = self.random.randint(1, 200)      # buckets of 1 to 3 ms
        return {kind: text_of(span)}

    def counters(self):
        found = {}
        for name in ['views', 'touches', 'visits'][:self.random.randint(1, 3)]:
            found[name] = {'window': text_of(self.length(1, 12))}
            keep = self.pick([1, 2, 3, 5, None])
            if keep:
                found[name]['keep'] = keep
            if self.chance(0.85):
                found[name]['on'] = self.some(TYPES)
            if self.chance(0.4):
                found[name]['when'] = self.condition(event=True, route=False)
            self.counter_keeps[name] = keep or 64
        return found

    def counter_atom(self):
        name = self.pick(list(self.counter_keeps))
        keep = self.counter_keeps[name]
        number = self.random.randint(0, min(keep, 4))
        return self.pick([f'{name} {self.pick(["<", "<=", ">", ">=", "==", "==", "!=", "!="])} {number}'] * 5 +
                         [f'{name} >= {keep}' if keep < 6 else f'{name} >= 3', f'{name} in [{number}, {min(1, keep)}]',
                          f'not {name} in [0, {min(keep, 2)}]'])

    def idle_rule(self, name):
        rule = {'id': name, 'after': text_of(self.length(1, 8))}
        if self.chance(0.7):
            rule['every'] = text_of(self.length(2, 8))
        rule['reset_on'] = self.some(MARKETING + SALES, 4)
        targets = self.half_lives + self.plain_scores
        rule['add'] = {score: self.pick([-5, -10, -2.5, -40, -10, 5, 0, '-low', 'number(profile.size) / -10',
                                         f'-{score} / 4', 'entries(%s.%s) * -2' % self.stage()])
                       for score in self.some(targets, 2)}
        return rule

    def calendar(self, zone, _):
        spec = {'zone': zone, 'hours': {}}
        if self.chance(0.5):
            spec['hours']['mon-sun'] = self.pick([['00:00-24:00'], ['08:00-20:00'], ['06:00-12:30', '12:45-23:15']])
        for _ in range(self.random.randint(1, 3)):
            spec['hours'][self.pick(['mon-fri', 'mon-sun', 'sat-sun', 'fri-mon', 'mon-thu', 'sun-tue'] + DAYS)] = self.hours()
        if self.chance(0.5):
            spec['closed'] = sorted({self.day() for _ in range(3)})
        if self.chance(0.5):
            spec['open'] = {self.day(): self.hours() for _ in range(2)}
        if self.chance(0.5):
            spec['holidays'] = 'holidays.ics'
        return spec

    def hours(self):
        return self.pick([['09:00-12:00', '13:00-18:00'], ['09:00-17:30'], ['22:00-06:00'], ['00:00-24:00'], ['01:30-02:30'],
                          ['00:30-03:00', '12:00-24:00'], ['02:15-02:45', '08:00-20:00'], ['18:00-02:30'], ['23:59-00:01'],
                          ['00:00-00:30', '00:30-01:45'], ['08:00-12:00', '11:00-13:00']])

    def day(self, before=3, after=12):
        """A date around those of the events."""
        at = date(1970, 1, 1) + timedelta(milliseconds=self.base)
        return str(at + timedelta(days=self.random.randint(-before, after)))

    def holidays(self):
        """holidays.ics: all-day events with and without recurrence."""
        found = ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//x//y//EN']
        ical = lambda day: day.replace('-', '')
        for i in range(self.random.randint(1, 3)):
            start = self.day(*self.pick([(2, 8), (40, 10), (900, 0)]))
            found += ['BEGIN:VEVENT', f'UID:{i}@x', f'DTSTART;VALUE=DATE:{ical(start)}', 'SUMMARY:Holiday\\, and a text',
                      '  that is folded']
            if self.chance(0.3):
                end = date.fromisoformat(start) + timedelta(days=self.random.randint(1, 3))
                found.append(f'DTEND;VALUE=DATE:{ical(str(end))}')
            if self.chance(0.8):
                found.append(self.folded(f'RRULE:{self.recurrence(date.fromisoformat(start))}'))
            for name in ('EXDATE', 'RDATE'):
                if self.chance(0.3):
                    found.append(f'{name};VALUE=DATE:' + ','.join(sorted({ical(self.day()) for _ in range(3)})))
            found.append('END:VEVENT')
        if self.chance(0.3):
            found += ['BEGIN:VEVENT', 'UID:t@x', f'DTSTART:{ical(self.day())}T090000Z', 'END:VEVENT']
        return '\r\n'.join(found + ['END:VCALENDAR', ''])

    def folded(self, line):
        at = self.random.randint(8, len(line))
        return f'{line[:at]}\r\n {line[at:]}' if self.chance(0.2) and at < len(line) else line

    def recurrence(self, start):
        names = [d[:2].upper() for d in DAYS]
        weekdays = lambda: ','.join(self.some(names, 3))
        numbered = lambda most: ','.join(f'{self.pick([1, 2, 3, most, -1, -2])}{d}' for d in self.some(names, 2))
        near = datetime(1970, 1, 1) + timedelta(milliseconds=self.base)
        months = ','.join(str(m) for m in sorted({near.month, self.random.randint(1, 12)}))
        month_days = ','.join(str(d) for d in self.some([1, 13, 15, 29, 30, 31, -1, -3, near.day, near.day], 3))
        frequency = self.pick(['YEARLY', 'MONTHLY', 'WEEKLY', 'DAILY'])
        parts = {'YEARLY': [[], [f'BYMONTH={months}'], [f'BYMONTH={months}', f'BYMONTHDAY={month_days}'],
                            [f'BYMONTH={months}', f'BYDAY={numbered(4)}'], [f'BYMONTH={months}', f'BYDAY={weekdays()}'],
                            [f'BYDAY={numbered(near.timetuple().tm_yday // 7 + 1)}'], [f'BYDAY={weekdays()}'],
                            [f'BYMONTHDAY={month_days}'], [f'BYMONTHDAY={month_days}', f'BYDAY={weekdays()}']],
                 'MONTHLY': [[], [f'BYMONTHDAY={month_days}'], [f'BYDAY={numbered(4)}'], [f'BYDAY={weekdays()}'],
                             [f'BYMONTHDAY={month_days}', f'BYDAY={weekdays()}'], [f'BYMONTH={months}', f'BYDAY={numbered(5)}'],
                             [f'BYMONTH={months}']],
                 'WEEKLY': [[], [f'BYDAY={weekdays()}'], [f'BYDAY={weekdays()}', f'BYMONTH={months}']],
                 'DAILY': [[], [f'BYDAY={weekdays()}'], [f'BYMONTHDAY={month_days}'], [f'BYMONTH={months}']]}
        found = [f'FREQ={frequency}'] + self.pick(parts[frequency])
        if frequency == 'DAILY' and self.chance(0.9) or self.chance(0.4):
            found.append(f'INTERVAL={self.random.randint(2, 5)}')
        if self.chance(0.5):
            until = self.day(30, 30).replace('-', '')
            found.append(self.pick([f'COUNT={self.pick([1, 2, 3, 5, 20, 100])}', f'UNTIL={until}']))
        self.random.shuffle(found)
        return ';'.join(found)

    def accounts(self, m):
        """Scores, committee and tracks of accounts."""
        sources = self.half_lives + self.plain_scores
        scores = {}
        for name in ['heat', sources[0]][:self.random.randint(1, 2)]:
            source = self.pick(sources)
            spec = {'from': source, 'decay': self.decay()} if self.chance(0.85) else {'from': source, 'decay': 'none'}
            if self.chance(0.6):
                spec['per_lead_max'] = self.pick([10, 25.5, 40])
            if self.chance(0.3):
                spec['per_lead_min'] = self.pick([-20, 0, -5.5])
            if not {'min', 'max'} <= set(m['scores'][source]):
                spec |= {'per_lead_min': -25, 'per_lead_max': 60}
            if self.chance(0.6):
                spec['max'] = self.pick([30, 60.5, 100])
            if self.chance(0.3):
                spec['when'] = self.condition(event=True, route=False)
            scores[name] = spec
        found = {'scores': scores}
        self.account_scores, self.has_committee = list(scores), self.chance(0.85)
        if self.has_committee:
            found['committee'] = {'window': text_of(self.length(1, 12))}
            if self.chance(0.8):
                found['committee']['on'] = self.some(TYPES, 5)
            if self.chance(0.3):
                found['committee']['when'] = self.condition(event=True, route=False)
        lead_tracks = self.tracks
        self.tracks = {name: self.random.sample(['quiet', 'aware', 'in_market', 'won'], self.random.randint(2, 4))
                       for name in ['buying', 'renewal'][:self.random.randint(1, 2)]}
        found['tracks'] = {name: self.account_track(name) for name in self.tracks}
        self.tracks = lead_tracks
        return found

    def account_track(self, name):
        stages = self.tracks[name]
        transitions = []
        for i, stage in enumerate(stages[1:]):
            transitions.append({'from': self.some(stages[:i + 1]), 'to': stage, 'when': self.account_condition()})
        for _ in range(self.random.randint(1, 4)):
            to = self.pick(stages)
            transitions.append({'from': self.some([s for s in stages if s != to]), 'to': to, 'when': self.account_condition()})
        for t in transitions:
            if self.chance(0.2):
                t['cooldown'] = text_of(self.length())
        self.random.shuffle(transitions)
        return {'initial': stages[0], 'stages': [{'id': s} | self.pick([{}, {'owner': 'sales'}]) for s in stages],
                'transitions': [{'id': f'{name}-{i}'} | t for i, t in enumerate(transitions)]}

    def account_condition(self):
        makers = [self.account_score_atom, self.account_score_atom, self.account_time_atom]
        return self.join(makers + [self.committee_atom] * 2 if self.has_committee else makers)

    def committee_atom(self):
        return self.pick([f'committee {op} {n}' for op in ('>=', '<', '==', '!=', '>') for n in (1, 2, 3)] +
                         ['committee in [1, 3]'])

    def account_score_atom(self):
        one, other = self.pick(self.account_scores), self.pick(self.account_scores)
        return self.pick([f'{one} {self.pick(["<", "<=", ">", ">="])} {self.pick([10, 20.25, 35, 49.75, 60.5, 0, -5.5])}'] * 4 +
                         [f'{one} + {other} >= 45.37', f'{one} - {other} * 0.5 < 10.37', f'{one} > 2 * {other} - 15.37'])

    def account_time_atom(self):
        track, stage = self.stage()
        long = text_of(self.length())
        return self.pick([f'age({track}) >= {long}', f'age({track}) < {long}', f'since({track}.{stage}) > {long}',
                          f'left({track}.{stage}) >= {long}', f'left({track}.{stage}) == null', f'{track} == "{stage}"',
                          f'entries({track}.{stage}) < {self.random.randint(1, 4)}', f'{track} != "{stage}"'])

    def term(self, score):
        return self.pick([score, score, f'{score} * 0.5', f'2 * {score}', f'{score} / 4', f'-{score}', f'({score})',
                          f'factor * {score} / 10'])

    def name_tracks(self):
        self.tracks = {}
        for name in ['lifecycle', 'temperature', 'health', 'nurture'][:self.random.randint(1, 4)]:
            self.tracks[name] = STAGES[:self.random.randint(2, 6)] if self.chance(0.5) else \
                self.random.sample(STAGES, self.random.randint(2, 5))

    def rules(self, m):
        if self.profile_scores:
            m['profile_rules'] = []
            for i in range(self.random.randint(1, 5)):
                points = self.pick([30, 20, 12.5, -25, 'min(number(profile.size), 40) / 2', 'factor', '-low / 3'])
                m['profile_rules'].append({'id': f'fits{i}', 'when': self.static(segment=True),
                                           'add': {self.profile_scores[0]: points}})
        m['rules'] = []
        targets = self.half_lives + self.plain_scores
        for i in range(self.random.randint(1, 6)):
            rule = {'id': f'rule{i}'}
            if self.chance(0.85):
                rule['on'] = self.some(TYPES)
            if self.chance(0.4):
                rule['when'] = self.condition(event=True, route=False)
            rule['add'] = {score: self.points(score) for score in self.some(targets, 2)}
            if 'limit' in self.features and self.chance(0.6):
                rule['limit'] = {'times': self.pick([1, 1, 2, 3]), 'per': text_of(self.length(1, 10))}
            m['rules'].append(rule)
        fed = {score for rule in m['rules'] for score in rule['add']}
        for score in targets:       # every score is fed
            if score not in fed:
                m['rules'].append({'id': f'feed_{score}', 'on': self.some(MARKETING), 'add': {score: self.points(score)}})

    def points(self, score):
        numbers = [5, 10, 15, 20, 40, 7.5, -5, -10, -20, -45.5]
        counted = [f'{name} * 3' for name in self.counter_keeps]
        return self.pick(numbers + numbers + counted + [
            'min(event.minutes, 60) * 0.5', 'number(event.amount) / 10', 'factor - 5', f'-{score} / 2',
            'default(event.minutes, 3)', '-max(event.minutes, 2)', 'event.reason', 'event.minutes / event.zero'])

    # --- conditions ---

    def join(self, makers, depth=2):
        """Conditions of the given makers under and, or, not."""
        if depth == 0 or self.chance(0.4):
            return self.pick(makers)()
        a, b = self.join(makers, depth - 1), self.join(makers, depth - 1)
        return self.pick([f'{a} and {b}', f'({a} or {b})', f'not ({a})', f'{a} and not ({b})', a])

    def static(self, segment=False):
        """What segments, routes and profile rules may name."""
        makers = [self.profile_atom, self.profile_atom, self.source_atom]
        if segment and self.segments:
            makers.append(lambda: f'segment {self.pick(["==", "!="])} "{self.pick(self.segments + ["default"])}"')
        return self.join(makers)

    def profile_atom(self):
        return self.pick([
            'profile.country in ["DE", "FR"]', 'profile.country == "US"', 'not profile.country like "u*"',
            'profile.email like "*@gmail.com"', 'profile.email like "*@acme.*"', 'present(profile.email)',
            'profile.size >= 50', 'number(profile.size) > low', 'profile.vip == true', 'profile.vip', 'profile.vip != false',
            'profile.size + 1 <= 11', 'profile.country < "F"', 'default(profile.size, 7) == 7', 'profile.country == null',
            'profile.size in [1, 10, 100.0, "12.5", null]', 'profile.size / profile.size == 1', '-profile.size < -20',
            'max(number(profile.size), 3) != 3', 'profile.country != null and profile.country >= "FR"'])

    def source_atom(self):
        return self.pick(['first_source == "ads"', 'last_source in ["webinar", ""]', 'present(first_source)',
                          'last_source like "*e*"', 'first_source != last_source', 'last_source > "c"',
                          'first_source == "Übersee"'])

    def event_atom(self):
        return self.pick([
            'event.url like "*/pricing*"', 'event.is_bot == true', 'event.is_bot', 'event.minutes >= 30',
            'event.minutes != 5', 'present(event.reason)', 'event.reason in ["spam", "price"]',
            'number(event.amount) > 12', 'default(event.minutes, 0) + 1 > 3', 'event.type == "page_view"',
            'event.type like "SALES_*"', 'event.source == last_source', 'event.topic == null',
            'event.campaign < "m"', 'event.minutes * 2 <= high', 'event.automated != true',
            'event.minutes / event.zero == null', 'event.minutes == 5.0000000001', 'min(event.minutes, 5) == 5',
            'event.minutes in [0, 5, 30]', 'event.reason == "price" or event.minutes <= 5'])

    def ignore(self):
        return self.pick(['event.is_bot == true', 'profile.email like "*@acme.example"', 'event.url like "*internal*"',
                          'event.minutes < 0', 'event.type == "email_open" and profile.country == "FR"',
                          'last_source == "ads" and event.topic == "spam"'])

    def stage(self):
        track = self.pick(list(self.tracks))
        return track, self.pick(self.tracks[track])

    def state_atom(self, route=True):
        """Only tracks and sla may name the route."""
        track, stage = self.stage()
        choices = [f'{track} == "{stage}"', f'{track} != "{stage}"',
                   f'entries({track}.{stage}) {self.pick(["<", ">=", "=="])} {self.random.randint(1, 4)}',
                   f'left({track}.{stage}) == null', f'present(since({track}.{stage}))', 'idle != null']
        if self.segments:
            choices.append(f'segment == "{self.pick(self.segments)}"')
        if self.routes and route:
            choices.append(f'route == "{self.pick(self.routes)}"')
        return self.pick(choices)

    def mark(self, score):
        """A threshold.  A derived score may be a constant and a fading rest: an odd fraction keeps the constant
        off the threshold, where rounding would decide when the rest is gone."""
        if score in self.derived:
            return self.pick(['high + 0.37', 'low - 0.37', '10.37', '20.37', '-5.37', '45.37', '0.37'])
        return self.pick(['high', 'low', '10', '20.25', '35', '49.75', '0', '-5.5', '5', '99'])

    def score_atom(self):
        one = self.pick(self.all_scores + self.derived)
        sides = [f'{one} {self.pick(["<", "<=", ">", ">="])} {self.mark(one)}'] * 4
        if len(self.half_lives) > 1:
            a, b = self.random.sample(self.half_lives, 2)
            sides += [f'{a} + {b} >= high', f'{a} - {b} < {self.mark(a)}', f'{a} > {b}', f'{a} * 2 - {b} / 3 > low',
                      f'{a} + {b} * 0.3 - 1 < 4']
        if len(self.half_lives) > 2:
            a, b, c = self.random.sample(self.half_lives, 3)
            sides += [f'{a} - 2 * {b} + {c} > {self.pick(["3.3", "-2.1", "12"])}', f'{a} + {c} < 1.5 * {b} + 2.2']
        return self.pick(sides)

    def time_atom(self):
        track, stage = self.stage()
        long = text_of(self.length())
        number = self.length()
        score = self.pick(self.half_lives)
        return self.pick([
            f'age({track}) >= {long}', f'age({track}) < {long}', f'since({track}.{stage}) > {long}',
            f'since({track}.{stage}) <= {long}', f'left({track}.{stage}) >= {long}', f'left({track}.{stage}) < {long}',
            f'idle >= {long}', f'idle < {long}', f'default(idle, {long}) >= {long}',
            f'default(left({track}.{stage}), 0) + age({track}) >= {number}',
            f'{score} * {self.unit} < age({track}) * 2 - {long}', f'{score} < age({track}) / {self.unit} + 1.1',
            f'age({track}) / {long} >= 1.5'])

    def condition(self, event=False, route=True):
        makers = [self.score_atom, self.score_atom, self.time_atom, lambda: self.state_atom(route), self.profile_atom]
        if self.counter_keeps:
            makers += [self.counter_atom] * 2
        return self.join(makers + [self.event_atom] * 3 if event else makers)

    # --- tracks and policies ---

    def track(self, name):
        stages = self.tracks[name]
        spec = {'initial': stages[0] if self.chance(0.8) else self.pick(stages), 'stages': []}
        for stage in stages:
            owner = self.pick([{}, {'owner': 'marketing'}, {'owner': 'sales'}])
            terminal = {'terminal': True} if self.chance(0.1) else {}
            spec['stages'].append({'id': stage} | owner | terminal)
        others = [s for s in stages if s != spec['initial']]
        reached, transitions = [spec['initial']], []
        for stage in others:        # every stage can be reached
            transitions.append(self.transition(name, self.some(reached), stage))
            reached.append(stage)
        for _ in range(self.random.randint(1, 5)):
            to = self.pick(stages)
            sources = [s for s in stages if s != to]
            transitions.append(self.transition(name, self.some(sources), to))
        if self.chance(0.7):        # a pair that goes to and fro
            a, b = self.random.sample(stages, 2)
            score = self.pick(self.all_scores + self.derived)
            transitions.append({'from': [a], 'to': b, 'when': f'{score} >= {self.mark(score)}'})
            transitions.append({'from': [b], 'to': a, 'when': f'{score} < {self.mark(score)}'})
        self.random.shuffle(transitions)
        spec['transitions'] = [{'id': f'{name}-{i}'} | t for i, t in enumerate(transitions)]
        return spec

    def transition(self, track, sources, to):
        t = {'from': sources, 'to': to}
        kind = self.pick(['on', 'on', 'time', 'time', 'time', 'on_sla'])
        if kind == 'on':
            t['on'] = self.some(TYPES)
            if self.chance(0.5):
                t['when'] = self.condition(event=True)
            if self.chance(0.4):
                t['require'] = self.join([self.event_atom, self.event_atom, self.state_atom], 1)
        elif kind == 'on_sla':
            verdicts = [f'{p}.{k}' for p in self.policy_names for k in ('breached', 'breached', 'warning', 'escalated')]
            t['on_sla'] = sorted(set(self.some(verdicts, 3)))
            if self.chance(0.4):
                t['when'] = self.condition()
        else:
            t['when'] = self.condition() if self.chance(0.8) else self.time_atom()
        if self.chance(0.25):
            t['cooldown'] = text_of(self.length())
            if kind == 'time' and self.chance(0.3):
                del t['when']
        return t

    def policy(self, name):
        target = self.length(0.5, 8)
        p = {'id': name, 'start': self.trigger(event=True), 'stop': self.trigger(event=True)}
        if self.chance(0.5):
            p['cancel'] = self.trigger(event=False)
        p['target'] = text_of(target)
        if self.chance(0.6):
            p['warn'] = sorted({f'{self.pick([10, 33, 50, 80, 99, 100])}%' for _ in range(2)}, key=lambda w: int(w[:-1]))
        if self.chance(0.6):
            p['escalate'] = [text_of(e) for e in sorted({self.pick([target, target * 2, target + self.unit, 4 * target])
                                                         for _ in range(2)})]
        if self.chance(0.5):
            p['revise'] = text_of(self.length(1, 10))
        if self.chance(0.2):
            p['track'] = self.pick(list(self.tracks))
        if 'pause' in self.features and self.chance(0.7):
            p['pause'] = {'enter': sorted({'.'.join(self.stage()) for _ in range(2)})}
        if self.calendars and self.chance(0.8):
            p['calendar'] = self.pick([self.pick(self.calendars), self.calendar_choices()])
        return p

    def calendar_choices(self):
        choices = [{'when': self.static(segment=True), 'calendar': self.pick(self.calendars)} for _ in range(2)]
        return choices + ([{'calendar': self.pick(self.calendars)}] if self.chance(0.5) else [])

    def trigger(self, event):
        spec = {}
        kind = self.pick(['on', 'on', 'enter', 'both'])
        if kind != 'enter':
            spec['on'] = self.some(TYPES)
        if kind != 'on':
            spec['enter'] = sorted({'.'.join(self.stage()) for _ in range(2)})
        if self.chance(0.3):
            spec['when'] = self.condition(event=event)
        return spec

    # --- events ---

    def events(self):
        """(arrival, event or raw line), the first round."""
        number = self.pick([5, 20, 60, 100, 150])
        leads = [f'lead-{i}' for i in range(self.pick([1, 1, 2, 5, 20]))]
        if self.features & {'accounts', 'merge'}:
            leads = [f'lead-{i}' for i in range(self.pick([2, 3, 5, 10]))]
        self.merges, self.forgets = self.pick([0.02, 0.06, 0.15]), self.pick([0.01, 0.01, 0.04])
        self.moves = self.pick([0.1, 0.3, 0.3, 0.8]) if 'accounts' in self.features else 0.3
        if self.chance(0.3):
            leads = [self.pick(['ä', 'Z', 'z', '~', '']) + name for name in leads]
        self.leads = leads
        found, now = [], self.base + self.random.randint(0, min(10**6, 20 * self.unit))
        for i in range(number):
            now += self.gap()
            found.append(self.arrive(self.one_event(f'e{i}', self.pick(leads), now)))
        self.last = now
        return found

    def gap(self):
        return self.pick([0, 0, 1, self.random.randint(0, 50), int(self.unit * self.random.random()),
                          int(self.unit * self.random.random() * 3), self.length(0.5, 6)])

    def arrive(self, event):
        """When it arrives: mostly in order, sometimes late, within the model's lateness or beyond."""
        delay = 0
        if self.chance(0.15):
            delay = self.pick([1, self.lateness // 2, self.lateness, self.lateness + 1, self.lateness + self.length()])
        return event['occurred_at'] + delay, event

    def one_event(self, event_id, lead, at):
        kind = self.pick(MARKETING * 2 + SALES * 2 + ['profile_updated'] * 3)
        if self.chance(self.forgets):
            kind = 'lead_forgotten'
        if 'merge' in self.features and self.chance(self.merges):
            kind = 'lead_merged'
        event = {'event_id': event_id, 'occurred_at': at, 'lead_id': lead, 'type': kind}
        if self.chance(self.moves):
            event['account_id'] = self.pick(['acme', 'acme', 'globex', 'Globex', None])
        for name, values in (('source', SOURCES), ('campaign', ['spring', 'autumn']), ('topic', ['crm', 'spam'])):
            if self.chance(0.3):
                event[name] = self.pick(values + [None])
        if kind == 'profile_updated':
            event['properties'] = self.patch()
        elif kind == 'lead_merged':
            event['properties'] = self.properties() | {'into': self.pick(self.leads * 5 + [lead, f'new-{event_id}', f'new-{event_id}'])}
        elif self.chance(0.8):
            event['properties'] = self.properties()
        return event

    def patch(self):
        values = {'country': COUNTRIES, 'email': EMAILS, 'size': [1, 10, 50, 100.5, '12.5', 'many', 10**15],
                  'vip': [True, False, 'yes']}
        return {name: None if self.chance(0.2) else self.pick(values[name]) for name in self.some(list(values), 4)}

    def properties(self):
        values = {'url': ['https://x.example/pricing', '/Pricing/eu', '/internal', 'a"b\\c\n', ''],
                  'minutes': [0, 5, 30, 45.5, 90, -3, 5.0000000002, '30', 2**63 - 1, 1e300],
                  'reason': ['spam', 'price', '', 7, True], 'amount': ['12.5', '40', '-3', '1e2', 'abc', '', 13],
                  'is_bot': [False, False, True, 'true'], 'automated': [True, False, 'true'], 'zero': [0, 0.0, 1]}
        found = {}
        for name in self.some(list(values), 5):
            found[name] = None if self.chance(0.1) else self.pick(values[name])
            if name == 'minutes' and self.chance(0.7):
                found[name] = self.pick([5, 10, 30, 60])
        return found

    def ends(self, engine):
        """(lead id, instant) at which something ends, or falls due, that perhaps no output tells."""
        model = engine.model
        for lead in engine.leads.values():
            for name, times in lead.counters.items():
                yield from ((lead.id, time + model.counters[name].window) for time in times)
            for rule in model.rules:
                yield from ((lead.id, time + rule.limit.per) for time in lead.limits[rule.id] if rule.limit)
            for rule in model.idle_rules:
                state = lead.idle_rules[rule.id]
                yield from ((lead.id, at) for at in (state.next, state.last and state.last + rule.after) if at)
            for state in lead.scores.values():
                if state.is_bucketed():
                    yield from ((lead.id, end) for end in state.stretches()[0])
        for account in engine.accounts.values():
            for lead_id, member in account.members.items():
                if member.committee is not None:
                    yield lead_id, member.committee + model.accounts.committee.window
                for state in member.scores.values():
                    if state.is_bucketed():
                        yield from ((lead_id, end) for end in state.stretches()[0])

    def second_round(self, first, engine):
        """Events at, just before and just after the instants that the first round produced."""
        outputs, instants = engine.outputs, list(self.ends(engine))
        instants = self.random.sample(instants, min(len(instants), 40))
        for output in outputs:
            for name in ('changed_at', 'next_change_at', 'due_at', 'occurred_at', 'stopped_at', 'started_at'):
                if output.get(name) and 'lead_id' in output:
                    instants.append((output['lead_id'] or self.pick(self.leads), lines.instant(output[name])))
        instants = [(lead, at) for lead, at in instants if at <= self.last + 5 * self.unit]
        found = list(first)
        for i in range(min(len(instants), len(first) // 2 + 2)):
            lead, at = self.pick(instants)
            if self.chance(0.2):
                lead = self.pick(self.leads)
            at += self.pick([0, 0, 0, -1, 1])
            found.append(self.arrive(self.one_event(f'x{i}', lead, at)))
        for i, output in enumerate(outputs):
            if output.get('kind') in ('breached', 'late') and self.chance(0.3):
                found += self.late_stop(f'y{i}', output)
        found += self.script_revision() + self.script_many_ids() + self.script_crowd()
        events = [pair for pair in found if isinstance(pair[1], dict)]
        for i in range(len(found) // 10):       # repeats: soon, or after many others; of the id alone, too
            arrival, event = self.pick(events)
            if self.chance(0.3):
                event = self.one_event(event['event_id'], self.pick(self.leads), event['occurred_at'])
            found.append((arrival + self.pick([0, 1, self.length(), 80 * self.unit]), event))
        for i in range(self.pick([0, 0, 1, 5])):
            arrival, event = self.pick(events)
            found.append((arrival, self.bad_line(dict(event))))
        if self.chance(0.1):
            found.append((self.last, self.pick(['', '   '])))
        return sorted(found, key=lambda pair: pair[0])

    def script_revision(self):
        """A lead of its own: a start, a stop too late, and stops of earlier dates that arrive after it."""
        policy = self.pick(self.model_written['sla'])
        starts, stops = policy['start'].get('on'), policy['stop'].get('on')
        if not starts or not stops or self.chance(0.5):
            return []
        target, revise = models.duration(policy['target']), models.duration(policy.get('revise', '7d'))
        started = self.last + self.random.randint(0, self.unit)
        due = started + target
        ended = due + self.pick([1, target, self.unit])
        end = due + revise + self.pick([-1, 0, 0, 1, 1])
        dates = [(started, started, starts), (ended, ended, stops)]
        if self.chance(0.3):        # the next start ends it
            dates.append((ended + 1, ended + 1, starts))
        if self.chance(0.6) and end > ended and revise <= 30 * self.unit:
            dates.append((end, end, ['email_open']))
        for _ in range(self.pick([1, 2, 3])):
            dates.append((max(date[0] for date in dates) + 2, self.pick([started - 1, started, started, started + target // 3, due, due + 1]), stops))
        found = []
        for i, (arrival, at, types) in enumerate(dates):
            event = self.one_event(f's{i}', 'script', at) | {'type': self.pick(types)}
            if at == started and types is starts:
                event['properties'] = {'minutes': 30, 'reason': 'price'}
            found.append((arrival, event))
        return found

    def script_many_ids(self):
        """A lead with more events than ids are kept of it, then repeats of some 64 events ago."""
        if self.chance(0.7):
            return []
        start, number = self.last, self.random.randint(64, 70)
        events = [self.one_event(f'm{i}', 'many', start + i * self.pick([0, 1, self.unit // 100])) for i in range(number)]
        found = [(start + i * self.unit, event) for i, event in enumerate(events)]
        later = start + number * self.unit
        repeats = self.some([number - 65, number - 64, number - 64, number - 63, number - 66], 3)
        return found + [(later + i, events[n]) for i, n in enumerate(repeats) if n >= 0]

    def script_crowd(self):
        """An account with more members than are kept."""
        if 'accounts' not in self.features or self.chance(0.97):
            return []
        found, now = [], self.last
        for i in range(self.random.randint(255, 262)):
            now += self.pick([0, 0, 1, 1000])
            event = self.one_event(f'c{i}', f'crowd-{i * 7 % 256 if self.chance(0.05) else i}', now) | {'account_id': 'acme'}
            found.append(self.arrive(event))
        return found

    def late_stop(self, event_id, output):
        """A stop of a clock that was breached, dated around its span, arriving after the breach or the late stop."""
        policy = next(p for p in self.model_written['sla'] if p['id'] == output['policy'])
        types = policy['stop'].get('on')
        if not types:
            return []
        started, due, ended = (lines.instant(output[name]) for name in ('started_at', 'due_at', 'occurred_at'))
        at = self.pick([started - 1, started, (started + due) // 2, (started + due) // 2, due - 1, due, due + 1])
        event = self.one_event(event_id, output['lead_id'], at)
        event['type'] = self.pick(types)
        revise = models.duration(policy.get('revise', '7d'))
        if self.chance(0.2) and revise <= 30 * self.unit:     # move the lead's clock to the end of the time for revision, or past it
            end = due + revise + self.pick([0, 1])
            return [(end, self.one_event(event_id + 'z', output['lead_id'], end)), (end, event)]
        return [(ended + self.lateness + self.pick([1, 2, self.unit // 10, self.unit]), event)]

    def bad_line(self, event):
        merges = [{'type': 'lead_merged', 'properties': {'into': into}} for into in (7, '', 'y' * 129, None)]
        wrong = self.pick((merges if 'merge' in self.features else []) + [
            {'event_id': ''}, {'event_id': 'x' * 65}, {'event_id': 'ä' * 33}, {'event_id': 7}, {'event_id': None},
            {'lead_id': ''}, {'lead_id': 'y' * 129}, {'lead_id': None}, {'type': ''}, {'type': 'z' * 65}, {'type': True},
            {'account_id': ''}, {'account_id': 'a' * 129}, {'source': 5}, {'campaign': []}, {'topic': {}},
            {'properties': []}, {'properties': 'none'}, {'properties': {'a': {'b': 1}}}, {'properties': {'a': [1]}},
            {'properties': {'n': 2**63}}, {'properties': {'n': -2**63 - 1}}, {'properties': {'n': 10**30}},
            {'occurred_at': 'yesterday'}, {'occurred_at': 1.5}, {'occurred_at': None}, {'occurred_at': True},
            {'occurred_at': '1767225600000'}, {'occurred_at': -1}, {'occurred_at': '1969-12-31T23:59:59Z'},
            {'occurred_at': 253402300800000}, {'occurred_at': 2**63}, {'occurred_at': '2026-02-30T00:00:00Z'},
            {'occurred_at': '2026-01-01T24:00:00Z'}, {'occurred_at': '2026-01-01T00:00:00'},
            {'occurred_at': '2026-01-01'}, {'occurred_at': '2026-01-01T00:00:00.Z'},
            {'occurred_at': '2026-01-01T00:00:00+0100'}, {'occurred_at': '2026-13-01T00:00:00Z'},
            '{"event_id":', '[]', '"text"', 'null', '12', 'nonsense', '{"event_id":"e"} x', "{'event_id': 'e'}",
            '{"a":1,}', '{"a":NaN}', '{}'])
        if isinstance(wrong, str):
            return wrong
        event['event_id'] = 'bad'
        return json.dumps(event | wrong, ensure_ascii=False)

    def written(self, event):
        """One JSON line, with occurred_at in one of its forms."""
        if isinstance(event, str):
            return event
        event = dict(event)
        if self.chance(0.6):
            event['occurred_at'] = self.when(event['occurred_at'])
        if self.chance(0.1):
            event['extra'] = {'nested': [1, 2]}
        if self.chance(0.1):
            event.setdefault('properties', None)
        items = list(event.items())
        self.random.shuffle(items)
        return json.dumps(dict(items), ensure_ascii=self.chance(0.3))

    def when(self, ms):
        minutes = self.pick([0, 0, 60, -300, 330, -1])
        local = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ms, minutes=minutes)
        text = local.strftime('%Y').zfill(4) + local.strftime('-%m-%dT%H:%M:%S')
        digits = f'{ms % 1000:03d}'
        if self.chance(0.3):
            digits += self.pick(['9', '999999', '4999', '000'])
        elif digits.endswith('0') and self.chance(0.5):
            digits = digits.rstrip('0')
        zone = f'{"-" if minutes < 0 else "+"}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}'
        if minutes == 0:
            zone = self.pick(['Z', 'Z', '+00:00', '-00:00'])
        return text + (f'.{digits}' if digits else '') + zone


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('seed', type=int)
    parser.add_argument('folder')
    parser.add_argument('features', nargs='?', default=','.join(FEATURES))
    options = parser.parse_args()
    folder = options.folder
    os.makedirs(folder, exist_ok=True)
    generator = Generator(options.seed, options.features.split(','))
    if generator.zones:
        with open(f'{folder}/holidays.ics', 'w', encoding='utf-8', newline='') as file:
            file.write(generator.holidays())
    with open(f'{folder}/model.yaml', 'w', encoding='utf-8') as file:
        generator.model_written = generator.model()
        yaml.safe_dump(generator.model_written, file, sort_keys=False, width=1000, allow_unicode=True)
    model = models.load(f'{folder}/model.yaml')
    first = sorted(generator.events(), key=lambda pair: pair[0])
    until = generator.last + 20 * generator.unit if generator.chance(0.4) else None
    raw = [json.dumps(event).encode() for _, event in first]
    events = generator.second_round(first, oracle.replay(model, raw, until))
    with open(f'{folder}/events.jsonl', 'w', encoding='utf-8') as file:
        for _, event in events:
            file.write(generator.written(event) + '\n')
    with open(f'{folder}/options', 'w', encoding='utf-8') as file:
        if until is not None:
            file.write(f'--until {lines.rfc3339(until)}\n')


if __name__ == '__main__':
    main()
