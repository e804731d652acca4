# SPDX-License-Identifier: Apache-2.0
"""Breaks what scored runs on, at random, and checks that nobody could tell."""
import argparse
import json
import os
import re
import shutil
import signal
import string
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, namedtuple
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'integration'))

import live  # noqa: E402
import redis  # noqa: E402
from confluent_kafka import Consumer, KafkaException, TopicPartition  # noqa: E402
from live import wait_for  # noqa: E402

from batches import MESSAGE_WATERMARK, TIME_NONE, sender_of  # noqa: E402
from checker import Checker, Sample  # noqa: E402
from nemesis import BASE, SCHEDULES, Fleet, Nemesis, make_timeline  # noqa: E402
from servers import Cluster, RedisPair  # noqa: E402
from workload import Workload  # noqa: E402

LATENESS_MS = 1000  # of model.yaml
SETTLE_MS = 12000   # behind the last event: the clocks that it can have started run out
# Nothing is compacted or deleted: the checker reads every batch.
KEEP = {'min.compaction.lag.ms': str(1 << 40), 'segment.ms': str(1 << 40), 'segment.bytes': str(1 << 30)}
STOPS_MAX = 8
N_WEB = 6           # partitions of the source that is routed
BEHIND_FOOTER_MAX = 20  # records and markers behind the last footer that is committed, at rest
BEHIND_MAX_S = 5   # of events at the rate that is asked for: further than that, no more visits are sent
WATCH_S = 0.25
# What no log may hold.
NEVER_TOLD = ('ERROR: AddressSanitizer', 'ERROR: LeakSanitizer', 'runtime error:', 'Assertion', 'event=failed ')
HALTS = {  # reasons for which a shard may halt, and what must have been done to it
    "the group's committed offset is not where the last batch left it": {'offset-reset'},
    'the records were made by a newer model version': {'reload', 'rolling-upgrade'},
    'the internal topic holds a message that cannot be taken': {'reload', 'rolling-upgrade'},
}


class Journal:
    """What is done, for reading afterwards: to a file, and to standard output if asked for."""

    def __init__(self, path, verbose):
        self.path, self.verbose, self.lock = path, verbose, threading.Lock()

    def __call__(self, text):
        line = f'{time.strftime("%H:%M:%S")}.{int(time.time() * 1000) % 1000:03d} {text}'
        with self.lock, open(self.path, 'a', encoding='utf-8') as file:
            file.write(line + '\n')
            if self.verbose:
                print(line, flush=True)


Variant = namedtuple('Variant', 'brokers routed max_moments')


PLAIN = Variant(brokers=1, routed=False, max_moments=5000)


def variant_of(seed, options):
    """What a seed runs on: how many brokers, with or without a source that is routed, and how many moments go into a batch."""
    if options.plain:
        return PLAIN
    few = max(3, int(options.rate / 50))  # or they would never all happen
    return Variant(brokers=3 if seed % 3 == 0 else 1, routed=seed % 2 == 0, max_moments=PLAIN.max_moments if seed % 4 < 2 else few)


def cpu_s():
    """Of this process and of those that it has waited for."""
    return sum(os.times()[:4])


