# SPDX-License-Identifier: Apache-2.0
"""What a newer version of scored has written halts the shard that it is of, and says so; the others go on."""
import json

import pytest
from confluent_kafka import Producer

import live
import load
from live import event
from test_verify import rewrite, sibling

MODEL = '''
model: upgraded
version: 1
scores: { interest: { decay: { half_life: 1d } } }
rules: [ { id: view, on: [page_view], add: { interest: 10 } } ]
accounts: { scores: { heat: { from: interest, decay: { half_life: 2d } } } }
'''
HISTORY = {'watermark': 'data'}
BEGIN = 1767225600000  # 2026-01-01
NEWER = 0
OTHER = 1


@pytest.fixture
def stopped(deploy, model):
    """A deployment of two shards that has done something and is stopped; each has a lead and an account."""
    d = deploy(model(MODEL), n_partitions=2)
    daemon = d.start(**HISTORY)
    d.send(*[event(f'lead-{i}', 'page_view', BEGIN + i, account_id=f'company-{i}') for i in range(20)])
    d.await_quiet(20)
    assert daemon.stop() == 0
    return d


def lead_of(shard, n=20):
    return next(f'lead-{i}' for i in range(n) if load.partition_of(f'lead-{i}', 2) == shard)


def newer_record(value):
    return bytes([value[0] + 1]) + value[1:]


def newer_footer(value):
    footer = json.loads(value)
    return json.dumps(footer | {'format': footer['format'] + 1, 'unheard': 'of'}).encode()


def last(records, prefix):
    return max(i for i, (key, value, *_) in enumerate(records) if key.startswith(prefix) and value)


def change_last(prefix, change):
    """Of the records of a shard the last whose key begins so."""
    def apply(records):
        i = last(records, prefix)
        records[i] = (records[i][0], change(records[i][1]), *records[i][2:])
        return records
    return apply


def assert_halts(d, reason, remedy, n_sent=20):
    """One shard halts for that reason; an event of the other is committed."""
    daemon = d.start(**HISTORY)
    daemon.await_log('event=shard.halted ')
    d.send(event(lead_of(OTHER), 'page_view', BEGIN + 60000))
    d.await_committed(n_sent + 1)
    halts = [line for line in daemon.log().splitlines() if 'event=shard.halted ' in line]
    assert all(f'shard={NEWER} ' in line and f'reason="{reason}"' in line and f'remedy="{remedy}"' in line for line in halts), halts
    assert daemon.stop() == 0


def test_footer_of_a_newer_version(stopped):
    d = stopped
    rewrite(d, 'changelog', NEWER, change_last(b'footer', newer_footer))
    assert_halts(d, 'the changelog was written by a newer version of scored', 'run that version here, too, or use another changelog topic')
    status, findings = d.verify('--shard', str(NEWER))
    assert status == 1
    assert any('was written by a newer version of scored' in item['text'] and 'use the version of scored that wrote it' in item['remedy']
               for item in findings)


@pytest.mark.parametrize('prefix', [b'lead:', b'account:'])
def test_record_of_a_newer_version_in_the_changelog(stopped, prefix):
    d = stopped
    rewrite(d, 'changelog', NEWER, change_last(prefix, newer_record))
    for key in d.redis.scan_iter(f'{d.name}:{{*}}:*'):
        d.redis.delete(key)
    assert_halts(d, 'the changelog holds a record of a newer version of scored', 'run that version here, too')
    status, findings = d.verify('--shard', str(NEWER))
    assert status == 1
    assert any('was written by a newer version of scored' in item['text'] for item in findings)


def test_model_names_of_a_newer_version(stopped, model):
    """They are read when the model changes."""
    d = stopped
    rewrite(d, 'changelog', NEWER, change_last(b'model:', newer_record))
    d.model = model(MODEL.replace('version: 1', 'version: 2'), 'next.yaml')
    assert_halts(d, 'the changelog holds names of a model by a newer version of scored', 'run that version here, too')


def test_record_of_a_newer_version_in_redis(stopped):
    """An older instance that takes a shard over from a newer one finds it there, and nothing is to be deleted."""
    d = stopped
    name = lead_of(NEWER)
    key = d.keys('record')[name]
    d.redis.set(key, newer_record(d.redis.get(key)))
    assert d.redis.exists(sibling(key, 'meta'))
    d.send(event(name, 'page_view', BEGIN + 50000))
    assert_halts(d, 'Redis holds a record of a newer version of scored', 'run that version here, too')


def test_message_of_a_newer_version(stopped):
    d = stopped
    message = next(m for m in d.messages(f'{d.name}.internal') if m.partition() == NEWER)
    producer = Producer({'bootstrap.servers': live.BOOTSTRAP})
    producer.produce(f'{d.name}.internal', key=message.key(), value=newer_record(message.value()), partition=NEWER)
    assert producer.flush(30) == 0
    daemon = d.start(**HISTORY)
    daemon.await_log('event=shard.halted ')
    log = daemon.log()
    assert 'error="it is of a newer version of scored"' in log and 'remedy="run that version here, too"' in log
    assert daemon.stop() == 0
