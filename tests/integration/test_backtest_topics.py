# SPDX-License-Identifier: Apache-2.0
"""`scored backtest` over topics says what it says over a file of the same events in the order of their arrival."""
import json
import os
import signal
import socket
import struct
import subprocess

import pytest
from confluent_kafka import Producer

import live
import load
from live import event

A = os.path.join(live.ROOT, 'tests', 'backtest', 'a.yaml')
B = os.path.join(live.ROOT, 'tests', 'backtest', 'b.yaml')
BEGIN = 1767603600000  # all are dated here, so that what counts is the order of arrival
ENCODE = load.Encoder()


def backtest(*options, models=(A, B)):
    """Exit status, the report without the models' names, standard error's lines."""
    done = subprocess.run([live.PROGRAM, 'backtest', '--model', models[0], '--against', models[1], '--json', *options],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False, text=True)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr.splitlines()


class Topics:
    """Records of chosen places and timestamps, and the file of the same events."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.producer = Producer({'bootstrap.servers': live.BOOTSTRAP, 'linger.ms': 5,
                                  'enable.idempotence': True})  # keeps the order, though a new topic's leader may not be ready
        self.lines = []

    def put(self, item, at, source=0, partition=None):
        """An event, which arrives after those before it."""
        self.lines.append(json.dumps(item))
        self.put_bytes(ENCODE(item), item['lead_id'], at, source, partition)

    def put_bytes(self, value, key, at, source=0, partition=None):
        d = self.deployment
        at_partition = load.partition_of(key, d.n_partitions) if partition is None else partition
        self.producer.produce(d.sources[source], key=key, value=value, partition=at_partition, timestamp=at)

    def flush(self):
        assert self.producer.flush(60) == 0

    def file(self, lines=None):
        path = self.deployment.path('events.jsonl')
        with open(path, 'w', encoding='utf-8') as file:
            file.writelines(line + '\n' for line in (self.lines if lines is None else lines))
        return path


@pytest.fixture
def topics(deploy):
    """Of two sources with partitions of their own: the second is routed, and not partitioned by lead."""
    d = deploy(A, n_partitions=3, sources=('web', 'crm'))
    yield Topics(d)


def config(topics, **changes):
    d = topics.deployment
    return d.config(route=[d.sources[1]], **changes)


def story(topics, n_leads=40):
    """Arrivals a second apart, from source to source and partition to partition."""
    at = BEGIN
    for i in range(n_leads * 8):
        lead = f'L{i * 7 % n_leads}'
        kind = ('page_view', 'page_view', 'page_view', 'sales_accepted', 'page_view', 'sales_rejected', 'deal_won')[i % 7]
        at += 1000
        item = event(lead, kind, at=BEGIN + i % 5 * 60000, source='web' if i % 3 else 'ads')
        if i % 2:
            topics.put(item, at, source=1, partition=i % 3)
        else:
            topics.put(item, at)
    topics.flush()


def test_topics_are_read_in_order_of_arrival(topics):
    story(topics)
    from_file = backtest(topics.file())
    assert from_file[1]['events'] == 320 and from_file[1]['bad_events'] == 0
    assert backtest('--config', config(topics)) == from_file
    # Another order tells something else, or this would prove nothing.
    assert backtest(topics.file(sorted(topics.lines)))[1] != from_file[1]
    # Nothing was committed.
    assert topics.deployment.committed() == 0


def test_time_may_be_cut(topics):
    story(topics)
    config_path = config(topics)
    for first, end in ((100, 320), (0, 200), (101, 103), (320, 400)):
        cut = backtest('--config', config_path, '--from', str(BEGIN + 1000 + first * 1000), '--to',
                       load.instant(BEGIN + 1000 + end * 1000))
        assert cut == backtest(topics.file(topics.lines[first:end])), (first, end)
    assert backtest('--config', config_path, '--from', str(BEGIN + 101000))[1]['events'] == 220


def test_equal_timestamps_go_by_source_and_partition(topics):
    """Each record alone arrives in an order that the partitions' own ones leave open."""
    places = [(source, partition) for source in range(2) for partition in range(3)]
    expected = []
    for source, partition in reversed(places):
        for i in range(3):
            item = event('L1', ('page_view', 'sales_rejected', 'sales_accepted')[(source + partition + i) % 3], at=BEGIN,
                         event_id=f'{source}{partition}{i}')
            topics.put(item, BEGIN, source=source, partition=partition)
            expected.append((item['event_id'], json.dumps(item)))
    topics.flush()
    assert backtest('--config', config(topics)) == backtest(topics.file([line for _, line in sorted(expected)]))


def test_bad_records_are_told_and_passed(topics):
    d = topics.deployment
    good = ENCODE(event('L1', 'page_view', at=BEGIN))
    topics.put(event('L1', 'page_view', at=BEGIN), BEGIN, partition=0)
    topics.put_bytes(good[:-3], 'L1', BEGIN + 1, partition=0)
    topics.put_bytes(struct.pack('>bI', 0, 999) + good[5:], 'L1', BEGIN + 2, source=1, partition=2)
    topics.put_bytes(None, 'L1', BEGIN + 3, partition=0)
    topics.put(event('L1', 'page_view', at=BEGIN) | {'type': 'x' * 65}, BEGIN + 4, partition=0)
    topics.put(event('L1', 'lead_merged', at=BEGIN), BEGIN + 5, partition=0)
    topics.put(event('L1', 'page_view', at=BEGIN), BEGIN + 6, partition=0)
    topics.flush()
    status, report, errors = backtest('--config', config(topics))
    assert (status, report['events'], report['bad_events']) == (1, 3, 5)
    assert [json.loads(line)['place'] for line in errors] == [
        f'{d.sources[0]} [0] offset 1', f'{d.sources[1]} [2] offset 0', f'{d.sources[0]} [0] offset 2',
        f'{d.sources[0]} [0] offset 3', f'{d.sources[0]} [0] offset 4']
    assert json.loads(errors[1])['error'] == 'no schema has the id 999'


