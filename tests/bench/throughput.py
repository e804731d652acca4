# SPDX-License-Identifier: Apache-2.0
"""How many events a second the systems take, and what of CPU and memory for each."""
import json
import re
import time
from itertools import islice

import systems
from outputs import Told, common_time, differences, messages
from redis_state import look_at_redis

SAMPLE_SECONDS = 0.2  # each asks the broker for the committed offsets
STATE_BYTES = 240  # of the floor's records where scored was not measured
ROUND_SECONDS = 3600
# What time brings comes after the last events: with Kafka Streams' next punctuation, with Flink's next watermark. It isn't measured.
LAST_SECONDS = 1
# The broker's own log of transactions: a record for each change of a transaction's status.
TRANSACTION_LOG, PREPARE_COMMIT, STATUS_AT = '__transaction_state', 2, 16


class Void(Exception):
    """Two systems told different things."""


def mean_record(world, app):
    """How many records scored has written into its changelog, and their mean size."""
    n = total = 0
    for message in messages(world.bootstrap, f'{app}.changelog'):
        if message.value() is not None and message.key() != b'footer':
            n += 1
            total += len(message.value())
    return n, total / max(n, 1)


def transactions(world, app):
    """How many transactions a system has committed: its transactional ids have its name in them."""
    names_it = re.compile(re.escape(app.encode()) + rb'(?![0-9])')
    return sum(1 for message in messages(world.bootstrap, TRANSACTION_LOG)
               if message.value() and names_it.search(message.key()) and message.value()[STATUS_AT] == PREPARE_COMMIT)


class Run:
    """One system over what is in a topic, `n_before` events of which it has committed before."""

    def __init__(self, world, system, source, n_events, app, n_before=0):
        self.world, self.system, self.source, self.n_events, self.app, self.n_before = world, system, source, n_events, app, n_before
        self.samples = []

    def _sample(self, process):
        """Notes where it stands; how many events it has committed."""
        events = self.world.committed(self.app, self.source) - self.n_before if not self.system.ends else 0
        cpu, peak = process.sample()
        reads, found = self.world.redis_reads()
        self.samples.append({'at': time.monotonic(), 'events': events, 'cpu': cpu, 'peak': peak, 'reads': reads, 'found': found,
                             'redis_cpu': self.world.server_cpu()[1]})
        return events

    def measure(self):
        self.system.prepare(self.world, self.app)
        servers = self.world.server_cpu()
        process = self.system.start(self.world, self.source, self.app)
        try:
            process.await_ready()
            result = self._watch(process)
            result['broker_cpu_s'], result['redis_cpu_s'] = (after - before for after, before in zip(self.world.server_cpu(), servers))
            if self.system.has_outputs:
                time.sleep(LAST_SECONDS)
        finally:
            if process.usage is None:
                process.stop()
        return result

    def _watch(self, process):
        self._sample(process)
        deadline = time.monotonic() + ROUND_SECONDS
        while not (process.has_ended() if self.system.ends else self._sample(process) >= self.n_events):
            assert time.monotonic() < deadline, f'not done within {ROUND_SECONDS} s; see {process.log_path}'
            assert self.system.ends or not process.has_ended(), f'ended too early; see {process.log_path}'
            time.sleep(SAMPLE_SECONDS)
        if not self.system.ends:
            return self._result(self.samples[-1], process)
        assert process.child.returncode == 0, f'failed; see {process.log_path}'
        told = json.loads(process.lines[-1])
        assert told['events'] == self.n_events, told
        cpu, peak = process.usage
        end = {'at': time.monotonic(), 'events': told['events'], 'cpu': cpu, 'peak': peak}
        return self._result(end, process) | {'records': told['records'], 'transactions': told['transactions']}

    def _result(self, end, process):
        """From when it was ready, for CPU all in; and of the second half alone, where programs that warm up are warm."""
        begin = self.samples[0]
        seconds = end['at'] - begin['at']
        result = {'system': self.system.name, 'events': self.n_events, 'seconds': seconds, 'ready_s': begin['at'] - process.started_at,
                  'cpu_s': end['cpu'], 'peak_bytes': end['peak'], 'events_per_s': self.n_events / seconds,
                  'events_per_cpu_s': self.n_events / end['cpu']}
        if self.system.ends:  # nothing to warm up
            return result | {f'warm_{key}': result[key] for key in ('events_per_s', 'events_per_cpu_s')}
        half = next((sample for sample in self.samples if sample['events'] >= self.n_events / 2), None)
        if half and end['cpu'] > half['cpu'] and end['events'] > half['events']:
            warm = {key: end[key] - half[key] for key in end}
            result |= {'warm_events_per_s': warm['events'] / warm['at'], 'warm_events_per_cpu_s': warm['events'] / warm['cpu'],
                       'warm_reads_per_event': warm['reads'] / warm['events'], 'warm_found_per_event': warm['found'] / warm['events'],
                       'warm_redis_us_per_event': warm['redis_cpu'] / warm['events'] * 1e6}
        return result