class Watcher:
    """Looks at Redis meanwhile, as its readers do, and at how far behind the events are."""

    def __init__(self, run):
        self.run = run
        self.asker = Consumer({'bootstrap.servers': live.BOOTSTRAP, 'group.id': f'{run.d.name}.watcher', 'isolation.level': 'read_uncommitted',
                               'log_level': 0})
        self.samples = []
        self.failed = Counter()
        self.metas = []
        self.pool = ThreadPoolExecutor(max_workers=1)
        self.stopping = threading.Event()
        self.watching = self.pool.submit(self._watch)

    def stop(self):
        """Raises what it failed with, if it did."""
        self.stopping.set()
        self.watching.result()

    def _watch(self):
        n = 0
        while not self.stopping.wait(WATCH_S):
            try:
                found = self._look_at_redis()
                ends = self._ends()  # afterwards: what is in Redis must be there
                self.samples += [sample._replace(ends=ends) for sample in found]
            except (redis.RedisError, KafkaException, OSError) as error:  # it is down, or stopped
                self.failed[str(error)[:80]] += 1
            n += 1
            if n % 4 == 0:
                self._look_behind()

    def _look_at_redis(self):
        """What its live shards hold."""
        deployment, client = self.run.d, self.run.pair.client(seconds=2)
        if len(self.metas) < deployment.n_partitions:
            self.metas = sorted(client.scan_iter(f'{deployment.name}:{{*}}:meta', count=5000))
        found = []
        for key in self.metas:
            mode, lineage, bno, following, watermark = client.hmget(key, 'mode', 'lineage', 'bno', 'next', 'watermark')
            if mode == b'live' and int(bno) > 0:
                found.append(Sample(int(time.time() * 1000), lineage.decode(), int(bno), int(following), int(watermark) if watermark else TIME_NONE, None))
        return found

    def _ends(self):
        """Of the changelog's partitions, with what is not committed."""
        deployment = self.run.d
        ends = [self.asker.get_watermark_offsets(TopicPartition(f'{deployment.name}.changelog', i), timeout=5)[1] for i in range(deployment.n_partitions)]
        if min(ends) < 0:
            raise OSError('a broker that has just begun does not know them')
        return ends

    def _look_behind(self):
        """Events that come faster than they are taken would be all that is taken at the end."""
        workload = self.run.workload
        try:
            workload.holding = workload.n_sent - self.run.d.committed() > BEHIND_MAX_S * self.run.options.rate
        except (KafkaException, AssertionError) as error:
            self.failed[str(error)[:80]] += 1


