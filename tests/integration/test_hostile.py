# SPDX-License-Identifier: Apache-2.0
"""What no sound producer sends: floods of one lead, crowds in one account, huge maps and messages, dates out of all bounds."""
import json
import os
import time

import live
import load
import pytest
from confluent_kafka import Producer
from live import event, wait_for

MODEL = '''
model: hostile
version: 1
scores: { interest: { decay: { half_life: 7d }, max: 100 } }
counters: { views: { on: [page_view], window: 1d } }
rules: [ { id: view, on: [page_view, form], add: { interest: 1 } } ]
tracks:
  lifecycle:
    initial: lead
    stages: [ { id: lead }, { id: mql } ]
    transitions: [ { id: ask, from: [lead], to: mql, on: [form] } ]
sla: [ { id: call, start: { on: [form] }, stop: { on: [sales_touch] }, target: 1h } ]
accounts: { scores: { heat: { from: interest, decay: none, per_lead_max: 5 } }, committee: { window: 1d, on: [page_view, form] } }
'''
HISTORY = {'watermark': 'data', 'cache': {'max': '1MiB', 'moments': 100}}
BEGIN = 1767225600000  # 2026-01-01
MIB = 1 << 20
FULL = bool(os.environ.get('SCORED_TEST_FULL'))


def peak_memory(instance):
    """Of the process so far, in bytes."""
    with open(f'/proc/{instance.process.pid}/status', encoding='ascii') as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith('VmHWM:'))


@pytest.fixture(autouse=True)
def small_quarantine(monkeypatch):
    """The address sanitizer keeps what is freed, 256 MiB of it by default, which would hide whether memory is bounded."""
    monkeypatch.setenv('ASAN_OPTIONS', f'{os.environ.get("ASAN_OPTIONS", "")}:quarantine_size_mb=16')


def flood(deployment, events):
    """Sends many events quickly, each encoded once for its lead and type."""
    producer = Producer({'bootstrap.servers': live.BOOTSTRAP, 'linger.ms': 20, 'queue.buffering.max.messages': 1000000})
    encode = load.Encoder()
    n = 0
    for item in events:
        partition = load.partition_of(item['lead_id'], deployment.n_partitions)
        while True:
            try:
                producer.produce(deployment.sources[0], key=item['lead_id'], value=encode(item), partition=partition)
                break
            except BufferError:
                producer.poll(0.05)
        n += 1
    assert producer.flush(120) == 0
    return n


def hot(n):
    """One lead's events, and now and then another's."""
    for i in range(n):
        yield {'event_id': f'hot-{i}', 'occurred_at': BEGIN + i, 'lead_id': 'hot', 'type': 'page_view', 'properties': {}}
        if i % 1000 == 0:
            yield {'event_id': f'cool-{i}', 'occurred_at': BEGIN + i, 'lead_id': f'cool-{i // 1000}', 'type': 'form', 'properties': {}}


def test_flood_of_one_lead_takes_no_more_than_a_lead(deploy, model):
    """Its record stays as large as its limits, the process as large as its cache, and others are told of meanwhile."""
    n = 2000000 if FULL else 100000
    d = deploy(model(MODEL), n_partitions=2)
    daemon = d.start(**HISTORY)
    daemon.await_log('event=shards.assigned')
    before = peak_memory(daemon)
    sent = flood(d, hot(n))
    d.await_committed(sent)
    assert peak_memory(daemon) - before < 300 * MIB  # sanitizers, and librdkafka's queue of 64 MiB
    record = d.redis.get(d.keys('record')['hot'])
    assert len(record) < 4096
    assert len(d.outputs('stages')) == n // 1000
    lead = d.dump_view(lambda _: BEGIN + n)['hot']
    assert lead['scores']['interest'] > 99
    assert daemon.stop() == 0


def test_crowd_in_one_account_is_bounded(deploy, model):
    """Of so many members those count who were active last; the account's record and its time stay bounded."""
    n = 100000 if FULL else 20000
    d = deploy(model(MODEL), n_partitions=2)
    daemon = d.start(**HISTORY)
    daemon.await_log('event=shards.assigned')
    before = peak_memory(daemon)
    flood(d, ({'event_id': f'e{i}', 'occurred_at': BEGIN + i, 'lead_id': f'member-{i}', 'account_id': 'crowd', 'type': 'page_view',
               'properties': {}} for i in range(n)))
    d.await_quiet(n)
    assert peak_memory(daemon) - before < 300 * MIB
    assert daemon.stop() == 0
    account = json.loads(d.explain('account', 'crowd', '--json')[1])
    assert len(account['members']) == 256
    assert account['scores'][0]['value'] == 256
    assert len(d.redis.get(d.keys('account-record')['crowd'])) < 64 * 1024


def test_out_of_all_bounds_is_a_dead_letter_and_harms_nobody(deploy, model):
    """Maps of 10,000 entries, 1970 and 2100, ids and texts too long, a message that cannot be sent on: the next event counts."""
    d = deploy(model(MODEL), n_partitions=2)
    daemon = d.start(**HISTORY)
    now = int(time.time() * 1000)
    bad = [
        event('lead-1', 'form', **{f'p{i}': i for i in range(10000)}),
        event('lead-1', 'form', at=4102444800000),
        event('lead-1', 'form', at=-1),
        event('lead-1', 'form', at=(1 << 63) - 1),
        event('x' * 129, 'form'),
        event('lead-1', 'y' * 65),
        event('lead-1', 'form', event_id='z' * 65),
        event('lead-1', 'form', text='t' * 40000),
        event('lead-1', 'lead_merged'),
        event('lead-1', 'lead_merged', into='i' * 129),
        event('', 'form'),
    ]
    good = [event('lead-2', 'form', at=0), event('lead-1', 'form', at=now, **{f'p{i}': i for i in range(1000)}),
            event('lead-3', 'profile_updated', at=now, **{f'a{i}': 'v' * 500 for i in range(1000)})]
    for item in bad + good:
        d.produce(load.Encoder()(item), item['lead_id'])
    # what it knows of a lead is full: more of it cannot be kept, and the lead stays as it was
    d.produce(load.Encoder()(event('lead-3', 'profile_updated', at=now, **{f'b{i}': 'v' * 500 for i in range(1000)})), 'lead-3')
    d.await_committed(len(bad) + len(good) + 1)
    letters = d.outputs('dead-letters')
    assert len(letters) == len(bad) + 1
    reasons = sorted(letter['reason'] for letter in letters)
    assert reasons == sorted(['schema'] * 8 + ['bad_merge'] * 2 + ['future', 'too_large']), reasons
    assert sorted(o['lead_id'] for o in d.outputs('stages')) == ['lead-1', 'lead-2']
    assert 500000 < len(d.redis.get(d.keys('record')['lead-3'])) < 520000  # of the first patch, whole
    assert daemon.stop() == 0


def test_same_event_for_ever_counts_once(deploy, model):
    d = deploy(model(MODEL), n_partitions=1)
    daemon = d.start(**HISTORY)
    again = event('lead-1', 'form', at=BEGIN)
    sent = flood(d, (again for _ in range(50000)))
    d.await_committed(sent)
    wait_for(lambda: d.outputs('stages'), 'it was told')
    assert len(d.outputs('stages')) == 1
    assert d.dump_view(lambda _: BEGIN)['lead-1']['scores']['interest'] == 1
    assert daemon.stop() == 0
