#!/usr/bin/env python3
"""The oracle on small cases worked out by hand.  All times are milliseconds from 2026-01-01T00:00:00Z."""
import json
import unittest

import yaml

import expr
import lines
import model as models
import oracle
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
