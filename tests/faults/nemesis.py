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
    'all': {action.name: action.weight for action in ACTIONS},
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

    def __init__(self, fleet, broker, pair, log):
        self.fleet, self.broker, self.pair, self.log = fleet, broker, pair, log
        self.pool = ThreadPoolExecutor(max_workers=16)
        self.counts = {}
        self.left_out = {}
        self.begun = None

    def run(self, steps):
        self.begun = time.monotonic()
        before = {}
        for step in steps:
            time.sleep(max(0.0, self.begun + step.at - time.monotonic()))
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
        function = getattr(self, step.name.replace('-', '_') + '_' + step.phase, None)
        if function is None:
            return
        said = function(step)
        if step.phase == 'begin':
            self.counts[step.name] = self.counts.get(step.name, 0) + 1
        target = f' {step.target}' if {'member', 'guest'} & set(next(a.resources for a in ACTIONS if a.name == step.name)) else ''
        self.log(f'{step.at:8.3f} {step.name} {step.phase}{target}{": " + said if said else ""}')

    def heal(self):
        """Nothing is wrong any more: all that is needed runs."""
        for proxy in (self.broker.proxy, self.pair.proxy):
            proxy.heal()
        self.pair.make_room()
        self.fleet.wake_all()
        for name in BASE:
            self.fleet.start(name)

    # --- members ---

    def kill_begin(self, step):
        self.fleet.kill(step.target)

    def kill_end(self, step):
        self.fleet.start(step.target)

    def freeze_begin(self, step):
        # in the midst of something rather than idle: it waits for the time of the next event or two
        time.sleep(step.chance * 0.05)
        self.fleet.signal(step.target, signal.SIGSTOP)

    def freeze_end(self, step):
        self.fleet.signal(step.target, signal.SIGCONT)

    def terminate_begin(self, step):
        self.fleet.terminate(step.target)

    def terminate_end(self, step):
        self.fleet.start(step.target)

    def join_begin(self, step):
        self.fleet.start(step.target)

    def join_end(self, step):
        self.fleet.terminate(step.target)

    # --- Kafka ---

    def broker_crash_begin(self, step):
        del step
        self.broker.crash()

    def broker_crash_end(self, step):
        del step
        self.broker.start()

    def kafka_cut_begin(self, step):
        del step
        self.broker.proxy.refuse(True)

    def kafka_cut_end(self, step):
        del step
        self.broker.proxy.refuse(False)

    def kafka_delay_begin(self, step):
        self.broker.proxy.delay(0.02 + 0.2 * step.chance)

    def kafka_delay_end(self, step):
        del step
        self.broker.proxy.delay(0)

    def kafka_stall_begin(self, step):
        del step
        self.broker.proxy.stall(True)

    def kafka_stall_end(self, step):
        del step
        self.broker.proxy.stall(False)

    # --- Redis ---

    def redis_cut_begin(self, step):
        del step
        self.pair.proxy.refuse(True)

    def redis_cut_end(self, step):
        del step
        self.pair.proxy.refuse(False)

    def redis_delay_begin(self, step):
        self.pair.proxy.delay(0.01 + 0.1 * step.chance)

    def redis_delay_end(self, step):
        del step
        self.pair.proxy.delay(0)

    def redis_stall_begin(self, step):
        del step
        self.pair.proxy.stall(True)

    def redis_stall_end(self, step):
        del step
        self.pair.proxy.stall(False)

    def redis_crash_begin(self, step):
        del step
        self.pair.crash()

    def redis_crash_end(self, step):
        del step
        self.pair.start_again()

    def redis_empty_begin(self, step):
        del step
        self.pair.crash()

    def redis_empty_end(self, step):
        del step
        self.pair.start_empty()

    def redis_snapshot_begin(self, step):
        del step
        self.pair.snapshot()

    def redis_snapshot_end(self, step):
        del step
        self.pair.restore_snapshot()

    def redis_failover_begin(self, step):
        del step
        self.pair.hold_replica()

    def redis_failover_end(self, step):
        del step
        self.pair.fail_over()

    def redis_full_begin(self, step):
        del step
        if not self.pair.is_mounted:
            self.left_out['redis-full'] = 'it needs a disk of its own, and that root'
            return 'left out'
        self.pair.fill()
        return None

    def redis_full_end(self, step):
        del step
        self.pair.make_room()

    def flushall_begin(self, step):
        del step
        self.pair.client().flushall()

    # --- operators ---

    def reload_begin(self, step):
        del step
        return f'version {self.fleet.new_model()}'

    def offset_reset_begin(self, step):
        """Somebody moves the group's offset of one partition; the shard that it is of must halt, and say what to do."""
        names = self.fleet.stop_all()
        source = self.fleet.deployment.sources[int(step.chance * 2)]
        partition = int(step.chance * 1000) % self.fleet.deployment.n_partitions
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

    def new_model(self):
        """Replaces the file and tells all instances, the frozen ones too."""
        with self.lock:
            self.version += 1
            self.model_of(self.version)
            self.versions.append(self.version)
            for instance in self.running.values():
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
            except Exception as error:  # pylint: disable=broad-except
                if 'UNKNOWN_MEMBER_ID' in str(error) or 'NON_EMPTY' in str(error) or 'REBALANCE' in str(error):
                    return False
                raise
        wait_for(is_set, 'the group has no member', 60)

    def find_remedy(self, source, partition):
        with self.lock:
            logs = [instance.log() for instance in self.running.values()]
        for log in logs:
            for found in REMEDY.finditer(log):
                if (found[1], int(found[2])) == (source, partition):
                    return found[1], int(found[2]), int(found[3])
        return None