class Run:
    """One seed: servers, instances, a workload and a nemesis of its own."""

    def __init__(self, options, seed, folder):
        self.options, self.seed, self.folder = options, seed, folder
        self.log = Journal(os.path.join(folder, 'journal'), options.verbose)
        self.variant = variant_of(seed, options)
        self.closers = []
        self.nemesis = self.fleet = self.watcher = self.workload = None
        self.figures = Counter()

    def model_of(self, version):
        """Writes the model's version; replaces the file that the instances read in one step."""
        with open(os.path.join(ROOT, 'tests', 'faults', 'model.yaml'), encoding='utf-8') as file:
            text = string.Template(file.read()).substitute(version=version, warm=12 + 3 * (version % 4),
                                                          half_life=('8s', '12s', '5s')[version % 3])
        for path in (self.model_path_of(version), os.path.join(self.folder, 'model.new')):
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
        os.replace(os.path.join(self.folder, 'model.new'), os.path.join(self.folder, 'model.yaml'))

    def model_path_of(self, version):
        return os.path.join(self.folder, f'model.{version}.yaml')

    def prepare(self):
        options = self.options
        self.model_of(1)
        self.cluster = Cluster(os.path.join(self.folder, 'k'), self.variant.brokers)
        self.pair = RedisPair(os.path.join(self.folder, 'r'))
        self.closers += [self.cluster.close, self.pair.close]
        self.cluster.start()
        self.pair.start()
        live.BOOTSTRAP = self.cluster.bootstrap
        model = os.path.join(self.folder, 'model.yaml')
        sources = ('events', 'crm', 'web') if self.variant.routed else ('events', 'crm')
        self.d = live.Deployment(self.folder, model, options.partitions, sources, prepare=False, counts={'web': N_WEB}, routed=sources[2:])
        self.closers += [self.let_go, self.d.close]
        name, n = self.d.name, options.partitions
        self.d.create_topics(self.d.counts, **{'message.timestamp.type': 'LogAppendTime'})
        self.d.create_topics({f'{name}.changelog': n, f'{name}.stages': n}, **KEEP | {'cleanup.policy': 'compact'})
        self.d.create_topics({f'{name}.{topic}': n for topic in ('internal', 'sla', 'refused', 'retired', 'dead-letters')})
        self.changes = {
            'kafka': {'bootstrap_servers': self.cluster.bootstrap_proxied, 'group': name,
                      # a group waits so long for members that were killed while it was dealt out anew: 5 minutes by default
                      'properties': {'max.poll.interval.ms': 45000, 'session.timeout.ms': 3000, 'heartbeat.interval.ms': 500,
                                     'reconnect.backoff.max.ms': 1000, 'topic.metadata.refresh.interval.ms': 2000}},
            'redis': {'address': self.pair.address, 'prefix': name, 'hashes': self.seed % 3 > 0},
            'batch': {'max_events': options.batch, 'max_time': f'{options.batch_ms}ms', 'max_moments': self.variant.max_moments},
            'cache': {'max': '256KiB'},
        }
        self.fleet = Fleet(self.d, self.changes, self.model_of, self.model_path_of)
        self.workload = Workload(self.cluster.bootstrap, self.d.sources, [self.d.counts[source] for source in self.d.sources], n,
                                 options.rate, self.seed)

    def let_go(self):
        """Clients that would go on asking for a broker that is no more."""
        if self.watcher:
            self.watcher.stopping.set()
            self.watcher.pool.shutdown()
            self.watcher.asker.close()
        if self.workload:
            self.workload.let_go()
        self.d.admin = None

    def go(self):
        """Faults for the time given, then the end that all must come to. The checker's problems."""
        timeline = make_timeline(self.options.schedule, self.seed, self.options.seconds, self.options.gap)
        self.log(f'seed {self.seed}, schedule {self.options.schedule}: {len(timeline)} steps; {self.variant}; folder {self.folder}')
        for name in ('a', 'b', 'c') if self.options.schedule == 'rolling' else BASE:
            self.fleet.start(name)
        for instance in self.fleet.running.values():
            instance.await_log('event=pipeline.ready')
        wait_for(lambda: self.d.committed() >= 0, 'a coordinator')
        self.nemesis = Nemesis(self.fleet, self.cluster, self.pair, self.log)
        self.watcher = Watcher(self)
        self.workload.start()
        begun = time.monotonic()
        self.nemesis.run(timeline)
        time.sleep(max(0.0, begun + self.options.seconds - time.monotonic()))
        self.workload.stop()
        self.log(f'faults end; {self.workload.n_sent} records sent, {dict(self.workload.transactions.counts)} in transactions')
        self.nemesis.heal()
        return self.converge()

    # --- the end ---

    def tell_stuck(self):
        return '\n'.join(f'--- {name}\n{instance.log()[-1500:]}' for name, instance in self.fleet.running.items())

    def converge(self):
        problems = []
        self.d.redis = self.pair.client()
        sent_ms = time.time() * 1000
        try:
            ends = self.ends_of_sources()
            wait_for(lambda: self.d.committed() >= ends, 'all events are committed', self.options.patience)
            wait_for(lambda: time.time() * 1000 > sent_ms + SETTLE_MS, 'all clocks that an event started have run out')
            wait_for(lambda: self.d.lag_of_moments() == 0, 'all that is due has happened', self.options.patience)
            wait_for(self.walks_are_done, 'the last model version has come to all leads', self.options.patience)
        except AssertionError as error:
            problems.append(f'convergence: {error}')
            self.log(f'{error}\n{self.tell_stuck()}')
        self.watcher.stop()
        self.log(f'{len(self.watcher.samples)} samples of the view; not to be had: {dict(self.watcher.failed)}')
        self.log(f'converged after {(time.time() * 1000 - sent_ms) / 1000:.1f} s')
        try:
            self.stop_at_rest()
        except AssertionError as error:  # a shard has halted: what it was sent stays
            problems.append(f'convergence: {error}')
            self.fleet.stop_all()
        problems += self.check_processes()
        config = self.d.config('checker', **self.changes | {'kafka': {'bootstrap_servers': live.BOOTSTRAP, 'group': self.d.name}})
        checker = Checker(self.d, config, self.model_path_of, LATENESS_MS, [f'{self.d.name}.stages'])
        begun, cpu = time.monotonic(), cpu_s()
        problems += checker.run(self.workload.malformed, self.workload.acked, self.watcher.samples)
        self.log(f'checked in {time.monotonic() - begun:.1f} s, {cpu_s() - cpu:.1f} s of a CPU')
        if checker.n_under_way:
            self.nemesis.left_out['rebuilding'] = f'{checker.n_under_way} messages between shards were under way'
        elif not problems:
            self.check_rebuilt(checker, BASE[0])
            problems += checker.problems
        self.figures = checker.figures
        self.figures['records of aborted transactions'] = sum(self.workload.transactions.counts[end] for end in ('aborted', 'left'))
        return problems

    def walks_are_done(self):
        """No shard is on a new version's way through its records, by its last footer."""
        topic = f'{self.d.name}.changelog'
        begin = {i: max(0, self.d.asker.get_watermark_offsets(TopicPartition(topic, i), timeout=30)[1] - BEHIND_FOOTER_MAX)
                 for i in range(self.options.partitions)}
        last = {message.partition(): message.value() for message in self.d.stream(topic, begin=begin) if message.key() == b'footer'}
        return len(last) == len(begin) and all(json.loads(footer)['model']['walk_end'] == 0 for footer in last.values())

    def ends_of_sources(self):
        """Where all that was sent ends, summed: an event is the last record of each partition."""
        return sum(self.d.asker.get_watermark_offsets(TopicPartition(source, i), timeout=30)[1]
                   for source, n in self.d.counts.items() for i in range(n))

    def internal_partitions(self):
        return [TopicPartition(f'{self.d.name}.internal', i) for i in range(self.options.partitions)]

    def taken_of_internal(self):
        """Up to which offset each partition of what shards tell each other has been taken."""
        return {partition.partition: max(partition.offset, 0) for partition in self.d.asker.committed(self.internal_partitions(), timeout=30)}

    def n_under_way(self):
        """Messages between shards that nobody has taken."""
        return sum(message.key() is not None for message in self.d.stream(f'{self.d.name}.internal', begin=self.taken_of_internal()))

    def stop_at_rest(self):
        """Stops all. What the last round has sent to other shards is taken first, or the view would change as soon as somebody runs."""
        self.fleet.stop_all()
        for _ in range(STOPS_MAX):
            if not self.n_under_way():
                return
            self.fleet.start(BASE[0])
            wait_for(lambda: not self.n_under_way(), 'messages between shards are taken', self.options.patience)
            self.fleet.stop_all()

    def ends_of_internal(self):
        return {partition.partition: self.d.asker.get_watermark_offsets(partition, timeout=30)[1] for partition in self.internal_partitions()}

    def all_have_told(self, begin):
        """Each shard has said since then to each how far its leads are, and that was taken."""
        taken = self.taken_of_internal()
        told = {(message.partition(), sender_of(message.value())) for message in self.d.stream(f'{self.d.name}.internal', begin=begin)
                if message.key() is None and message.value()[1] == MESSAGE_WATERMARK and message.offset() < taken[message.partition()]}
        return len(told) == self.options.partitions ** 2

    def run_in_place(self, checker, name):
        """Has one instance take all shards while time stands still, and tell and take how far each of them is, which they do once a second only."""
        begin = self.ends_of_internal()
        instance = self.d.start(name, **self.changes | {'watermark': 'data'})
        wait_for(lambda: instance.log().count('event=shard.taken ') >= self.options.partitions, 'all shards are taken', 60)
        wait_for(lambda: self.all_have_told(begin) and not self.n_under_way(), 'all shards have told where they are', 60)
        if instance.stop() != 0:
            checker.problem('process', f'{name} did not end well: {instance.log_path}')

    def check_rebuilt(self, checker, name):
        """Redis with nothing, once more, and no event: the view must be what it was, once accounts are where leads have got."""
        self.run_in_place(checker, name)
        before = checker.readable()
        self.pair.client().flushall()
        self.run_in_place(checker, name)
        checker.check_rebuilt(before, checker.readable())

    def check_processes(self):
        """Nobody ended by himself, or halted without a reason that the nemesis gave."""
        problems = [f'process: {name} ended with {status}: {path}' for name, status, path in self.fleet.ends]
        for instance in self.d.instances:
            log = instance.log()
            for reason in re.findall(r'event=shard\.halted .*?reason="((?:[^"\\]|\\.)*)"', log):
                reason = reason.replace('\\"', '"')
                if not HALTS.get(reason, set()) & self.nemesis.counts.keys():
                    problems.append(f'halt: {instance.log_path}: {reason}')
            problems += [f'process: {instance.log_path}: {mark}' for mark in NEVER_TOLD if mark in log]
        return sorted(set(problems))

    def close(self):
        """Also if it was interrupted: nothing that was started runs on."""
        if self.nemesis:
            self.nemesis.close()
        if self.fleet:
            self.fleet.wake_all()
        for closer in reversed(self.closers):
            closer()