def test_only_what_is_committed_counts(topics):
    """Logs that end in an aborted transaction, in nothing but markers, or in an open transaction have an end all the same."""
    d = topics.deployment
    for outcome, lead in (('commit', 'L1'), ('abort', 'L2'), ('commit', 'L3'), ('abort', 'L1')):
        producer, send = d.open_transaction()
        item = event(lead, 'page_view', at=BEGIN)
        send(item)
        if outcome == 'commit':
            topics.lines.append(json.dumps(item))
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)
    producer, send = d.open_transaction(source=1)
    send(event('L4', 'page_view', at=BEGIN))
    reports = backtest('--config', config(topics)), backtest(topics.file())
    producer.abort_transaction(30)
    assert reports[0] == reports[1] and reports[0][1]['events'] == 2


def test_what_was_deleted_is_not_there(topics):
    story(topics)
    d = topics.deployment
    # Of the routed source's first partition, all but the last few records.
    partition = live.TopicPartition(d.sources[1], 0, 50)
    d.admin.delete_records([partition])[partition].result(30)
    deleted = [line for i, line in enumerate(topics.lines) if i % 2 and i % 3 == 0][:50]
    kept = [line for line in topics.lines if line not in deleted]
    assert len(kept) == 270
    assert backtest('--config', config(topics)) == backtest(topics.file(kept))


def test_what_is_deleted_while_it_is_read_is_passed(topics):
    """The reading goes on with what is left."""
    d = topics.deployment
    for i in range(2000):  # bad, as these are told one by one, and large, so that not all are fetched at once
        topics.put_bytes(b'?' * 10000, 'L1', BEGIN + i, partition=0)
    topics.flush()
    kafka = {'bootstrap_servers': live.BOOTSTRAP, 'group': d.name, 'properties': {'queued.min.messages': 1}}
    with subprocess.Popen([live.PROGRAM, 'backtest', '--model', A, '--against', B, '--json', '--config', d.config(kafka=kafka)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        first = process.stderr.readline()  # it waits for somebody to read more than a pipe holds
        partition = live.TopicPartition(d.sources[0], 0, 1990)
        d.admin.delete_records([partition])[partition].result(30)
        lines = [first, *process.stderr]
        out = process.stdout.read()
    offsets = [int(json.loads(line)['place'].split(' offset ')[1]) for line in lines]
    assert process.returncode == 1 and json.loads(out)['bad_events'] == len(offsets) < 1990
    assert offsets == list(range(len(offsets) - 10)) + list(range(1990, 2000))


def test_what_comes_meanwhile_is_not_waited_for(topics, in_background):
    """The ends are those at the beginning, or a busy topic would have none."""
    story(topics)
    expected = backtest(topics.file())
    done = []

    def keep_coming():
        while not done:
            topics.put_bytes(ENCODE(event('L1', 'page_view')), 'L1', BEGIN + 10**9)
            topics.producer.poll(0.001)
        topics.flush()
    coming = in_background(keep_coming)
    try:
        report = backtest('--config', config(topics), '--to', str(BEGIN + 10**9))
        assert backtest('--config', config(topics))[0] == 0
    finally:
        done.append(True)
    coming.result()
    assert report == expected


def test_a_missing_topic_and_a_missing_broker_are_told(topics):
    d = topics.deployment
    status, report, errors = backtest('--config', d.config(sources=[d.sources[0], f'{d.name}.typo']))
    assert (status, report) == (78, None)
    assert [json.loads(line) for line in errors] == [
        {'command': 'backtest', 'error': f'Kafka at {live.BOOTSTRAP}: topic {d.name}.typo: Broker: Unknown topic or partition'}]
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        nobody = f'127.0.0.1:{unused.getsockname()[1]}'
        status, report, errors = backtest('--config', d.config(kafka={'bootstrap_servers': nobody, 'group': d.name}))
    assert (status, report) == (69, None)
    assert len(errors) == 1 and json.loads(errors[0])['error'].startswith(f'Kafka at {nobody}: ')


def test_wrong_usage_is_told(topics):
    path = config(topics)
    for options, text in ((['--from', '1'], '--config is missing'), (['--config', path, 'x.jsonl'], 'not both'),
                          (['--config', path, '--from', '2', '--to', '2'], '--from is not before --to'),
                          (['--config', path, '--to', 'noon'], 'neither RFC 3339')):
        status, _, errors = backtest(*options)
        assert status == 64 and text in errors[0]


def test_an_interrupt_ends_it(topics):
    """It dies of the signal, and its last words are no report."""
    d = topics.deployment
    bad = ENCODE(event('L1', 'page_view'))[:-1]
    for i in range(20000):
        topics.put_bytes(bad, 'L1', BEGIN + i)
    topics.flush()
    # where the tests run in a shell's background the signal is ignored, and who inherits that leaves it so
    with subprocess.Popen([live.PROGRAM, 'backtest', '--model', A, '--against', B, '--json', '--config', d.config()],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as process:
        assert process.stderr.readline()  # it is at work, and waits for somebody to read what it has to say
        process.send_signal(signal.SIGINT)
        lines = list(process.stderr)
        out = process.stdout.read()
    assert process.returncode == -signal.SIGINT and out == b''
    assert len(lines) < 19999 and b'Sanitizer' not in b''.join(lines)
