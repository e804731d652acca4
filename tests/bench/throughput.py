# SPDX-License-Identifier: Apache-2.0
"""How many events a second the systems take, and what of CPU and memory for each."""
import json
import time
from itertools import islice
from statistics import median

import systems
from outputs import Told, common_time, differences, messages

SAMPLE_SECONDS = 0.2  # each asks the broker for the committed offsets
STATE_BYTES = 240  # of the floor's records where scored was not measured
ROUND_SECONDS = 3600
REDIS_SAMPLE = 2000


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


def redis_bytes(world, app):
    """What a lead takes in Redis: all in, and the means of some of its hashes and records."""
    memory = world.redis.info('memory')
    found = {'leads': 0, 'all': 0, 'lead': 0, 'record': 0}
    for kind in ('lead', 'record'):
        keys = list(islice(world.redis.scan_iter(f'{app}:{{*}}:{kind}:*', count=1000), REDIS_SAMPLE))
        pipeline = world.redis.pipeline(transaction=False)
        for key in keys:
            pipeline.memory_usage(key, samples=0)
        found[kind] = sum(pipeline.execute()) / max(len(keys), 1)
    found['leads'] = world.redis.dbsize() // 2  # a hash and a record each; what the shards have besides are some dozens
    found['all'] = (memory['used_memory'] - memory['used_memory_startup']) / max(found['leads'], 1)
    return found


class Run:
    """One system in one round."""

    def __init__(self, world, system, source, n_events, app):
        self.world, self.system, self.source, self.n_events, self.app = world, system, source, n_events, app
        self.samples = []  # (seconds, committed events, CPU, peak)

    def _sample(self, process):
        committed = self.world.committed(self.app, self.source) if not self.system.ends else 0
        self.samples.append((time.monotonic(), committed, *process.sample()))
        return committed

    def measure(self):
        self.system.prepare(self.world, self.app)
        servers = self.world.server_cpu()
        process = self.system.start(self.world, self.source, self.app)
        try:
            process.await_ready()
            result = self._watch(process)
            result['broker_cpu_s'], result['redis_cpu_s'] = (after - before for after, before in zip(self.world.server_cpu(), servers))
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
        return self._result((time.monotonic(), told['events'], *process.usage), process) | {'records': told['records']}

    def _result(self, end, process):
        """From when it was ready, for CPU all in; and of the second half alone, where programs that warm up are warm."""
        begin = self.samples[0]
        seconds, cpu = end[0] - begin[0], end[2]
        result = {'system': self.system.name, 'seconds': seconds, 'start_seconds': begin[0] - process.started_at, 'cpu_s': cpu,
                  'peak_bytes': end[3], 'events_per_s': self.n_events / seconds, 'events_per_cpu_s': self.n_events / cpu}
        if self.system.ends:  # nothing to warm up
            return result | {f'warm_{key}': result[key] for key in ('events_per_s', 'events_per_cpu_s')}
        half = next((sample for sample in self.samples if sample[1] >= self.n_events / 2), None)
        if half and end[2] > half[2] and end[1] > half[1]:
            result['warm_events_per_s'] = (end[1] - half[1]) / (end[0] - half[0])
            result['warm_events_per_cpu_s'] = (end[1] - half[1]) / (end[2] - half[2])
        return result


class Benchmark:
    """Rounds of all systems over one log."""

    def __init__(self, world, names, n_events, n_leads, exponent, tell):
        self.world, self.names, self.n_events, self.n_leads, self.tell = world, names, n_events, n_leads, tell
        self.source = f'events-{n_leads}'
        self.state_bytes = STATE_BYTES
        self.runs, self.told = [], {}
        world.create_topics(self.source)
        made = world.load(self.source, n_events, n_leads, '--exponent', str(exponent))
        self.bytes_per_event = made['bytes'] / n_events
        self.common_ms = common_time(world.bootstrap, self.source)
        tell(f'{n_events} events of {n_leads} leads, {self.bytes_per_event:.0f} bytes each')

    def rounds(self, n):
        # scored begins: the floor's records are to be as large as its own
        names = sorted(self.names, key=lambda name: name != 'scored')
        for number in range(n):
            for name in names[number % len(names):] + names[:number % len(names)]:
                self._run(name, number)

    def _run(self, name, number):
        app = f'{name}.{self.n_leads}.{number}'
        system = systems.make(name)
        if name == 'floor':
            system.state_bytes = round(self.state_bytes)
        result = Run(self.world, system, self.source, self.n_events, app).measure() | {'round': number, 'leads': self.n_leads}
        if name == 'scored':
            result |= self._look_at_state(app)
        if system.has_outputs:
            self._check(system, app, result)
        self.runs.append(result)
        self.tell(f"round {number} {name}: {result['events_per_s']:.0f} events/s, {result['events_per_cpu_s']:.0f} events/CPU-s")
        self.world.delete_topics(app)
        self.world.redis.flushall()

    def _look_at_state(self, app):
        n, self.state_bytes = mean_record(self.world, app)
        return {'records': n, 'record_bytes': self.state_bytes, 'redis_bytes_per_lead': redis_bytes(self.world, app)}

    def _check(self, system, app, result):
        told = Told(self.world.bootstrap, system.stages(app), system.sla(app), self.common_ms)
        result |= {'stage_changes': told.n_stages, 'sla_events': told.n_sla}
        first = self.told.setdefault('first', (system.name, told))
        found = differences(first[1], told)
        shown = list(islice(found, 10))
        if shown:
            n = len(shown) + sum(1 for _ in found)
            raise Void('\n'.join([f'void: {first[0]} and {system.name} differ in {n} outputs', *shown]))


def spread(values):
    values = sorted(values)
    return {'min': values[0], 'median': median(values), 'max': values[-1]}


FIGURES = ('events_per_s', 'events_per_cpu_s', 'warm_events_per_s', 'warm_events_per_cpu_s', 'peak_bytes', 'cpu_s', 'broker_cpu_s',
           'redis_cpu_s')


def summary(runs):
    """Of each system over the rounds, and how many times as fast scored was in the same round."""
    found = {}
    ours = {run['round']: run for run in runs if run['system'] == 'scored'}
    for name in dict.fromkeys(run['system'] for run in runs):
        own = [run for run in runs if run['system'] == name]
        line = {key: spread([run[key] for run in own]) for key in FIGURES if all(key in run for run in own)}
        line['scored_is'] = {}
        for key in FIGURES[:4]:
            pairs = [(ours[run['round']], run) for run in own if run['round'] in ours]
            if pairs and all(key in run for pair in pairs for run in pair):
                line['scored_is'][key] = spread([one[key] / other[key] for one, other in pairs])
        found[name] = line
    return found
