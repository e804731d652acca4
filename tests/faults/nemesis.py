# SPDX-License-Identifier: Apache-2.0
"""What goes wrong, and when: a timeline made from a seed, and what carries it out."""
import random
import re
import signal
import threading
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from live import wait_for

# Longer than the group waits for a member, 3 s, and than a transaction may take, 10 s.
SHORT, SESSION, TRANSACTION = (0.3, 2), (3.5, 7), (11, 15)
BASE, GUESTS = ('a', 'b'), ('c', 'd')
Action = namedtuple('Action', 'name weight durations resources')
# Two actions on one resource do not overlap. 'member' stands for one of BASE, 'guest' for one of GUESTS.
ACTIONS = [
    Action('kill', 10, [(0.5, 6)], ['member']),
    Action('freeze', 9, [SHORT, SESSION, TRANSACTION], ['member']),
    Action('terminate', 4, [(0.5, 5)], ['member']),
    Action('join', 6, [(5, 20)], ['guest']),
    Action('broker-crash', 1.5, [(0.5, 4)], ['broker']),
    Action('kafka-cut', 4, [(0, 0), (0.5, 5)], ['kafka-net']),
    Action('kafka-delay', 3, [(2, 8)], ['kafka-net']),
    Action('kafka-stall', 4, [SHORT, SESSION, TRANSACTION], ['kafka-net']),
    Action('redis-cut', 4, [(0, 0), (0.5, 5)], ['redis-net']),
    Action('redis-delay', 3, [(2, 8)], ['redis-net']),
    Action('redis-stall', 3, [SHORT, (6, 9)], ['redis-net']),
    Action('redis-crash', 3, [(0.5, 5)], ['redis']),
    Action('redis-empty', 2, [(0.5, 3)], ['redis']),
    Action('redis-snapshot', 2.5, [(2, 10)], ['redis']),
    Action('redis-failover', 3, [(1, 6)], ['redis']),
    Action('redis-full', 1.5, [(2, 6)], ['redis']),
    Action('flushall', 2, [(0, 0)], ['redis']),
    Action('offset-reset', 1, [(4, 6)], ['a', 'b', 'c', 'd', 'broker', 'kafka-net', 'redis-net', 'redis', 'model']),
    Action('reload', 1.5, [(0, 0)], ['model']),
    Action('rolling-restart', 0, [(15, 25)], ['a', 'b', 'c', 'd', 'model']),
    Action('rolling-upgrade', 0, [(15, 25)], ['a', 'b', 'c', 'd', 'model']),
]
# What is injected, by the name of a schedule.
SCHEDULES = {
    'quiet': {},
    'kills': {'kill': 10, 'terminate': 4, 'join': 5},
    'members': {'kill': 5, 'freeze': 10, 'terminate': 3, 'join': 5},
    'kafka': {'kill': 3, 'freeze': 2, 'broker-crash': 2, 'kafka-cut': 5, 'kafka-delay': 3, 'kafka-stall': 5},
    'redis': {'kill': 3, 'redis-cut': 4, 'redis-delay': 3, 'redis-stall': 3, 'redis-crash': 3, 'redis-empty': 2,
              'redis-snapshot': 3, 'redis-failover': 4, 'redis-full': 2, 'flushall': 2},
    'operator': {'kill': 3, 'reload': 6, 'offset-reset': 6, 'join': 2},
    'rolling': {'rolling-restart': 1, 'rolling-upgrade': 1},
    'all': {action.name: action.weight for action in ACTIONS if action.weight > 0},
}
Step = namedtuple('Step', 'at name phase target chance')  # phase: begin or end


def make_timeline(schedule, seed, seconds, gap_s=2.0):
    """Steps in order. The same arguments give the same steps."""
    weights = SCHEDULES[schedule]
    chance = random.Random(f'nemesis {schedule} {seed}')
    actions = [action for action in ACTIONS if action.name in weights]
    busy, steps, at = {}, [], 3.0
    while actions:
        at += chance.expovariate(1 / gap_s)
        if at > seconds:
            break
        action = chance.choices(actions, [weights[action.name] for action in actions])[0]
        members = BASE if 'member' in action.resources else GUESTS
        target = chance.choice(members)
        duration = chance.uniform(*chance.choice(action.durations))
        number = chance.random()
        resources = [target if name in ('member', 'guest') else name for name in action.resources]
        if any(busy.get(name, 0) > at for name in resources):
            continue
        for name in resources:
            busy[name] = at + duration + 1
        steps.append(Step(at, action.name, 'begin', target, number))
        steps.append(Step(at + duration, action.name, 'end', target, number))
    return sorted(steps, key=lambda step: step.at)


