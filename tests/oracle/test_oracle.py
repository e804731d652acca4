#!/usr/bin/env python3
"""The oracle on small cases worked out by hand.  All times are milliseconds from 2026-01-01T00:00:00Z."""
import json
import unittest
from datetime import date, timedelta

import yaml

import calendars
import expr
import lines
import model as models
import oracle
import shrink
import sla

ZERO = 1_767_225_600_000
MINUTE, HOUR = 60_000, 3_600_000


def replay(text, events, until=None):
    """events: (id, ms, lead, type, properties or other fields)."""
    raw = yaml.load('model: m\nversion: 1\n' + text, yaml.BaseLoader)
    written = []
    for event_id, at, lead, kind, *more in events:
        event = {'event_id': event_id, 'occurred_at': ZERO + at, 'lead_id': lead, 'type': kind}
        written.append(json.dumps(event | (more[0] if more else {})).encode())
    return oracle.replay(models.Model(raw), written, None if until is None else ZERO + until)


def since(text):
    return None if text is None else lines.instant(text) - ZERO


def brief(engine):
    found = []
    for o in engine.outputs:
        if o['output'] == 'StageChanged':
            found.append((o['transition'], since(o['changed_at']), o['cause'], since(o['next_change_at'])))
        elif o['output'] == 'SlaEvent':
            found.append((o['kind'], o['level'], since(o['occurred_at']), o['epoch']))
        else:
            found.append(o['output'])
    return found


SCORE = '''
scores: { s: { decay: { half_life: 1h }, min: 0, max: 100 } }
rules: [ { id: view, on: [view], add: { s: event.points } }, { id: bad, on: [bad], add: { s: -30 } } ]
tracks: { t: { initial: cold, stages: [ { id: cold }, { id: hot } ], transitions: [
  { id: heat, from: [cold], to: hot, when: 's >= 50' }, { id: cool, from: [hot], to: cold, when: 's < 40' } ] } }
'''


def points(n):
    return {'properties': {'points': n}}


class Scores(unittest.TestCase):
    def test_crossing(self):
        """80·2^-x < 40 - 1e-9 first one millisecond after one half-life."""
        engine = replay(SCORE, [('a', 0, 'l', 'view', points(80))], 2 * HOUR)
        self.assertEqual(brief(engine), [('heat', 0, 'event', HOUR + 1), ('cool', HOUR + 1, 'time', None)])

    def test_no_crossing_at_the_mark(self):
        self.assertEqual(len(replay(SCORE, [('a', 0, 'l', 'view', points(80))], HOUR).outputs), 1)

    def test_crossing_before_event_at_its_instant(self):
        """A moment at exactly the event's time comes first."""
        events = [('a', 0, 'l', 'view', points(80)), ('b', HOUR + 1, 'l', 'view', points(1))]
        self.assertEqual([x[0] for x in brief(replay(SCORE, events))], ['heat', 'cool'])

    def test_late_points_are_dated_and_cut_by_their_present_value(self):
        """Max 100: the clock is at 2h with 80; a late 200 of time 0 counts 50 now, so it is cut to 20 now, 80 then."""
        events = [('a', 2 * HOUR, 'l', 'view', points(80)), ('b', 0, 'l', 'view', points(200))]
        engine = replay(SCORE, events, 3 * HOUR)
        lead = engine.leads['l']
        self.assertAlmostEqual(lead.awards[1].points, 80)
        self.assertAlmostEqual(lead.scores['s'].value(ZERO + 3 * HOUR), 50)

    def test_negative_points_stop_at_min(self):
        events = [('a', 0, 'l', 'view', points(20)), ('b', HOUR, 'l', 'bad')]
        lead = replay(SCORE, events).leads['l']
        self.assertAlmostEqual(lead.awards[1].points, -10)
        self.assertEqual(lead.scores['s'].value(lead.clock), 0.0)

    def test_repeat(self):
        events = [('a', 0, 'l', 'view', points(20)), ('a', 1, 'l', 'view', points(20))]
        self.assertEqual(replay(SCORE, events).leads['l'].scores['s'].value(ZERO), 20.0)


