#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the benchmark works out of what it measured."""
import unittest
from xml.etree import ElementTree

import figures
import report
import sameness


def move(ordinal, at_ms, cause='event', total=1.0):
    return {'output': 'StageChanged', 'lead_id': 'a', 'ordinal': ordinal, 'changed_at': at_ms, 'cause': cause, 'scores': {'total': total}}


def sla(ordinal, at_ms, kind):
    return {'output': 'SlaEvent', 'lead_id': 'a', 'ordinal': ordinal, 'occurred_at': at_ms, 'kind': kind}


class Sameness(unittest.TestCase):
    WANTED = [move(1, 10), sla(2, 20, 'warning'), sla(3, 30, 'breached'), move(4, 40, 'time'), sla(5, 40, 'cancelled')]

    def differences(self, wanted, got, horizon_ms):
        found, n_owed = sameness.compare_leads(wanted, got, horizon_ms)
        return len(found), n_owed

    def test_the_same(self):
        self.assertEqual(self.differences(self.WANTED, list(reversed(self.WANTED)), 100), (0, 0))

    def test_what_time_brings_may_be_owed_from_the_horizon_on(self):
        self.assertEqual(self.differences(self.WANTED, self.WANTED[:3], 40), (0, 2))
        self.assertEqual(self.differences(self.WANTED, self.WANTED[:1], 20), (0, 4))
        self.assertEqual(self.differences(self.WANTED, self.WANTED[:1], 21), (1, 0))
        self.assertEqual(self.differences(self.WANTED, [], 0), (1, 0))

    def test_a_move_and_the_clock_that_it_ends_come_together(self):
        self.assertEqual(self.differences(self.WANTED, self.WANTED[:4], 0), (1, 0))

    def test_what_an_event_brings_is_never_owed(self):
        for last in (move(6, 50), sla(6, 50, 'met'), sla(6, 50, 'late'), sla(6, 50, 'retracted'), sla(6, 50, 'cancelled')):
            self.assertEqual(self.differences(self.WANTED + [last], self.WANTED, 0), (1, 0), last)
        by_event = [move(1, 10), move(2, 40), sla(3, 40, 'cancelled')]
        self.assertEqual(self.differences(by_event, by_event[:1], 0), (1, 0))
        self.assertEqual(self.differences(by_event, by_event[:2], 0), (1, 0))

    def test_what_is_there_must_be_right(self):
        wrong = self.WANTED[:2] + [sla(3, 31, 'breached')]
        self.assertEqual(self.differences(self.WANTED, wrong, 0), (1, 2))
        self.assertEqual(self.differences(self.WANTED, self.WANTED + [sla(6, 50, 'warning')], 0), (1, 0))
        self.assertEqual(self.differences([move(1, 1, total=1.0)], [move(1, 1, total=1.0000001)], 0), (0, 0))
        self.assertEqual(self.differences([move(1, 1, total=1.0)], [move(1, 1, total=1.00001)], 0), (1, 0))

    def test_sla_events_by_time(self):
        moved = {('a', 40)}
        for kind, at_ms, is_owed in (('warning', 40, True), ('warning', 39, False), ('breached', 41, True), ('met', 50, False),
                                     ('late', 50, False), ('retracted', 50, False), ('cancelled', 40, True), ('cancelled', 41, False)):
            self.assertEqual(sameness.is_owed(sla(1, at_ms, kind), moved, 40), is_owed, (kind, at_ms))


def run_of(system, number, speed, **more):
    return {'system': system, 'round': number, 'leads': 10, 'events': 100, 'bytes_per_event': 160, 'events_per_s': speed,
            'events_per_cpu_s': speed, 'peak_bytes': 300 << 20, 'cpu_s': 1, 'broker_cpu_s': 2, 'redis_cpu_s': 3} | more


MACHINE = {'cpu': 'x', 'cpus': 2, 'memory': '24117248 kB', 'kernel': '6', 'kafka': '4', 'kafka_streams': '4', 'flink': '2', 'redis': 'Redis 7 sha=0',
           'librdkafka': '2', 'java': '17', 'scored': 'abc', 'date': '2025-01-01'}


def results_of(**runs):
    return figures.summarize({'machine': MACHINE, 'options': {}} | runs)