class Nemesis:
    """Carries a timeline out; tells each step in a log. What of a resource takes long holds up its own next steps only."""

    def __init__(self, fleet, cluster, pair, log):
        self.fleet, self.cluster, self.pair, self.log = fleet, cluster, pair, log
        self.pool = ThreadPoolExecutor(max_workers=16)
        self.counts = {}
        self.left_out = {}
        self.begun = None
        self.carriers = self._carriers()

    def run(self, steps):
        self.begun = time.monotonic()
        before = {}
        for step in steps:
            time.sleep(max(0.0, self.begun + step.at - time.monotonic()))
            for done in before.values():
                if done.done():
                    done.result()  # raises what it failed with
            # the end of an action waits for its begin; those of a resource come one after another
            after = [before[name] for name in self._resources(step) if name in before]
            done = self.pool.submit(self._carry_out, step, after)
            for name in self._resources(step):
                before[name] = done
        for done in list(before.values()):
            done.result()

    def close(self):
        """What has not begun does not; what has is waited for, or it could start a server again."""
        self.pool.shutdown(cancel_futures=True)

    def _resources(self, step):
        names = next(action.resources for action in ACTIONS if action.name == step.name)
        return [step.target if name in ('member', 'guest') else name for name in names]

    def _carry_out(self, step, after):
        for done in after:
            done.result()
        said = self.carriers[step.name][step.phase == 'end'](step)
        if step.phase == 'begin' and not str(said).startswith('left out'):
            self.counts[step.name] = self.counts.get(step.name, 0) + 1
        target = f' {step.target}' if step.target in self._resources(step) else ''
        self.log(f'{step.at:8.3f} {step.name} {step.phase}{target}{": " + said if isinstance(said, str) else ""}')

    def heal(self):
        """Nothing is wrong any more: all that is needed runs."""
        for server in [*self.cluster.brokers, self.pair]:
            server.proxy.heal()
        self.pair.make_room()
        self.fleet.wake_all()
        for name in BASE:
            self.fleet.start(name)

    def _carriers(self):
        """What begins an action, and what ends it."""
        fleet, cluster, pair = self.fleet, self.cluster, self.pair

        def nothing(_):
            return None

        def to_brokers(call):
            """To all of them, or to one."""
            def carry(step):
                for broker in cluster.brokers if step.chance < 0.5 else [cluster.brokers[cluster.of(step.chance)]]:
                    call(broker.proxy, step)
            return carry
        return {
            'kill': (lambda step: fleet.kill(step.target), lambda step: fleet.start(step.target)),
            'freeze': (self.freeze, lambda step: fleet.signal(step.target, signal.SIGCONT)),
            'terminate': (lambda step: fleet.terminate(step.target), lambda step: fleet.start(step.target)),
            'join': (lambda step: fleet.start(step.target), lambda step: fleet.terminate(step.target)),
            'broker-crash': (lambda step: cluster.crash(cluster.of(step.chance)), lambda step: cluster.start_one(cluster.of(step.chance))),
            'kafka-cut': (to_brokers(lambda proxy, _: proxy.refuse(True)), to_brokers(lambda proxy, _: proxy.refuse(False))),
            'kafka-delay': (to_brokers(lambda proxy, step: proxy.delay(0.02 + 0.2 * step.chance)), to_brokers(lambda proxy, _: proxy.delay(0))),
            'kafka-stall': (to_brokers(lambda proxy, _: proxy.stall(True)), to_brokers(lambda proxy, _: proxy.stall(False))),
            'redis-cut': (lambda _: pair.proxy.refuse(True), lambda _: pair.proxy.refuse(False)),
            'redis-delay': (lambda step: pair.proxy.delay(0.01 + 0.1 * step.chance), lambda _: pair.proxy.delay(0)),
            'redis-stall': (lambda _: pair.proxy.stall(True), lambda _: pair.proxy.stall(False)),
            'redis-crash': (lambda _: pair.crash(), lambda _: pair.start_again()),
            'redis-empty': (lambda _: pair.crash(), lambda _: pair.start_empty()),
            'redis-snapshot': (lambda _: pair.snapshot(), lambda _: pair.restore_snapshot()),
            'redis-failover': (lambda _: pair.hold_replica(), lambda _: pair.fail_over()),
            'redis-full': (self.fill, lambda _: pair.make_room()),
            'flushall': (lambda _: pair.client().flushall(), nothing),
            'offset-reset': (self.reset_offset, nothing),
            'reload': (lambda _: f'version {fleet.new_model()}', nothing),
            'rolling-restart': (lambda _: self.roll(), nothing),
            'rolling-upgrade': (lambda _: f'version {fleet.new_model(is_told=False)}, {self.roll()}', nothing),
        }

    def freeze(self, step):
        """In the midst of something rather than at one instant of its rounds."""
        time.sleep(step.chance * 0.05)
        self.fleet.signal(step.target, signal.SIGSTOP)

    def fill(self, step):
        del step
        if not self.pair.is_mounted:
            self.left_out['redis-full'] = 'it needs a disk of its own, and that root'
            return 'left out'
        return self.pair.fill()

    # --- operators ---

    def roll(self):
        """All instances are restarted one after another, each once the one before has shards again."""
        begun, names = time.monotonic(), sorted(self.fleet.running)
        for name in names:
            self.fleet.terminate(name)
            self.fleet.start(name)
            self.fleet.running[name].await_log('event=shard.taken ', 90)
        return f'{", ".join(names)} restarted in {time.monotonic() - begun:.1f} s'

    def reset_offset(self, step):
        """Somebody moves the group's offset of one partition; the shard that it is of must halt, and say what to do."""
        names = self.fleet.stop_all()
        deployment = self.fleet.deployment
        source = deployment.sources[int(step.chance * len(deployment.sources))]
        partition = int(step.chance * 1000) % deployment.counts[source]
        present = self.fleet.committed(source, partition)
        to = int(present * step.chance)
        if to == present:
            self.fleet.start_all(names)
            return 'left out: nothing to go back over'
        self.fleet.set_offset(source, partition, to)
        self.fleet.start_all(names)
        remedy = wait_for(lambda: self.fleet.find_remedy(source, partition), 'the shard halts with a remedy', 90)
        names = self.fleet.stop_all()
        self.fleet.set_offset(*remedy)
        self.fleet.start_all(names)
        return f'{source} [{partition}] from {present} to {to}; by the remedy to {remedy[2]}'