CLOCK = '''
lateness: 2m
tracks: { t: { initial: new, stages: [ { id: new }, { id: lost } ], transitions: [
  { id: unworked, from: [new], to: lost, on_sla: [p.breached] } ] } }
sla: [ { id: p, start: { on: [form] }, stop: { on: [touch] }, target: 10m, warn: [50%], escalate: [10m, 1h], revise: 1h } ]
'''


class Clocks(unittest.TestCase):
    def run_touch(self, *touches, arrive_after=None, until=None):
        events = [('f', 0, 'l', 'form')]
        if arrive_after is not None:
            events.append(('o', arrive_after, 'other', 'view'))
        return brief(replay(CLOCK, events + [(f'e{i}', at, 'l', 'touch') for i, at in enumerate(touches)], until))

    def test_in_time_at_the_due_instant(self):
        self.assertEqual(self.run_touch(10 * MINUTE), [('warning', '50%', 5 * MINUTE, 1), ('met', None, 10 * MINUTE, 1)])

    def test_late_by_a_millisecond(self):
        """Breach and escalation at one instant; the stage falls at the lead's clock, which the touch has moved."""
        at = 10 * MINUTE
        self.assertEqual(self.run_touch(at + 1), [
            ('warning', '50%', 5 * MINUTE, 1), ('breached', None, at, 1), ('unworked', at + 1, 'sla', None),
            ('escalated', '10m', at, 1), ('late', None, at + 1, 1)])

    def test_breach_waits_for_the_watermark(self):
        """W = 10m: due + 1 has not come, so a touch at 10m still meets it; one millisecond on it is retracted."""
        kinds = [x[0] for x in self.run_touch(10 * MINUTE, arrive_after=12 * MINUTE)]
        self.assertEqual(kinds, ['warning', 'met'])
        found = self.run_touch(10 * MINUTE, arrive_after=12 * MINUTE + 1)
        self.assertEqual([x[0] for x in found], ['warning', 'breached', 'unworked', 'escalated', 'retracted'])
        self.assertEqual(found[2][1], 10 * MINUTE)      # the later of clock (0) and instant

    def test_revise_until_due_plus_an_hour(self):
        late = ['warning', 'breached', 'unworked', 'escalated', 'late']
        self.assertEqual([x[0] for x in self.run_touch(20 * MINUTE, 3 * MINUTE)], late + ['retracted'])
        self.assertEqual([x[0] for x in self.run_touch(20 * MINUTE, 10 * MINUTE + 1)], late)
        self.assertEqual([x[0] for x in self.run_touch(20 * MINUTE, 70 * MINUTE, 3 * MINUTE)], late + ['retracted'])
        self.assertEqual([x[0] for x in self.run_touch(20 * MINUTE, 70 * MINUTE + 1, 3 * MINUTE)], late)

    def test_until_is_w_itself(self):
        self.assertEqual([x[0] for x in self.run_touch(until=10 * MINUTE)], ['warning'])
        self.assertEqual(len(self.run_touch(until=10 * MINUTE + 1)), 4)