class Figures(unittest.TestCase):
    def test_percentiles(self):
        self.assertEqual(figures.percentiles(list(range(1000, 0, -1))), {'p50': 501, 'p99': 991, 'p999': 1000, 'n': 1000})
        self.assertEqual(figures.percentiles([7]), {'p50': 7, 'p99': 7, 'p999': 7, 'n': 1})

    def test_ratios_are_of_one_round(self):
        runs = [run_of('scored', 0, 100), run_of('floor', 0, 50), run_of('scored', 1, 30), run_of('floor', 1, 60), run_of('floor', 2, 1)]
        line = figures.throughput_summary(runs)['floor']
        self.assertEqual(line['scored_is']['events_per_s'], {'min': 0.5, 'median': 1.25, 'max': 2})
        self.assertEqual(line['events_per_s'], {'min': 1, 'median': 50, 'max': 60})
        self.assertNotIn('warm_events_per_s', line['scored_is'])

    def test_memory_beside_the_cache(self):
        for peak, said in (((256 + 64) << 20, 'within the 64'), ((256 + 65) << 20, 'over the 64')):
            line = figures.throughput_summary([run_of('scored', 0, 1, cache_bytes=256 << 20, peak_bytes=peak)])['scored']
            self.assertIn(said, report.memory_line(line, 10))

    def test_latency_is_held_against_the_empty_transaction_and_scored(self):
        runs = [{'system': name, 'rate': 10, 'round': 0, 'n': 5, 'p50': p50, 'p99': 2 * p50, 'p999': 9, 'cpu_share': 0.1}
                for name, p50 in (('scored', 12), ('other', 60))]
        ours, other = figures.latency_summary(runs, [{'round': 0, 'p50': 6, 'p99': 7}])
        self.assertEqual((ours['of_empty']['median'], other['of_empty']['median'], other['scored_is']['p99']['median']), (2, 10, 0.2))

    def test_takeover_is_held_against_redis_intact(self):
        runs = [{'system': name, 'state': state, 'leads': 1, 'round': 0, 'ready_s': 1, 'caught_up_s': seconds}
                for name, state, seconds in (('scored', 'Redis intact', 2), ('scored', 'Redis empty', 5), ('other', 'files gone', 30))]
        self.assertEqual([line['of_intact']['median'] for line in figures.takeover_summary(runs)], [1, 2.5, 15])

    def test_growth_is_held_against_the_fewest_leads(self):
        runs = [{'case': 'leads', 'events_of': events_of, 'leads': leads, 'round': number, 'us_per_event': cost, 'peak_bytes': 1}
                for events_of, leads, number, cost in (('some', 10, 0, 4), ('some', 100, 0, 5), ('some', 10, 1, 5), ('some', 100, 1, 5),
                                                       ('all', 100, 0, 9), ('all', 10, 0, 3))]
        self.assertEqual([(line['events_of'], line['leads'], line['of_least']['max']) for line in figures.growth_summary(runs)],
                         [('some', 10, 1), ('some', 100, 1.25), ('all', 10, 1), ('all', 100, 3)])

    def test_parts_of_the_state(self):
        leads = [{'n_ids': n, 'n_reasons': 1, 'record_memory': 100 * n, 'hash_memory': 50, 'names': 20, 'values': 10, 'bytes': 80,
                  'parts': {'ids': 16 * n, 'rest': 5}} for n in (1, 3)]
        found = figures.state_parts(leads, {'moments': (400, 4), 'rank:none': (0, 0)}, 80, 20)
        self.assertEqual(found['all'], 200 + 50 + 20 + 4)
        self.assertEqual((found['ids'], found['record_parts'], found['sets']), (2, {'ids': 32, 'rest': 5}, {'moments': 20}))
        self.assertIsNone(figures.state_parts([], {}, 80, 20))

    def test_aims(self):
        redis = {'parts': {'few': {'all': 390}, 'full': {'all': 2000}}}
        results = results_of(
            runs=[run_of('scored', 0, 100, cache_bytes=256 << 20, redis=redis), run_of('floor', 0, 150), run_of('flink', 0, 10)],
            growth_runs=[{'case': 'leads', 'events_of': 'some', 'leads': leads, 'round': 0, 'us_per_event': cost}
                         for leads, cost in ((10, 4), (100, 5), (1000, 6))],
            empty_transactions=[{'round': 0, 'p50': 5}],
            latency_runs=[{'system': name, 'rate': 10, 'round': 0, 'n': 1, 'p50': 20, 'p99': p99, 'p999': 9, 'cpu_share': 1}
                          for name, p99 in (('scored', 10), ('kafka-streams', 100))],
            engine_runs=[{'case': 'leads', 'size': 7, 'ns_per_event': 301}],
            takeover_runs=[{'system': 'scored', 'state': 'Redis intact', 'leads': 1, 'round': 0, 'caught_up_s': 0.9}])
        self.assertEqual([(one['aim'].partition(',')[0], one['median'], one['is_met']) for one in results['aims']], [
            ('events per CPU-second', 10, False), ('events per CPU-second', 2 / 3, True), ('resident memory beside the cache', 44, True),
            ('bytes in Redis of a lead with few events', 390, True), ('bytes in Redis of a lead with full rings', 2000, False),
            ('the engine alone', 301, False), ('latency p50', 4, False), ('latency p99', 0.1, True),
            ('cost of an event of some', 1.25, True), ('cost of an event of some', 1.5, False), ('taking over 1 leads', 0.9, True)])

    def test_merged(self):
        one = results_of(runs=[run_of('scored', 0, 100), run_of('floor', 0, 50)])
        two = results_of(runs=[run_of('scored', 0, 300), run_of('floor', 0, 50)], takeover_runs=[
            {'system': 'scored', 'state': 'Redis intact', 'leads': 1, 'round': 0, 'ready_s': 1, 'caught_up_s': 2}])
        merged = figures.merge([one, two])
        self.assertEqual(merged['throughput']['10']['floor']['scored_is']['events_per_s'], {'min': 2, 'median': 4, 'max': 6})
        self.assertEqual([run['round'] for run in merged['runs']], [0, 0, 1, 1])
        self.assertEqual(len(merged['merged']), 2)
        self.assertEqual(merged['takeover'][0]['caught_up_s']['median'], 2)
        # merged ones can be merged again
        self.assertEqual(len(figures.merge([merged, one])['runs']), 6)

    def test_what_does_not_belong_together_is_not_merged(self):
        one = results_of(runs=[run_of('scored', 0, 100)])
        for other in (one | {'void': 'x'}, one | {'machine': MACHINE | {'cpu': 'y'}},
                      results_of(runs=[run_of('scored', 0, 100, events=200)])):
            with self.assertRaises(figures.Unlike):
                figures.merge([one, other])