REMEDY = re.compile(r'--topic (\S+):(\d+) --reset-offsets --to-offset (\d+) --execute')


class Fleet:
    """The instances of a deployment, by name."""

    def __init__(self, deployment, changes, model_of, model_path):
        self.deployment, self.changes = deployment, changes
        self.model_of, self.model_path = model_of, model_path
        self.running = {}
        self.frozen = set()
        self.version = 1
        self.versions = [1]
        self.lock = threading.RLock()
        self.ends = []  # (name, exit status, log) of those that ended by themselves

    def start(self, name):
        with self.lock:
            present = self.running.get(name)
            if present and present.process.poll() is None:
                return
            if present:
                self.ends.append((name, present.process.returncode, present.log_path))
            self.running[name] = self.deployment.start(name, **self.changes)

    def kill(self, name):
        with self.lock:
            if name in self.running:
                self.running.pop(name).kill()

    def signal(self, name, number):
        with self.lock:
            if name in self.running and self.running[name].process.poll() is None:
                self.running[name].process.send_signal(number)
                (self.frozen.add if number == signal.SIGSTOP else self.frozen.discard)(name)

    def terminate(self, name, seconds=90):
        with self.lock:
            instance = self.running.pop(name, None)
        if instance is None:
            return
        status = instance.stop(seconds) if instance.process.poll() is None else instance.process.returncode
        if status != 0:
            self.ends.append((name, status, instance.log_path))

    def stop_all(self):
        with self.lock:
            names = sorted(self.running)
        for name in names:
            self.terminate(name)
        return names

    def start_all(self, names):
        for name in names:
            self.start(name)

    def wake_all(self):
        for name in list(self.frozen):
            self.signal(name, signal.SIGCONT)

    def new_model(self, is_told=True):
        """Replaces the file and, if they are to be told, tells all instances, the frozen ones too."""
        with self.lock:
            self.version += 1
            self.model_of(self.version)
            self.versions.append(self.version)
            for instance in self.running.values() if is_told else ():
                if instance.process.poll() is None and 'event=start ' in instance.log():  # or it has no handler yet, and would end
                    instance.process.send_signal(signal.SIGHUP)
            return self.version

    # --- the group ---

    def committed(self, source, partition):
        consumer = self.deployment.asker
        return max(0, consumer.committed([TopicPartition(source, partition)], timeout=30)[0].offset)

    def set_offset(self, source, partition, offset):
        """As kafka-consumer-groups --reset-offsets does it: there must be no member."""
        request = ConsumerGroupTopicPartitions(self.deployment.name, [TopicPartition(source, partition, offset)])

        def is_set():
            future = self.deployment.admin.alter_consumer_group_offsets([request])[self.deployment.name]
            try:
                return all(not found.error for found in future.result(30).topic_partitions)
            except TimeoutError:
                return False  # to set it again does no harm
            except Exception as error:  # pylint: disable=broad-except
                if 'UNKNOWN_MEMBER_ID' in str(error) or 'NON_EMPTY' in str(error) or 'REBALANCE' in str(error):
                    return False
                raise
        wait_for(is_set, 'the group has no member', 180)

    def find_remedy(self, source, partition):
        with self.lock:
            logs = [instance.log() for instance in self.running.values()]
        for log in logs:
            for found in REMEDY.finditer(log):
                if (found[1], int(found[2])) == (source, partition):
                    return found[1], int(found[2]), int(found[3])
        return None