class Benchmark:
    """Rounds of all systems over one log."""

    def __init__(self, world, options, n_leads, tell):
        self.world, self.names, self.n_events, self.n_leads, self.tell = world, options.systems, options.events, n_leads, tell
        self.changes = options.changes
        self.source = f'events-{n_leads}'
        self.state_bytes = STATE_BYTES
        self.runs, self.told = [], {}
        world.create_topics(self.source)
        made = world.load(self.source, self.n_events, n_leads, '--exponent', str(options.exponent))
        self.bytes_per_event = made['bytes'] / self.n_events
        self.common_ms = common_time(world.bootstrap, self.source)
        tell(f'{self.n_events} events of {n_leads} leads, {self.bytes_per_event:.0f} bytes each')

    def rounds(self, n):
        # scored begins: the floor's records are to be as large as its own
        names = sorted(self.names, key=lambda name: name != 'scored')
        for number in range(n):
            for name in names[number % len(names):] + names[:number % len(names)]:
                self._run(name, number)

    def _run(self, name, number):
        app = f'{name}.{self.n_leads}.{number}'
        system = systems.make(name, self.changes)
        if name == 'floor':
            system.state_bytes = round(self.state_bytes)
        result = Run(self.world, system, self.source, self.n_events, app).measure()
        result |= {'round': number, 'leads': self.n_leads, 'bytes_per_event': self.bytes_per_event}
        if name == 'scored':
            result |= self._look_at_state(system, app)
        if system.has_outputs:
            result['transactions'] = transactions(self.world, app)
            self._check(system, app, result)
        if 'records' in result:
            result['records_per_event'] = result['records'] / self.n_events
        if result.get('transactions'):
            result['events_per_transaction'] = self.n_events / result['transactions']
        self.runs.append(result)
        self.tell(f"round {number} {name}: {result['events_per_s']:.0f} events/s, {result['events_per_cpu_s']:.0f} events/CPU-s")
        self.world.delete_topics(app)
        self.world.redis.flushall()

    def _look_at_state(self, system, app):
        n, self.state_bytes = mean_record(self.world, app)
        return {'cache_bytes': system.cache_bytes, 'records': n, 'record_bytes': self.state_bytes,
                'redis': look_at_redis(self.world, app)}

    def _check(self, system, app, result):
        told = Told(self.world.bootstrap, system.stages(app), system.sla(app), self.common_ms)
        result |= {'stage_changes': told.n_stages, 'sla_events': told.n_sla}
        first = self.told.setdefault('first', (system.name, told))
        found = differences(first[1], told)
        shown = list(islice(found, 10))
        if shown:
            n = len(shown) + sum(1 for _ in found)
            raise Void('\n'.join([f'void: {first[0]} and {system.name} differ in {n} outputs', *shown]))