# Of a run that is one of many: most of the time is to be the faults'.
LONG = {'seconds': 600, 'rate': 2000, 'gap': 2.0, 'batch': 500, 'batch_ms': 50, 'patience': 900}
SHORT = {'seconds': 60, 'rate': 200, 'gap': 2.0, 'batch': 200, 'batch_ms': 20, 'patience': 180}
# A broker that runs for long is worth compiling well.
LONG_JVM = '-Xms256m -Xmx768m -XX:+UseSerialGC'


def parse_arguments():
    parser = argparse.ArgumentParser(prog='tests/faults/run', description=__doc__)
    parser.add_argument('--seed', type=int, default=1, metavar='N', help='the first seed; default: 1')
    parser.add_argument('--seeds', type=int, default=1, metavar='N', help='how many, one after the other; default: 1')
    parser.add_argument('--events', type=int, metavar='N', help='seeds until so many events in all are without a finding; longer runs, more load')
    parser.add_argument('--faults', type=int, metavar='N', help='and so many faults')
    parser.add_argument('--totals', metavar='FILE', help='add a line of JSON for each run; those that it has count for --events and --faults')
    parser.add_argument('--sum', action='store_true', help='only add up what --totals has')
    parser.add_argument('--schedule', choices=sorted(SCHEDULES), default='all', help='what is injected; default: all')
    for name, kind, metavar, text in (('seconds', float, 'S', 'of faults, for each seed'), ('rate', float, 'N', 'events a second'),
                                      ('gap', float, 'S', 'between two faults, on average'), ('batch', int, 'N', 'batch.max_events'),
                                      ('batch-ms', int, 'N', 'batch.max_time'), ('patience', float, 'S', 'within which all must converge')):
        key = name.replace('-', '_')
        parser.add_argument(f'--{name}', type=kind, metavar=metavar, help=f'{text}; default: {SHORT[key]}, with --events or --faults {LONG[key]}')
    parser.add_argument('--plain', action='store_true', help='one broker, no source that is routed, and many moments in a batch, whatever the seed')
    parser.add_argument('--partitions', type=int, default=4, metavar='N', help='default: 4')
    parser.add_argument('--folder', metavar='DIR', help='where folders of runs are made; short, for sockets are in them')
    parser.add_argument('--keep', action='store_true', help='keep the folder of a run without findings, too')
    parser.add_argument('--discard', action='store_true', help='keep no folder, whatever is found')
    parser.add_argument('--list', action='store_true', help='only show the timeline')
    parser.add_argument('--verbose', '-v', action='store_true', help='show what is done as it is done')
    options = parser.parse_args()
    options.is_long = options.events is not None or options.faults is not None
    for key, value in (LONG if options.is_long else SHORT).items():
        if getattr(options, key) is None:
            setattr(options, key, value)
    if options.sum and not options.totals:
        parser.error('--sum: of which --totals?')
    return options


