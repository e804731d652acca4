# SPDX-License-Identifier: Apache-2.0
"""Breaks what scored runs on, at random, and checks that nobody could tell."""
import argparse
import os
import re
import shutil
import signal
import string
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'integration'))

import live  # noqa: E402
from live import wait_for  # noqa: E402

from checker import Checker  # noqa: E402
from nemesis import SCHEDULES, Fleet, Nemesis, make_timeline  # noqa: E402
from servers import Broker, RedisPair  # noqa: E402
from workload import Workload  # noqa: E402

LATENESS_MS = 1000  # of model.yaml
SETTLE_MS = 12000   # behind the last event: the clocks that it can have started run out
# Nothing is compacted or deleted: the checker reads every batch.
KEEP = {'min.compaction.lag.ms': str(1 << 40), 'segment.ms': str(1 << 40), 'segment.bytes': str(1 << 30)}
HALTS = {  # reasons for which a shard may halt, and what must have been done to it
    "the group's committed offset is not where the last batch left it": 'offset-reset',
    'the records were made by a newer model version': 'reload',
    'the internal topic holds a message that cannot be taken': 'reload',
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


class Run:
    """One seed: servers, instances, a workload and a nemesis of its own."""

    def __init__(self, options, seed, folder):
        self.options, self.seed, self.folder = options, seed, folder
        self.log = Journal(os.path.join(folder, 'journal'), options.verbose)
        self.closers = []
        self.nemesis = self.fleet = None
        self.figures = {}

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
        self.broker = Broker(os.path.join(self.folder, 'k'))
        self.closers.append(self.broker.close)
        self.pair = RedisPair(os.path.join(self.folder, 'r'))
        self.closers.append(self.pair.close)
        live.BOOTSTRAP = self.broker.bootstrap
        self.d = live.Deployment(self.folder, os.path.join(self.folder, 'model.yaml'), options.partitions, ('events', 'crm'), prepare=False)
        self.closers.append(self.d.close)
        name, n = self.d.name, options.partitions
        self.d.create_topics({source: n for source in self.d.sources}, **{'message.timestamp.type': 'LogAppendTime'})
        self.d.create_topics({f'{name}.changelog': n, f'{name}.stages': n}, **KEEP | {'cleanup.policy': 'compact'})
        self.d.create_topics({f'{name}.{topic}': n for topic in ('internal', 'sla', 'refused', 'retired', 'dead-letters')})
        self.changes = {
            'kafka': {'bootstrap_servers': self.broker.bootstrap_proxied, 'group': name,
                      'properties': {'session.timeout.ms': 3000, 'heartbeat.interval.ms': 500,
                                     'reconnect.backoff.max.ms': 1000, 'topic.metadata.refresh.interval.ms': 2000}},
            'redis': {'address': self.pair.address, 'prefix': name},
            'batch': {'max_events': options.batch, 'max_time': '20ms'},
            'cache': {'max': '256KiB'},
        }
        self.fleet = Fleet(self.d, self.changes, self.model_of, self.model_path_of)
        self.workload = Workload(self.broker.bootstrap, self.d.sources, n, options.rate, self.seed)

    def go(self):
        """Faults for the time given, then the end that all must come to. The checker's problems."""
        timeline = make_timeline(self.options.schedule, self.seed, self.options.seconds, self.options.gap)
        self.log(f'seed {self.seed}, schedule {self.options.schedule}: {len(timeline)} steps; folder {self.folder}')
        for name in ('a', 'b'):
            self.fleet.start(name)
        for instance in self.fleet.running.values():
            instance.await_log('event=pipeline.ready')
        wait_for(lambda: self.d.committed() >= 0, 'a coordinator')
        self.nemesis = Nemesis(self.fleet, self.broker, self.pair, self.log)
        self.workload.start()
        begun = time.monotonic()
        self.nemesis.run(timeline)
        time.sleep(max(0.0, begun + self.options.seconds - time.monotonic()))
        self.workload.stop()
        self.log(f'faults end; {self.workload.n_sent} records sent')
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
            wait_for(lambda: self.d.committed() >= self.workload.n_sent, 'all events are committed', self.options.patience)
            wait_for(lambda: time.time() * 1000 > sent_ms + SETTLE_MS, 'all clocks that an event started have run out')
            wait_for(lambda: self.d.lag_of_moments() == 0, 'all that is due has happened', self.options.patience)
        except AssertionError as error:
            problems.append(f'convergence: {error}')
            self.log(f'{error}\n{self.tell_stuck()}')
        self.log(f'converged after {(time.time() * 1000 - sent_ms) / 1000:.1f} s')
        stopped = sorted(self.fleet.running)
        self.fleet.stop_all()
        problems += self.check_processes()
        config = self.d.config('checker', **self.changes | {'kafka': {'bootstrap_servers': live.BOOTSTRAP, 'group': self.d.name}})
        checker = Checker(self.d, config, self.model_path_of, LATENESS_MS, [f'{self.d.name}.stages'])
        problems += checker.run(self.workload.malformed)
        if not problems:
            self.check_rebuilt(checker, stopped[0])
            problems += checker.problems
        self.figures = checker.figures
        return problems

    def check_rebuilt(self, checker, name):
        """Redis with nothing, once more, and no event: the view must be what it was."""
        before = checker.readable()
        self.pair.client().flushall()
        instance = self.d.start(name, **self.changes | {'watermark': 'data'})  # time stands still, or leads would move
        wait_for(lambda: instance.log().count('event=shard.taken ') >= self.options.partitions, 'all shards are rebuilt', 60)
        if instance.stop() != 0:
            checker.problem('process', f'{name} did not end well: {instance.log_path}')
        checker.check_rebuilt(before, checker.readable())

    def check_processes(self):
        """Nobody ended by himself, or halted without a reason that the nemesis gave."""
        problems = [f'process: {name} ended with {status}: {path}' for name, status, path in self.fleet.ends]
        for instance in self.d.instances:
            log = instance.log()
            for reason in re.findall(r'event=shard\.halted .*?reason="((?:[^"\\]|\\.)*)"', log):
                reason = reason.replace('\\"', '"')
                cause = HALTS.get(reason)
                if cause is None or not self.nemesis.counts.get(cause):
                    problems.append(f'halt: {instance.log_path}: {reason}')
            for mark in ('ERROR: AddressSanitizer', 'runtime error:', 'Assertion', 'event=record.unreadable', 'event=source.truncated',
                         'event=failed '):
                if mark in log:
                    problems.append(f'process: {instance.log_path}: {mark}')
        return sorted(set(problems))

    def close(self):
        """Also if it was interrupted: nothing that was started runs on."""
        if self.nemesis:
            self.nemesis.close()
        if self.fleet:
            self.fleet.wake_all()
        for closer in reversed(self.closers):
            closer()


def parse_arguments():
    parser = argparse.ArgumentParser(prog='tests/faults/run', description=__doc__)
    parser.add_argument('--seed', type=int, default=1, metavar='N', help='the first seed; default: 1')
    parser.add_argument('--seeds', type=int, default=1, metavar='N', help='how many, one after the other; default: 1')
    parser.add_argument('--seconds', type=float, default=60, metavar='S', help='of faults, for each seed; default: 60')
    parser.add_argument('--schedule', choices=sorted(SCHEDULES), default='all', help='what is injected; default: all')
    parser.add_argument('--rate', type=float, default=200, metavar='N', help='events a second; default: 200')
    parser.add_argument('--gap', type=float, default=2.0, metavar='S', help='between two faults, on average; default: 2')
    parser.add_argument('--partitions', type=int, default=4, metavar='N', help='default: 4')
    parser.add_argument('--batch', type=int, default=200, metavar='N', help='batch.max_events; default: 200')
    parser.add_argument('--patience', type=float, default=180, metavar='S', help='within which all must converge; default: 180')
    parser.add_argument('--folder', metavar='DIR', help='where folders of runs are made; short, for sockets are in them')
    parser.add_argument('--keep', action='store_true', help='keep the folder of a run without findings, too')
    parser.add_argument('--discard', action='store_true', help='keep no folder, whatever is found')
    parser.add_argument('--list', action='store_true', help='only show the timeline')
    parser.add_argument('--verbose', '-v', action='store_true', help='show what is done as it is done')
    return parser.parse_args()


def show(run, problems, seconds):
    done, figures = sum(run.nemesis.counts.values()) if run.nemesis else 0, run.figures
    print(f'seed {run.seed}: {run.options.schedule}, {done} faults, {figures.get("events", 0)} events, {figures.get("outputs", 0)} outputs, '
          f'{figures.get("batches run again", 0)} of {figures.get("batches", 0)} batches run again, {figures.get("breaches", 0)} breaches, '
          f'{seconds:.0f} s: {"no finding" if not problems else str(len(problems)) + " findings"}', flush=True)
    for problem in problems:
        print(f'  {problem}', flush=True)
    if run.nemesis:
        run.log(f'faults: {run.nemesis.counts}; left out: {run.nemesis.left_out}')
        for name, why in run.nemesis.left_out.items():
            print(f'  left out: {name}: {why}')
    run.log(f'figures: {dict(figures)}')


def run_seed(options, seed):
    folder = tempfile.mkdtemp(prefix='sf.', dir=options.folder)
    run = Run(options, seed, folder)
    begun = time.monotonic()
    try:
        run.prepare()
        problems = run.go()
    except Exception as error:  # pylint: disable=broad-except
        run.log(f'broke off: {error!r}')
        problems = [f'broke off: {type(error).__name__}: {str(error)[-1500:]}']
    finally:
        run.close()
    show(run, problems, time.monotonic() - begun)
    if options.keep or (problems and not options.discard):
        print(f'  journal and logs: {folder}', flush=True)
    else:
        shutil.rmtree(folder)
    return not problems


def main():
    options = parse_arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    if options.list:
        for step in make_timeline(options.schedule, options.seed, options.seconds, options.gap):
            print(f'{step.at:8.3f} {step.name} {step.phase} {step.target}')
        return 0
    good = [run_seed(options, seed) for seed in range(options.seed, options.seed + options.seeds)]
    return 0 if all(good) else 1


if __name__ == '__main__':
    sys.exit(main())
