# SPDX-License-Identifier: Apache-2.0
"""The README's deployment guide: its commands, as they stand there, on real servers that have lost what it is about.

Kafka's own tools and redis-cli are the real ones. `systemctl` stands for the unit: it starts, stops, restarts and reloads the test's instances.
"""
import os
import re
import shutil
import signal
import socket
import struct
import subprocess

import pytest
from confluent_kafka import TopicPartition

import live
import load
from live import SMALL, event, wait_for

FULL = bool(os.environ.get('SCORED_TEST_FULL'))
full = pytest.mark.skipif(not FULL, reason='takes its time, and servers of its own')
BLOCK = re.compile(r'^```sh guide=([a-z-]+)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
TOOLS = {'kafka-topics.sh': 'TopicCommand', 'kafka-consumer-groups.sh': 'consumer.group.ConsumerGroupCommand'}
N_LEADS = 12
ENCODE = load.Encoder()

# What systemd does for a unit of Type=notify: start returns when the instance is connected. An instance's number is in HOST, or all are meant.
SYSTEMCTL = r'''#!/usr/bin/env bash
set -euo pipefail
cd "$UNITS"
for unit in ${HOST:-*}; do
    pid=$(cat "$unit/pid" 2>/dev/null || true)
    case $1 in
    stop | restart)
        [ -z "$pid" ] || kill -TERM "$pid"
        while [ -n "$pid" ] && ! [ -e "$unit/status" ]; do sleep 0.05; done
        rm -f "$unit/pid"
        ;;&
    start | restart)
        rm -f "$unit/status"
        : >"$unit/log"
        (
            status=0
            "$SCORED" run --config "$unit/scored.yaml" 2>>"$unit/log" >&2 & echo $! >"$unit/pid"
            wait $! || status=$?
            cat "$unit/log" >>"$unit/log.all"
            echo "$status" >>"$unit/statuses"
            echo "$status" >"$unit/status"
        ) </dev/null >/dev/null 2>&1 &
        until grep -q event=pipeline.ready "$unit/log"; do
            ! [ -e "$unit/status" ] || { cat "$unit/log" >&2; exit 1; }
            sleep 0.05
        done
        ;;
    reload) kill -HUP "$pid" ;;
    stop) ;;
    *) exit 64 ;;
    esac
done
'''


def guide():
    with open(os.path.join(live.ROOT, 'README.md'), encoding='utf-8') as file:
        return dict(BLOCK.findall(file.read()))


def kafka_tools(folder):
    """Kafka's own command line tools, from Maven Central, with the broker's jars; their folder."""
    cache = os.environ.get('SCORED_TEST_CACHE', os.path.expanduser('~/.cache/scored-test'))
    with open(os.path.join(live.ROOT, 'tests', 'env', 'pom.xml'), encoding='utf-8') as file:
        version = re.search(r'<kafka.version>(.*)</kafka.version>', file.read())[1]
    libs = os.path.join(cache, f'kafka-{version}', 'libs')
    jar = os.path.join(cache, 'kafka-tools', f'kafka-tools-{version}.jar')
    if not os.path.exists(jar):
        subprocess.run(['mvn', '-B', '-q', 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy',
                        f'-Dartifact=org.apache.kafka:kafka-tools:{version}', f'-DoutputDirectory={folder}'], check=True, timeout=300)
        os.makedirs(os.path.dirname(jar), exist_ok=True)
        os.replace(os.path.join(folder, os.path.basename(jar)), jar)
    for name, main in TOOLS.items():
        write_program(os.path.join(folder, name), f'#!/bin/sh\nexec java -XX:TieredStopAtLevel=1 -cp "{libs}/*:{jar}" org.apache.kafka.tools.{main} "$@"\n')
    return folder


def write_program(path, text):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    os.chmod(path, 0o755)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Site:
    """A deployment as the guide has it before its eyes: hosts with a unit, and a shell."""

    def __init__(self, deployment, n_hosts):
        self.d, self.n_hosts = deployment, n_hosts
        self.bin, self.units = deployment.path('bin'), deployment.path('units')
        os.makedirs(self.bin)
        write_program(os.path.join(self.bin, 'systemctl'), SYSTEMCTL)
        os.symlink(live.PROGRAM, os.path.join(self.bin, 'scored'))
        self.ports = [free_port() for _ in range(n_hosts)]
        self.configure()
        if FULL:
            kafka_tools(self.bin)

    def configure(self):
        """Writes the hosts' configurations, for the servers that there are now."""
        for host, port in enumerate(self.ports):
            os.makedirs(os.path.join(self.units, str(host)), exist_ok=True)
            shutil.copy(self.d.config(f'host-{host}', http={'listen': f'127.0.0.1:{port}'}), os.path.join(self.units, str(host), 'scored.yaml'))
        self.environment = os.environ | {
            'PATH': f'{self.bin}:{os.environ["PATH"]}', 'UNITS': self.units, 'SCORED': live.PROGRAM, 'CONFIG': self.d.path('host-0.yaml'),
            'MODEL': self.d.model, 'KAFKA': live.BOOTSTRAP, 'REDIS': f'-s {live.REDIS}', 'GROUP': self.d.name, 'PREFIX': self.d.name}

    def shell(self, text, host=None, **names):
        where = {'HOST': str(host), 'HTTP': f'127.0.0.1:{self.ports[host]}'} if host is not None else {}
        done = subprocess.run(['bash', '-euo', 'pipefail', '-c', text], env=self.environment | where | names, cwd=self.d.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180, check=False)
        assert done.returncode == 0, f'{text}\n{done.stdout}\n{self.log()[-3000:]}'
        return done.stdout

    def follow(self, name, host=None, **names):
        """The block of that name, as it stands in the README; what it said."""
        return self.shell(guide()[name], host, **names)

    def log(self, host=0):
        found = ''
        for name in ('log.all', 'log'):
            path = os.path.join(self.units, str(host), name)
            if os.path.exists(path):
                with open(path, encoding='utf-8', errors='replace') as file:
                    found += file.read()
        return found

    def await_log(self, text):
        wait_for(lambda: text in self.log(), f'"{text}" in\n{self.log()[-3000:]}', 60)

    def statuses(self):
        found = []
        for host in range(self.n_hosts):
            path = os.path.join(self.units, str(host), 'statuses')
            if os.path.exists(path):
                with open(path, encoding='ascii') as file:
                    found += file.read().split()
        return found

    def scores(self):
        """What Redis says of each lead."""
        return {lead: {name: value for name, value in self.d.redis.hgetall(key).items() if name.startswith((b'score:', b'stage:', b'sla:'))}
                for lead, key in self.d.keys('lead').items()}

    def close(self):
        for host in range(self.n_hosts):
            path = os.path.join(self.units, str(host), 'pid')
            if os.path.exists(path) and not os.path.exists(os.path.join(self.units, str(host), 'status')):
                with open(path, encoding='ascii') as file:
                    os.kill(int(file.read()), signal.SIGKILL)


@pytest.fixture
def site(deploy, model):
    made = []

    def make(n_hosts=1, n_partitions=2):
        made.append(Site(deploy(model(SMALL), n_partitions), n_hosts))
        return made[-1]
    yield make
    for one in made:
        one.close()


def at_work(site):
    """Leads with scores, a stage and a clock that has run out, all of it in Redis."""
    site.shell('systemctl start scored')
    site.d.send(*[event(f'lead-{i}', kind) for i in range(N_LEADS) for kind in ('page_view', 'form')])
    site.d.await_committed(2 * N_LEADS, 60)
    wait_for(lambda: len(site.d.outputs('sla')) >= N_LEADS, 'all clocks have run out')
    wait_for(lambda: len(site.scores()) == N_LEADS, 'all leads are in Redis')
    return site.scores()


def told(d):
    return [output['event_id'] for output in d.outputs('stages', 'sla')]


# --- the guide itself ---

def test_each_block_has_a_test_and_is_good_shell():
    blocks = guide()
    with open(__file__, encoding='utf-8') as file:
        followed = set(re.findall(r"\.follow\('([a-z-]+)'", file.read()))
    assert followed | {'names'} == blocks.keys()
    for text in blocks.values():
        subprocess.run(['bash', '-n', '-c', text], check=True)


def test_names_are_those_that_the_commands_use():
    """The first block sets all that the others use, but for what the log says, or somebody chooses."""
    blocks = guide()
    named = set(re.findall(r'([A-Z]+)=', blocks['names']))
    used = {name for text in blocks.values() for name in re.findall(r'\$\{?([A-Z]+)', text)}
    assert used - named == {'TOPIC', 'PARTITION', 'OFFSET', 'SINCE', 'NEXT'} and named <= used
    out = subprocess.run(['bash', '-euc', blocks['names'] + 'echo $CONFIG $MODEL $KAFKA $REDIS $GROUP $PREFIX $HTTP'], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    assert out == '/etc/scored/scored.yaml /etc/scored/model.yaml kafka-1:9092 -h localhost -p 6379 scored scored 127.0.0.1:9464\n'


# --- on servers ---

@full
def test_redis_is_lost(site, own_redis, monkeypatch):
    monkeypatch.setattr(live, 'REDIS', live.server('redis', 'start', own_redis))
    s = site()
    before = at_work(s)
    live.server('redis', 'stop', own_redis)
    live.server('redis', 'start', own_redis)
    assert 'noeviction' in s.follow('redis-lost')
    wait_for(lambda: s.scores() == before, 'Redis has what it had')
    assert 'event=view.rebuild' in s.log()
    s.shell('systemctl stop scored')
    assert s.statuses() == ['0'] and len(told(s.d)) == len(set(told(s.d)))


def test_records_of_a_source_are_lost(site):
    s = site(n_partitions=1)
    at_work(s)
    s.follow('verify')
    s.shell('systemctl stop scored')
    s.d.send(*[event(f'lost-{i}', 'form') for i in range(3)])
    s.d.send(event('kept', 'form'))
    topic = s.d.sources[0]
    s.d.admin.delete_records([TopicPartition(topic, 0, 2 * N_LEADS + 3)])[TopicPartition(topic, 0)].result(30)
    s.shell('systemctl start scored')
    s.await_log('event=shard.halted')
    s.follow('source-lost', TOPIC=topic, PARTITION='0')
    wait_for(lambda: 'kept' in s.scores(), 'what is behind is scored')
    assert s.scores().keys() == {'kept'} | {f'lead-{i}' for i in range(N_LEADS)}
    s.follow('verify')


@full
def test_restart_one_by_one(site):
    s = site(n_hosts=3, n_partitions=6)
    at_work(s)
    for host in range(3):
        s.d.send(*[event(f'new-{host}-{i}', 'form') for i in range(6)])
        s.follow('restart', host)
    s.d.await_committed(2 * N_LEADS + 18, 60)
    wait_for(lambda: len(s.d.outputs('stages')) == N_LEADS + 18, 'all is told')
    assert s.statuses() == ['0'] * 3 and len(told(s.d)) == len(set(told(s.d)))
    s.follow('verify')


@full
def test_new_and_wrong_models(site):
    s = site()
    at_work(s)
    with open(s.d.model, encoding='utf-8') as file:
        good = file.read()
    with open(s.d.path('model.yaml.good'), 'w', encoding='utf-8') as file:
        file.write(good)
    with open(s.d.path('model.yaml.new'), 'w', encoding='utf-8') as file:
        file.write(good.replace('version: 1', 'version: 2').replace('to: mql, on: [form]', 'to: mql, on: [form, page_view]'))
    s.follow('new-model')
    s.await_log('event=model.loaded')
    s.d.send(event('wrong', 'page_view'))
    wait_for(lambda: s.scores().get('wrong', {}).get(b'stage:lifecycle') == b'mql', 'the wrong model is live')
    said = s.follow('wrong-model', SINCE='2020-01-01T00:00:00Z', NEXT='3')
    assert 'wrong' in said
    s.await_log('event=model.loaded model=small version=3')
    s.d.send(event('right', 'page_view'))
    wait_for(lambda: s.scores().get('right', {}).get(b'stage:lifecycle') == b'lead', 'the good one is again')


@full
def test_offsets_were_moved(site):
    s = site(n_partitions=1)
    before = at_work(s)
    s.shell('systemctl stop scored')
    topic = s.d.sources[0]
    s.shell('kafka-consumer-groups.sh --bootstrap-server "$KAFKA" --group "$GROUP" --topic "$TOPIC:0" --reset-offsets --to-earliest --execute', TOPIC=topic)
    s.shell('systemctl start scored')
    s.await_log('event=shard.halted')
    remedy, = set(re.findall(r'remedy="stop scored, then: (.*?)"', s.log()))
    offset = re.search(r'--to-offset (\d+)', remedy)[1]
    shown = guide()['offsets-moved'].replace('$GROUP', s.d.name).replace('$TOPIC', topic).replace('$PARTITION', '0').replace('$OFFSET', offset)
    assert remedy.split('kafka-consumer-groups ')[1] in shown.replace('"', '')
    s.follow('offsets-moved', TOPIC=topic, PARTITION='0', OFFSET=offset)
    s.d.send(event('more', 'form'))
    wait_for(lambda: 'more' in s.scores(), 'it goes on')
    assert {lead: s.scores()[lead] for lead in before} == before and len(told(s.d)) == len(set(told(s.d)))


@full
def test_changelog_is_lost(site):
    s = site()
    before, said = at_work(s), set(told(s.d))
    s.shell('systemctl stop scored')
    s.d.admin.delete_topics([f'{s.d.name}.changelog'])[f'{s.d.name}.changelog'].result(30)
    s.follow('changelog-lost')
    wait_for(lambda: s.scores() == before, 'all leads are what they were', 60)
    wait_for(lambda: len(told(s.d)) == 2 * len(said), 'all is told once more', 60)
    assert set(told(s.d)) == said
    s.follow('verify')


@full
def test_kafka_is_older_than_redis_and_elsewhere(site, own_kafka, own_redis, tmp_path_factory, monkeypatch):
    """A copy of the brokers' disks, begun elsewhere with an empty Redis; then with one that knows more than the copy."""
    monkeypatch.setattr(live, 'BOOTSTRAP', live.server('kafka', 'start', own_kafka))
    monkeypatch.setattr(live, 'REDIS', live.server('redis', 'start', own_redis))
    s = site()
    before = at_work(s)
    s.shell('systemctl stop scored')
    live.server('kafka', 'stop', own_kafka)
    copy = str(tmp_path_factory.mktemp('k'))
    shutil.rmtree(copy)
    shutil.copytree(own_kafka, copy)
    live.server('kafka', 'start', own_kafka)
    s.shell('systemctl start scored')
    s.d.send(event('later', 'form'))
    wait_for(lambda: 'later' in s.scores(), 'more is known to Redis')
    s.shell('systemctl stop scored')
    live.server('kafka', 'stop', own_kafka)
    monkeypatch.setattr(live, 'BOOTSTRAP', live.server('kafka', 'start', copy))
    try:
        s.configure()
        s.shell('systemctl start scored')
        s.await_log('Redis is ahead of the changelog')
        s.follow('redis-foreign')
        wait_for(lambda: s.scores() == before, 'all is as the copy has it')
        s.shell('systemctl stop scored')
        s.d.redis.flushall()
        s.follow('other-cluster')
        wait_for(lambda: s.scores() == before, 'all is as the copy has it')
        s.shell('systemctl stop scored')
    finally:
        s.close()
        live.server('kafka', 'stop', copy)


@full
def test_dead_letters(site):
    s = site()
    s.shell('systemctl start scored')
    for i in range(3):
        s.d.produce(struct.pack('>bI', 0, 999) + ENCODE(event(f'lead-{i}', 'form'))[5:], f'lead-{i}')
    wait_for(lambda: len(s.d.outputs('dead-letters')) == 3, 'they are dead letters')
    s.d.schema_files[999] = load.SCHEMA
    s.configure()
    s.shell('systemctl restart scored')
    said = s.follow('dead-letters')
    assert said.count('unknown_schema') >= 3
    wait_for(lambda: len(s.scores()) == 3, 'they are scored')