class Totals:
    """What all runs come to; those of before, too, if they were kept in a file."""

    def __init__(self, path):
        self.path, self.runs = path, []
        if path and os.path.exists(path):
            with open(path, encoding='utf-8') as file:
                self.runs = [json.loads(line) for line in file if line.strip()]

    def add(self, run, problems, seconds):
        nemesis = run.nemesis
        self.runs.append({
            'ended': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), 'seed': run.seed, 'schedule': run.options.schedule,
            **run.variant._asdict(), 'seconds': round(seconds), 'faults': dict(nemesis.counts) if nemesis else {},
            'left_out': nemesis.left_out if nemesis else {}, 'figures': dict(run.figures), 'findings': problems, 'folder': run.folder if problems else None})
        if self.path:
            with open(self.path, 'a', encoding='utf-8') as file:
                file.write(json.dumps(self.runs[-1]) + '\n')

    def of(self, name):
        """Of runs without a finding."""
        return sum(run['figures'].get(name, 0) for run in self.runs if not run['findings'])

    def faults(self):
        found = Counter()
        for run in self.runs:
            if not run['findings']:
                found.update(run['faults'])
        return found

    def are_enough(self, options):
        return self.of('events') >= (options.events or 0) and self.faults().total() >= (options.faults or 0)

    def show(self):
        clean, faults = [run for run in self.runs if not run['findings']], self.faults()
        print(f'{len(clean)} runs without a finding ({sum(run["brokers"] > 1 for run in clean)} with three brokers, '
              f'{sum(run["routed"] for run in clean)} with a routed source): {faults.total()} faults, {self.of("events")} events, '
              f'{self.of("outputs")} outputs, {self.of("batches run again")} batches run again, {self.of("samples of the view")} samples of Redis, '
              f'{self.of("records of aborted transactions")} records of aborted transactions, {sum(run["seconds"] for run in clean)} s')
        print('  ' + ', '.join(f'{name} {n}' for name, n in faults.most_common()))
        for run in self.runs:
            if run['findings']:
                print(f'seed {run["seed"]}: {len(run["findings"])} findings, {run["folder"]}: {run["findings"][0][:300]}')