class Tracks(unittest.TestCase):
    def test_settling_without_ping_pong(self):
        """Both ways always hold: one step at birth (a was just entered), round and back again at the next event."""
        text = '''
tracks: { t: { initial: a, stages: [ { id: a }, { id: b } ], transitions: [
  { id: there, from: [a], to: b }, { id: back, from: [b], to: a } ] } }
'''
        engine = replay(text, [('1', 0, 'l', 'x'), ('2', 0, 'l', 'x'), ('3', 5, 'l', 'x')], HOUR)
        self.assertEqual([x[:2] for x in brief(engine)], [('there', 0), ('back', 5), ('there', 5)])

    def test_cooldown_alone_begins_to_hold(self):
        text = '''
tracks: { t: { initial: a, stages: [ { id: a }, { id: b } ], transitions: [
  { id: go, from: [a], to: b, on: [go] }, { id: rest, from: [b], to: a, cooldown: 1h } ] } }
'''
        engine = replay(text, [('1', 0, 'l', 'x'), ('2', 10, 'l', 'go')], 5 * HOUR)
        self.assertEqual(brief(engine), [('go', 10, 'event', HOUR + 10), ('rest', HOUR + 10, 'time', None)])

    def test_refused(self):
        text = '''
tracks: { t: { initial: a, stages: [ { id: a }, { id: b } ], transitions: [
  { id: go, from: [a], to: b, on: [go], require: present(event.reason) } ] } }
sla: [ { id: p, start: { on: [go] }, stop: { on: [x] }, target: 1h } ]
'''
        self.assertEqual(brief(replay(text, [('1', 0, 'l', 'go')], 2 * HOUR)), ['Refused'])
        found = brief(replay(text, [('1', 0, 'l', 'go', {'properties': {'reason': ''}})], 2 * HOUR))
        self.assertEqual([x[0] for x in found], ['go', 'breached'])


BUCKETS = """
scores: { lin: { decay: { linear: 64s } }, win: { decay: { window: 64s }, max: 50 } }
rules: [ { id: a, on: [a], add: { lin: 64 } }, { id: b, on: [b], add: { win: event.points } } ]
tracks: { t: { initial: off, stages: [ { id: off }, { id: on } ], transitions: [
  { id: up, from: [off], to: on, when: 'lin >= 60 or win >= 30' },
  { id: down, from: [on], to: off, when: 'lin < 32 and win < 30' } ] } }
"""


class Buckets(unittest.TestCase):
    """2026-01-01T00:00:00Z is a multiple of a second, the grain of 64 s."""

    def test_linear(self):
        """64 at 0.9 s counts from 0: a thousandth a ms, below 32 - 1e-9 one millisecond after half the time."""
        found = brief(replay(BUCKETS, [('1', 900, 'l', 'a')], HOUR))
        self.assertEqual(found, [('up', 900, 'event', 32_001), ('down', 32_001, 'time', None)])
        lead = replay(BUCKETS, [('1', 900, 'l', 'a')]).leads['l']
        self.assertAlmostEqual(lead.scores['lin'].value(ZERO + 900), 63.1)
        self.assertEqual(lead.scores['lin'].value(ZERO + 64_000), 0.0)

    def test_window(self):
        """Two of 20 in the buckets 0 and 1 s: the first ends at 64 s."""
        events = [('1', 999, 'l', 'b', points(20)), ('2', 1000, 'l', 'b', points(20))]
        found = brief(replay(BUCKETS, events, HOUR))
        self.assertEqual(found, [('up', 1000, 'event', 64_000), ('down', 64_000, 'time', None)])

    def test_late_points_that_are_over_need_no_cut(self):
        events = [('1', 100_000, 'l', 'b', points(50)), ('2', 0, 'l', 'b', points(45))]
        lead = replay(BUCKETS, events).leads['l']
        self.assertEqual([a.points for a in lead.awards], [50, 45])
        self.assertEqual(lead.scores['win'].value(lead.clock), 50)