def everything():
    return results_of(
        runs=[run_of('scored', 0, 100, cache_bytes=256 << 20), run_of('a & b', 0, 50), run_of('scored', 1, 120, cache_bytes=256 << 20)],
        empty_transactions=[{'round': 0, 'p50': 6, 'p99': 7, 'p999': 8, 'n': 3}],
        latency_runs=[{'system': 'scored', 'rate': 1000, 'round': 0, 'n': 5, 'p50': 12, 'p99': 20, 'p999': 30, 'cpu_share': 0.1}],
        takeover_runs=[{'system': 'scored', 'state': 'Redis intact', 'leads': 1000, 'round': 0, 'caught_up_s': 2} | dict.fromkeys(
            ('ready_s', 'cpu_s', 'broker_cpu_s', 'redis_cpu_s', 'took_ms'), 1)],
        growth_runs=[{'case': 'leads', 'events_of': 'some', 'leads': 1000, 'round': 0} | dict.fromkeys(figures.GROWTHS, 4)],
        engine_runs=[{'case': 'rules', 'size': 20, 'round': 0, 'ns_per_event': 270.0, 'pack_ns_per_event': 1, 'record_bytes': 2,
                      'bytes_per_lead': 3}])


class Report(unittest.TestCase):
    def test_tables(self):
        text = '\n'.join(report.tables(everything()))
        for piece in ('110 (100..120)', 'a & b', 'Redis intact', 'an empty transaction: p50 6.0..6.0 ms', 'some leads', 'rules'):
            self.assertIn(piece, text)

    def test_the_plot_has_all_and_is_well_formed(self):
        root = ElementTree.fromstring(report.plot(everything()))
        texts = [element.text for element in root.iter('{http://www.w3.org/2000/svg}text')]
        for text in ('a & b', 'scored, Redis intact', 'scored, 1,000/s', '1,000, events of some', '20', '2 × x, 23 GiB, Linux 6'):
            self.assertIn(text, texts)
        height = float(root.get('height'))
        for element in root.iter('{http://www.w3.org/2000/svg}rect'):
            self.assertLessEqual(float(element.get('y', 0)) + float(element.get('height')), height)
            self.assertLessEqual(float(element.get('x', 0)) + float(element.get('width')), report.WIDTH)

    def test_colours_follow_the_reader(self):
        self.assertIn('prefers-color-scheme: dark', report.plot(everything()))


if __name__ == '__main__':
    unittest.main()
