# SPDX-License-Identifier: Apache-2.0
"""What a benchmark runs on: a broker, a Redis, topics, and the programs of the build."""
import json
import os
import re
import shutil
import subprocess
import sys
import time

import redis
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'integration'))

from live import BUILD, NO_COORDINATOR, server, wait_for  # noqa: E402

# The broker's own defaults for a server, instead of the quick start that tests want.
KAFKA_JVM = '-Xms1g -Xmx1g -XX:+UseG1GC'
# A client that outlives its broker for a moment has nothing to say.
QUIET = {'log_level': 2}
TICKS = os.sysconf('SC_CLK_TCK')


def cpu_of(pid):
    """User and system time of a process so far, all threads, in seconds."""
    with open(f'/proc/{pid}/stat', encoding='ascii') as file:
        fields = file.read().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


# Commands by which scored, and nobody else here, looks a key up for each call; its MGETs look up one for each record.
LOOKS = {'hmget', 'hget', 'get', 'hgetall', 'zrangebyscore'}


def program(name):
    return os.path.join(BUILD, 'tests', 'bench', name)


class World:
    """Servers of its own in a folder."""

    def __init__(self, folder, n_partitions):
        shutil.rmtree(folder, ignore_errors=True)  # of a run before
        self.folder = folder
        self.n_partitions = n_partitions
        self.kafka_folder, self.redis_folder = os.path.join(folder, 'kafka'), os.path.join(folder, 'redis')
        self.askers = {}
        os.environ.setdefault('SCORED_TEST_KAFKA_JVM', KAFKA_JVM)
        self.bootstrap = server('kafka', 'start', self.kafka_folder)
        self.start_redis()
        self.admin = AdminClient({'bootstrap.servers': self.bootstrap} | QUIET)

    def start_redis(self):
        self.socket = server('redis', 'start', self.redis_folder)
        self.redis = redis.Redis(unix_socket_path=self.socket, socket_timeout=120)

    def stop_redis(self):
        server('redis', 'stop', self.redis_folder, '--kill')

    def close(self):
        for asker in self.askers.values():
            asker.close()
        server('kafka', 'stop', self.kafka_folder)
        server('redis', 'stop', self.redis_folder)
        # gigabytes
        shutil.rmtree(os.path.join(self.kafka_folder, 'data'))
        if os.path.exists(os.path.join(self.redis_folder, 'dump.rdb')):
            os.unlink(os.path.join(self.redis_folder, 'dump.rdb'))

    def _pid(self, folder):
        with open(os.path.join(folder, 'pid'), encoding='ascii') as file:
            return int(file.read())

    def server_cpu(self):
        """Of the broker and of Redis."""
        return cpu_of(self._pid(self.kafka_folder)), cpu_of(self._pid(self.redis_folder))

    def redis_reads(self):
        """Records that were asked of Redis so far, and how many of them it had."""
        stats, commands = self.redis.info('stats'), self.redis.info('commandstats')
        others = sum(commands.get(f'cmdstat_{name}', {'calls': 0})['calls'] for name in LOOKS)
        found = stats['keyspace_hits'] - others
        return found + stats['keyspace_misses'], found

    def create_topics(self, *names, n_partitions=None, **properties):
        properties = {key.replace('_', '.'): value for key, value in properties.items()}
        new = [NewTopic(name, n_partitions or self.n_partitions, 1, config=properties) for name in names]
        for future in self.admin.create_topics(new).values():
            future.result(30)
        # Made they are, but whoever asks at once may not be told of it yet.
        wait_for(lambda: all(self._has_leaders(name) for name in names), 'the topics')

    def _has_leaders(self, topic):
        found = self.admin.list_topics(topic, timeout=30).topics[topic]
        return not found.error and all(partition.leader >= 0 for partition in found.partitions.values())

    def delete_topics(self, prefix):
        """That of this name, those that are named after it (not with another number), and the group of that name is asked for no more."""
        names = [name for name in self.admin.list_topics(timeout=30).topics if re.match(re.escape(prefix) + r'(?![0-9])', name)]
        if names:
            for future in self.admin.delete_topics(names).values():
                future.result(30)
        if prefix in self.askers:
            self.askers.pop(prefix).close()

    def load(self, topic, n_events, n_leads, *options):
        """Writes the workload; what make_events says of it."""
        done = subprocess.run([program('make_events'), '--bootstrap', self.bootstrap, '--topic', topic, '--events', str(n_events),
                               '--leads', str(n_leads), *options], stdout=subprocess.PIPE, check=True, text=True)
        return json.loads(done.stdout)

    def committed(self, group, topic):
        """The group's committed offsets, summed; 0 as long as it has no coordinator."""
        if group not in self.askers:
            self.askers[group] = Consumer({'bootstrap.servers': self.bootstrap, 'group.id': group} | QUIET)
        try:
            found = self.askers[group].committed([TopicPartition(topic, i) for i in range(self.n_partitions)], timeout=30)
        except KafkaException as error:
            if error.args[0].code() not in NO_COORDINATOR:
                raise
            return 0
        return sum(max(partition.offset, 0) for partition in found)


def machine():
    """What the figures were measured on."""
    def output(*command):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True)
        return done.stdout.strip().splitlines()[0] if done.stdout.strip() else ''

    def field(path, name):
        with open(path, encoding='ascii') as file:
            return next((line.partition(':')[2].strip() for line in file if line.startswith(name)), '')

    def version(of, *pom):
        with open(os.path.join(ROOT, 'tests', *pom), encoding='utf-8') as file:
            return file.read().partition(f'<{of}.version>')[2].partition('<')[0]
    return {
        'cpu': field('/proc/cpuinfo', 'model name'), 'cpus': os.cpu_count(), 'memory': field('/proc/meminfo', 'MemTotal'),
        'kernel': re.match(r'[\d.]*', os.uname().release)[0], 'load_before': os.getloadavg()[0], 'date': time.strftime('%Y-%m-%d'),
        'scored': output('git', '-C', ROOT, 'describe', '--always', '--dirty', '--exclude', '*'), 'compiler': output('cc', '--version'),
        'librdkafka': output('pkg-config', '--modversion', 'rdkafka'), 'redis': output('redis-server', '--version'),
        'kafka': version('kafka', 'env', 'pom.xml'), 'kafka_streams': version('kafka', 'bench', 'peers', 'pom.xml'),
        'flink': version('flink', 'bench', 'peers', 'pom.xml'),
        'kafka_jvm': os.environ.get('SCORED_TEST_KAFKA_JVM', KAFKA_JVM), 'java': output('java', '-version'),
    }