class Counting(unittest.TestCase):
    def test_limit(self):
        """Two in (c - 10 s, c]: the third gives nothing, one at 10 s exactly sees the first no more; a late one
        sees only what is older."""
        text = """
scores: { s: { max: 15 } }
rules: [ { id: r, on: [x], add: { s: 10 }, limit: { times: 2, per: 10s } } ]
"""
        times = [0, 1, 2, 10_000, 10_000]
        lead = replay(text, [(str(t) + str(i), t, 'l', 'x') for i, t in enumerate(times)]).leads['l']
        self.assertEqual([since(lines.rfc3339(t)) for t in lead.limits['r']], [0, 1, 10_000])
        self.assertEqual([a.points for a in lead.awards], [10, 5])
        lead = replay(text, [('1', 20_000, 'l', 'x'), ('2', 0, 'l', 'x')]).leads['l']
        self.assertEqual(len(lead.limits['r']), 2)

    def test_counter(self):
        text = """
counters: { views: { on: [v], when: event.points > 0, window: 10s, keep: 2 } }
tracks: { t: { initial: a, stages: [ { id: a }, { id: b } ], transitions: [
  { id: up, from: [a], to: b, when: views == 2 }, { id: down, from: [b], to: a, when: 'views in [0, 1]' } ] } }
"""
        views = [('1', 0, 'l', 'v', points(1)), ('2', 1000, 'l', 'v', points(0)), ('3', 2000, 'l', 'v', points(1)),
                 ('4', 3000, 'l', 'v', points(1))]
        engine = replay(text, views, 4000)
        self.assertEqual(list(engine.dump_leads())[0]['counters'], {'views': 2})    # the first is not kept
        found = brief(replay(text, views, HOUR))
        self.assertEqual(found, [('up', 2000, 'event', 10_000), ('down', 12_000, 'time', None)])
        self.assertEqual([since(lines.rfc3339(t)) for t in engine.leads['l'].counters['views']], [2000, 3000])


IDLE = """
scores: { s: { min: -10, max: 100 } }
rules: [ { id: good, on: [good], add: { s: 5 } } ]
idle_rules: [ { id: quiet, after: 10s, every: 4s, reset_on: [visit], add: { s: -5 } },
              { id: once, after: 10s, reset_on: [visit], add: { s: -1 } } ]
"""


class Idle(unittest.TestCase):
    def awards(self, *events, until=None):
        engine = replay(IDLE, [(str(i), at, 'l', kind) for i, (at, kind) in enumerate(events)], until)
        return [(a.rule, since(lines.rfc3339(a.at)), a.points) for a in engine.leads['l'].awards]

    def test_series_until_nothing_is_left(self):
        """-5 and -1 at 10 s, -4 of 5 at 14 s; at 18 s it is cut to nothing and sleeps."""
        self.assertEqual(self.awards((0, 'visit'), until=HOUR), [
            ('quiet', 10_000, -5), ('once', 10_000, -1), ('quiet', 14_000, -4)])

    def test_wakes_with_the_next_event(self):
        """After an event at 30 s that gives 5: the series 10, 14, … goes on with 34 s."""
        found = self.awards((0, 'visit'), (30_000, 'good'), until=HOUR)
        self.assertEqual(found[3:], [('good', 30_000, 5), ('quiet', 34_000, -5)])

    def test_before_an_event_at_its_instant_and_reset(self):
        found = self.awards((0, 'visit'), (10_000, 'visit'), until=20_000)
        self.assertEqual([x[:2] for x in found], [('quiet', 10_000), ('once', 10_000), ('quiet', 20_000)])

    def test_late_reset_skips_what_is_past(self):
        """The clock is at 30 s; a visit of 5 s begins a series of 15, 19, … 31; the one of a single instant is over."""
        found = self.awards((30_000, 'good'), (5_000, 'visit'), until=31_000)
        self.assertEqual(found, [('good', 30_000, 5), ('quiet', 31_000, -5)])

    def test_none_before_the_first(self):
        self.assertEqual(self.awards((0, 'good'), until=HOUR), [('good', 0, 5)])


ACCOUNTS = """
scores: { s: { max: 100 } }
rules: [ { id: view, on: [view], add: { s: event.points } } ]
carry: { profile: [country], event: [points] }
accounts:
  scores: { heat: { from: s, decay: { window: 64s }, per_lead_max: 30, max: 50, when: 'event.points != 7' } }
  committee: { window: 60s, on: [view] }
  tracks: { buying: { initial: quiet, stages: [ { id: quiet, owner: x }, { id: hot, owner: y } ], transitions: [
    { id: wake, from: [quiet], to: hot, when: 'committee >= 2 and heat >= 50' },
    { id: rest, from: [hot], to: quiet, when: 'committee < 2' } ] } }
"""


def at(account, n=0, **more):
    return {'account_id': account, 'properties': {'points': n} | more}