def show(run, problems, seconds):
    done, figures = sum(run.nemesis.counts.values()) if run.nemesis else 0, run.figures
    said = 'no finding' if not problems else f'{len(problems)} findings'
    print(f'seed {run.seed}: {run.options.schedule}, {done} faults, {figures["events"]} events, {figures["outputs"]} outputs, '
          f'{figures["batches run again"]} of {figures["batches"]} batches run again, {figures["breaches"]} breaches, {seconds:.0f} s: {said}',
          flush=True)
    for problem in problems:
        print(f'  {problem}', flush=True)
    if run.nemesis:
        run.log(f'faults: {run.nemesis.counts}; left out: {run.nemesis.left_out}')
        for name, why in run.nemesis.left_out.items():
            print(f'  left out: {name}: {why}')
    run.log(f'figures: {dict(figures)}')


def run_seed(options, seed, totals):
    folder = tempfile.mkdtemp(prefix='sf.', dir=options.folder)
    run = Run(options, seed, folder)
    begun = time.monotonic()
    try:
        run.prepare()
        problems = run.go()
    except Exception as error:  # pylint: disable=broad-except
        run.log(f'broke off: {error!r}\n{traceback.format_exc()}')
        problems = [f'broke off: {type(error).__name__}: {str(error)[-1500:]}']
    except BaseException:  # interrupted
        run.close()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    run.close()
    show(run, problems, time.monotonic() - begun)
    totals.add(run, problems, time.monotonic() - begun)
    if options.keep or (problems and not options.discard):
        print(f'  journal and logs: {folder}', flush=True)
    else:
        shutil.rmtree(folder)


def run_seeds(options):
    totals, seed, n = Totals(options.totals), options.seed, 0
    seed = max([seed] + [run['seed'] + 1 for run in totals.runs])
    n_before = len(totals.runs)
    while not totals.are_enough(options) if options.is_long else n < options.seeds:
        run_seed(options, seed, totals)
        seed, n = seed + 1, n + 1
    if n > 1 or options.is_long:
        totals.show()
    return 1 if any(run['findings'] for run in totals.runs[n_before:]) else 0


def main():
    options = parse_arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    if options.list:
        for step in make_timeline(options.schedule, options.seed, options.seconds, options.gap):
            print(f'{step.at:8.3f} {step.name} {step.phase} {step.target}')
        return 0
    if options.sum:
        Totals(options.totals).show()
        return 0
    if options.is_long:
        os.environ.setdefault('SCORED_TEST_KAFKA_JVM', LONG_JVM)
    return run_seeds(options)


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