class Accounts(unittest.TestCase):
    def test_per_lead_max_and_max(self):
        """30 of 40 and 25 are 55, read as 50; the committee of the first ends at 60 s, and time tells it."""
        engine = replay(ACCOUNTS, [('1', 0, 'a', 'view', at('x', 40)), ('2', 1000, 'b', 'view', at('x', 25))], HOUR)
        wake, rest = engine.outputs
        self.assertEqual((wake['entity'], wake['lead_id'], wake['account_id'], wake['event_id']), (
            'account', None, 'x', lines.output_id(f'stage/account/x/buying/1/{ZERO + 1000}')))
        self.assertEqual((wake['scores'], wake['committee'], wake['members']), ({'heat': 50}, 2, ['a', 'b']))
        self.assertEqual((wake['carried'], wake['owner'], wake['cause_event_id']), ({'event.points': 25}, 'y', '2'))
        self.assertEqual(brief(engine), [('wake', 1000, 'event', 60_000), ('rest', 60_000, 'time', None)])
        self.assertEqual(rest['ordinal'], 2)
        self.assertEqual(list(engine.dump_accounts()), [{
            'account_id': 'x', 'at': lines.rfc3339(ZERO + HOUR), 'scores': {'heat': 0}, 'committee': 0,
            'stages': {'buying': 'quiet'}, 'members': 2}])

    def test_when_of_a_score(self):
        engine = replay(ACCOUNTS, [('1', 0, 'a', 'view', at('x', 7))])
        self.assertEqual(engine.leads['a'].scores['s'].value(ZERO), 7)
        self.assertEqual(engine.accounts['x'].total('heat').value(ZERO), 0)

    def test_move(self):
        """The member goes with its points and committee time; the old account settles first."""
        events = [('1', 0, 'a', 'view', at('x', 40)), ('2', 0, 'b', 'view', at('x', 25)),
                  ('3', 5, 'c', 'view', at('y', 20)), ('4', 10, 'b', 'nothing', at('y'))]
        engine = replay(ACCOUNTS, events)
        self.assertEqual([(o['account_id'], o['transition'], o['cause_event_id']) for o in engine.outputs],
                         [('x', 'wake', '2'), ('x', 'rest', '4')])
        dumps = list(engine.dump_accounts())
        self.assertEqual([(d['scores']['heat'], d['committee'], d['members']) for d in dumps], [(30, 1, 1), (45, 2, 2)])

    def test_idle_points(self):
        """An idle moment that gives points touches the account: 20 - 5 falls below 20 at 10 s, by time."""
        text = """
scores: { s: { min: 0 } }
rules: [ { id: view, on: [view], add: { s: event.points } } ]
idle_rules: [ { id: quiet, after: 10s, reset_on: [view], add: { s: -5 } } ]
accounts: { scores: { heat: { from: s } }, tracks: { t: { initial: a, stages: [ { id: a }, { id: b } ], transitions: [
  { id: up, from: [a], to: b, when: heat >= 20 }, { id: down, from: [b], to: a, when: heat < 20 } ] } } }
"""
        found = brief(replay(text, [('1', 0, 'a', 'view', at('x', 20))], HOUR))
        self.assertEqual(found, [('up', 0, 'event', None), ('down', 10_000, 'time', None)])

    def test_the_257th(self):
        events = [(f'e{i}', i // 2, f'l{i:03d}', 'view', at('x', 0)) for i in range(257)]
        members = replay(ACCOUNTS, events).accounts['x'].members
        self.assertEqual((len(members), 'l000' in members, 'l001' in members), (256, False, True))


MERGE = """
scores: { s: { max: 100 }, w: { decay: { window: 64s } } }
rules: [ { id: view, on: [view], add: { s: event.points } }, { id: other, on: [other], add: { w: 5 } } ]
counters: { views: { on: [view], window: 1h, keep: 3 } }
tracks: { t: { initial: a, stages: [ { id: a }, { id: b }, { id: c }, { id: z, terminal: true } ], transitions: [
  { id: ab, from: [a], to: b, on: [go] }, { id: bc, from: [b], to: c, when: 's >= 90' },
  { id: az, from: [a], to: z, on: [end] } ] } }
sla: [ { id: p, start: { on: [form] }, stop: { on: [touch] }, target: 1m, warn: [50%] } ]
accounts: { scores: { heat: { from: s } }, committee: { window: 1h } }
"""


def into(lead):
    return {'properties': {'into': lead}}


class Merges(unittest.TestCase):
    def test_scores_and_stages(self):
        """80 of 2 x 50 and B's 20: A's parts are scaled by 0.8.  B takes stage b, settles to c at once."""
        events = [('1', 0, 'A', 'view', points(50)), ('2', 1, 'A', 'view', points(50)), ('3', 2, 'A', 'go'),
                  ('4', 3, 'B', 'view', points(20)), ('m', 4, 'A', 'lead_merged', into('B'))]
        engine = replay(MERGE, events)
        self.assertEqual([(o.get('lead_id'), o.get('from'), o.get('to'), o.get('transition'), o.get('cause'))
                          for o in engine.outputs], [
            ('A', 'a', 'b', 'ab', 'event'), ('A', 'b', 'c', 'bc', 'event'), ('B', 'a', 'c', None, 'merge'),
            ('A', None, None, None, 'merged')])
        lead = engine.leads['B']
        self.assertEqual([a.points for a in lead.awards], [20, 40, 40])
        self.assertEqual(lead.scores['s'].value(lead.clock), 100)
        self.assertEqual(len(lead.counters['views']), 3)
        self.assertEqual(list(lead.event_ids), ['1', '2', '3', 'm', '4'])
        retired = engine.outputs[-1]
        self.assertEqual((retired['into'], since(retired['at']), retired['ordinal']), ('B', 4, 3))
        self.assertEqual(retired['event_id'], lines.output_id('retired/A/m'))

    def test_terminal_is_not_taken(self):
        engine = replay(MERGE, [('1', 0, 'A', 'end'), ('m', 1, 'A', 'lead_merged', into('B'))])
        self.assertEqual(engine.leads['B'].tracks['t'].stage, 'a')

    def test_chain_and_forget(self):
        """A into B into C; what is A's is C's; forgetting A erases C and the redirects."""
        events = [('1', 0, 'A', 'form'), ('2', 1, 'A', 'lead_merged', into('B')), ('3', 2, 'B', 'lead_merged', into('C')),
                  ('4', 20_000, 'A', 'touch'), ('5', 20_001, 'A', 'lead_merged', into('B')), ('6', 20_002, 'A', 'lead_forgotten'),
                  ('7', 20_003, 'A', 'form')]
        engine = replay(MERGE, events)
        self.assertEqual([(o['output'], o['lead_id'], o.get('kind') or o.get('into')) for o in engine.outputs], [
            ('LeadRetired', 'A', 'B'), ('LeadRetired', 'B', 'C'), ('SlaEvent', 'C', 'met'), ('LeadRetired', 'C', None)])
        met = engine.outputs[2]
        self.assertEqual((met['epoch'], since(met['started_at']), met['start_event_id']), (1, 0, '1'))
        self.assertEqual((list(engine.leads), engine.redirects), (['A'], {}))

    def test_bad_merge(self):
        engine = replay(MERGE, [('1', 0, 'A', 'lead_merged', into(7)), ('2', 0, 'A', 'lead_merged')])
        self.assertEqual([o['reason'] for o in engine.outputs], ['bad_merge', 'bad_merge'])
        self.assertEqual(engine.leads, {})

    def test_accounts(self):
        """B has no account: it takes A's with A's entry."""
        events = [('1', 0, 'A', 'view', at('x', 50)), ('2', 1, 'B', 'view', points(60)),
                  ('m', 2, 'A', 'lead_merged', into('B'))]
        account = replay(MERGE, events).accounts['x']
        self.assertEqual((list(account.members), account.total('heat').value(ZERO + 2)), (['B'], 50))


CALENDAR = """
calendars:
  ny: { zone: America/New_York, hours: { mon-fri: ["09:00-12:00", "13:00-18:00"], sat: ["22:00-06:00"] },
        closed: ["2026-01-02"], open: { "2026-01-04": ["09:00-10:00"] } }
  night: { zone: Europe/Berlin, hours: { sat-sun: ["01:30-03:30"], mon: ["00:00-24:00"] } }
"""


class Calendars(unittest.TestCase):
    def calendar(self, name):
        return models.Model(yaml.load('model: m\nversion: 1\n' + CALENDAR, yaml.BaseLoader)).calendars[name]

    def moment(self, text):
        return lines.instant(text)

    def test_hours(self):
        """Thursday 2026-01-01 is open 14:00-17:00Z and 18:00-23:00Z, Friday closed, Saturday night 03:00-11:00Z of
        Sunday, which is open for an hour from 14:00Z."""
        ny = self.calendar('ny')
        start = self.moment('2026-01-01T11:00:00-05:00')
        for hours, end in {1: '2026-01-01T17:00:00Z', 2: '2026-01-01T19:00:00Z', 6: '2026-01-01T23:00:00Z',
                           7: '2026-01-04T04:00:00Z', 14.5: '2026-01-04T14:30:00Z',
                           15.5: '2026-01-05T14:30:00Z'}.items():
            amount = int(hours * HOUR)
            self.assertEqual(lines.rfc3339(ny.after(start, amount)), lines.rfc3339(self.moment(end)), hours)
            self.assertEqual(ny.between(start, self.moment(end)), amount)

    def test_daylight_saving(self):
        """Berlin, 2026-03-29: 02:00 is 03:00, so 01:30-03:30 is an hour; 2026-10-25: 03:00 is 02:00 again, three."""
        night = self.calendar('night')
        day = lambda text: (self.moment(text + 'T00:00:00+01:00'), self.moment(text + 'T12:00:00+01:00'))
        self.assertEqual(night.between(*day('2026-03-28')), 2 * HOUR)
        self.assertEqual(night.between(*day('2026-03-29')), HOUR)
        self.assertEqual(night.between(*day('2026-10-25')), 3 * HOUR)
        self.assertEqual(night.between(*day('2026-03-27')), 0)
        self.assertEqual(night.instant(date(2026, 3, 29), 150), self.moment('2026-03-29T01:00:00Z'))

    def test_holidays(self):
        text = """BEGIN:VCALENDAR
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260101
RRULE:FREQ=YEARLY;COUNT=2
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260101
RRULE:FREQ=YEARLY;BYMONTH=11;
 BYDAY=4TH
EXDATE;VALUE=DATE:20271125
RDATE;VALUE=DATE:20270105
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260130
DTEND;VALUE=DATE:20260201
RRULE:FREQ=MONTHLY;BYMONTHDAY=-2;INTERVAL=2;UNTIL=20260530
END:VEVENT
BEGIN:VEVENT
DTSTART:20260707T090000Z
END:VEVENT
END:VCALENDAR
""".replace('\n', '\r\n')
        events = calendars.holidays(text)
        found = [str(date(2026, 1, 1) + timedelta(days=i)) for i in range(800)
                 if any(e.covers(date(2026, 1, 1) + timedelta(days=i)) for e in events)]
        self.assertEqual(found, ['2026-01-01', '2026-01-30', '2026-01-31', '2026-03-30', '2026-03-31', '2026-05-30',
                                 '2026-05-31', '2026-11-26', '2027-01-01', '2027-01-05'])


PAUSE = """
tracks: { t: { initial: a, stages: [ { id: a }, { id: hold } ], transitions: [
  { id: wait, from: [a], to: hold, on: [wait] }, { id: on, from: [hold], to: a, on: [on] } ] } }
sla: [ { id: p, start: { on: [form] }, stop: { on: [touch] }, pause: { enter: [t.hold] }, target: 10m } ]
"""


class Pauses(unittest.TestCase):
    def events(self, *events, until=HOUR):
        engine = replay(PAUSE, [(str(i), at, 'l', kind) for i, (at, kind) in enumerate(events)], until)
        return [(o['kind'], since(o['due_at']), since(o['occurred_at']), o['elapsed_ms'])
                for o in engine.outputs if o['output'] == 'SlaEvent']

    def test_frozen(self):
        """4 of 10 minutes, then a pause of 20: due at 30."""
        m = MINUTE
        start = [(0, 'form'), (4 * m, 'wait'), (24 * m, 'on')]
        self.assertEqual(self.events(*start), [('breached', 30 * m, 30 * m, 10 * m)])
        self.assertEqual(self.events(*start[:2]), [])
        self.assertEqual(self.events(*start[:2], (44 * m, 'touch')), [('met', 50 * m, 44 * m, 4 * m)])
        self.assertEqual(self.events(*start, (14 * m, 'touch')), [('met', 30 * m, 14 * m, 4 * m)])
        self.assertEqual(self.events(*start[:2], (2 * m, 'touch')), [('met', 10 * m, 2 * m, 2 * m)])

    def test_pause_at_and_after_the_due_instant(self):
        m = MINUTE
        self.assertEqual(self.events((0, 'form'), (10 * m, 'wait'), (12 * m, 'on')), [('breached', 12 * m, 12 * m, 10 * m)])
        self.assertEqual(self.events((0, 'form'), (10 * m + 1, 'wait'), (12 * m, 'touch')), [
            ('breached', 10 * m, 10 * m, 10 * m), ('late', 10 * m, 12 * m, 10 * m + 1)])

    def test_start_in_a_pausing_stage(self):
        """A late start of minute 1, the stage was entered at minute 3: two minutes have run."""
        m = MINUTE
        self.assertEqual(self.events((3 * m, 'wait'), (m, 'form'), (20 * m, 'on')), [('breached', 28 * m, 28 * m, 10 * m)])


class Shrinking(unittest.TestCase):
    def test_parts(self):
        self.assertEqual(shrink.simpler_conditions('a and (b or c)'), ['a', '(b or c)'])
        self.assertEqual(shrink.simpler_conditions('not (x == "a and b")'), ['x == "a and b"', '(x == "a and b")'])
        model = {'a': {'b': ['c', 'd']}}
        self.assertEqual(shrink.paths(model), [('a',), ('a', 'b'), ('a', 'b', 1), ('a', 'b', 0)])
        self.assertEqual(shrink.without(model, ('a', 'b', 0)), {'a': {'b': ['d']}})


class Conditions(unittest.TestCase):
    def test_values(self):
        scope = oracle.LeadScope(models.Model({'model': 'm', 'version': '1'}), None)
        for text, value in {
                '1 + 2 * 3 == 7': True, 'not 1 == 2': True, '-2 * -3 >= 6': True, '1 / 0 == null': True,
                'null < 1': False, 'null != 1': True, 'null in [null]': False, '"a" < "b"': True, '"1" == 1': False,
                '"1" != 1': True, 'true < false': False, '1 in [2, 1.0000000001]': True, '1 < 1.000000001': True,
                '1 < 1.0000000009': False, 'number("12.5") + 0.5 == 13': True, 'number(true) == null': True,
                'present("")': True, '"Foo/Bar" like "foo*R"': True, 'default(null, 2d) == 172800000': True,
                'min(1, null) == null': True, '1e300 * 1e300 == null': True, '"x" and true': False, '2h >= 120m': True,
                'false or not null': True}.items():
            self.assertEqual(expr.parse(text, {}).at(scope, 0), value, text)

    def test_instants(self):
        self.assertEqual(lines.instant('1970-01-01T01:00:00.0019+01:00'), 1)
        self.assertEqual(lines.rfc3339(1), '1970-01-01T00:00:00.001Z')
        self.assertEqual(sla.fraction(1001, '50%'), 500)


if __name__ == '__main__':
    unittest.main()
