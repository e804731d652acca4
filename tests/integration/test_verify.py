# SPDX-License-Identifier: Apache-2.0
"""`scored verify` finds what is damaged, names it, and takes nothing else for damage."""
import json
import os
import random
import signal
import subprocess
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

import live
import load
from live import event, wait_for

MODEL = '''
model: verified
version: 1
scores:
  interest: { decay: { half_life: 1d }, min: 0, max: 60 }
  fit: { decay: none }
derived: { total: 'interest + fit', warm: interest }
rules:
  - { id: view, on: [page_view], add: { interest: 10 } }
  - { id: demo, on: [demo_requested], add: { interest: 30 } }
profile_rules: [ { id: big, when: 'profile.employees >= 100', add: { fit: 20 } } ]
tracks:
  lifecycle:
    initial: lead
    stages: [ { id: lead }, { id: mql, owner: sales }, { id: sal } ]
    transitions:
      - { id: qualify, from: [lead], to: mql, when: 'interest >= 30' }
      - { id: cool, from: [mql], to: lead, when: 'interest < 10' }
      - { id: accept, from: [mql], to: sal, on: [sales_accepted] }
sla: [ { id: accept, start: { enter: [lifecycle.mql] }, stop: { enter: [lifecycle.sal] }, target: 1h, warn: [50%] } ]
accounts:
  scores: { heat: { from: interest, decay: { half_life: 2d }, per_lead_max: 40, max: 200 } }
  committee: { window: 6h, on: [page_view, demo_requested] }
  tracks:
    buying:
      initial: quiet
      stages: [ { id: quiet }, { id: in_market } ]
      transitions:
        - { id: wake, from: [quiet], to: in_market, when: 'committee >= 3 and heat >= 60' }
        - { id: rest, from: [in_market], to: quiet, when: 'committee < 2' }
'''
FULL = bool(os.environ.get('SCORED_TEST_FULL'))
HISTORY = {'watermark': 'data'}
BEGIN = 1767225600000  # 2026-01-01
HOUR = 3600000
AS_CREATED = {'cleanup.policy': 'compact', 'min.compaction.lag.ms': '3600000', 'delete.retention.ms': '604800000'}


def company_log(n, seed):
    """Leads who belong to companies, become one another, and are forgotten."""
    chance = random.Random(seed)
    at = BEGIN
    for i in range(n):
        at += chance.randrange(HOUR // 8)
        kind = chance.choices(['page_view', 'demo_requested', 'sales_accepted', 'profile_updated', 'lead_merged', 'lead_forgotten'],
                              [60, 8, 8, 8, 2, 2])[0]
        more = {'employees': chance.randrange(300)} if kind == 'profile_updated' else {'page': f'/{i}'}
        if kind == 'lead_merged':
            more = {'into': f'lead-{chance.randrange(200)}'}
        account = chance.choices([None, f'company-{chance.randrange(20)}'], [3, 2])[0]
        yield event(f'lead-{chance.randrange(200)}', kind, at, event_id=f'e{i}', account_id=account, **more)


def wrong(findings):
    """What is found to be wrong: (shard, subject, text)."""
    return [(item.get('shard'), item['subject'], item['text']) for item in findings if item['severity'] in ('warning', 'error')]


def notes(findings):
    return [item['text'] for item in findings if item['severity'] == 'note']


def assert_clean(d, *options, **changes):
    status, findings = d.verify(*options, **changes)
    assert wrong(findings) == [] and status == 0
    return findings


@pytest.mark.parametrize('seed', range(1, 6) if FULL else [1])
def test_deployment_at_work_is_clean(deploy, model, in_background, seed):
    """Again and again while events arrive, and instances are stopped, killed and started."""
    d = deploy(model(MODEL), n_partitions=4)
    settings = HISTORY | {'batch': {'max_events': 150},
                          'kafka': {'bootstrap_servers': live.BOOTSTRAP, 'group': d.name, 'properties': {'session.timeout.ms': 3000}}}
    chance = random.Random(seed)
    log = list(company_log(4000, seed))
    members = {name: d.start(name, **settings) for name in ('a', 'b')}
    members['a'].await_log('shards.assigned')
    loading = in_background(load.load, live.BOOTSTRAP, d.sources[0], 4, [json.dumps(item) for item in log], 250)
    n_runs = 0
    while not loading.done():
        checking = in_background(d.verify, **HISTORY)
        name = chance.choice(sorted(members))
        members[name].kill() if chance.random() < 0.5 else members[name].stop()
        members[name] = d.start(name, **settings)
        status, findings = checking.result()
        assert wrong(findings) == [] and status == 0
        n_runs += 1
    assert n_runs >= 3
    loading.result()
    d.await_quiet(len(log))
    status, findings = d.verify(**HISTORY)
    assert wrong(findings) == [] and status == 0
    assert [member.stop() for member in members.values()] == [0, 0]


def test_new_model_and_routed_source_are_clean(deploy, model, in_background):
    """A version is walked through, events are sent on, and time goes by the wall clock."""
    path = model(MODEL)
    d = deploy(path, n_partitions=3, sources=('events', 'calls'), counts={'calls': 5})
    settings = {'route': [d.sources[1]], 'batch': {'max_events': 100}}
    later = model(MODEL.replace('version: 1', 'version: 2').replace('interest >= 30', 'interest >= 20').replace('half_life: 1d', 'half_life: 2d'),
                  'later.yaml')
    log = list(company_log(2000, 3))
    for i, item in enumerate(log):
        item['occurred_at'] = int(time.time() * 1000) - 3600000 + i
    instances = [d.start('a', **settings), d.start('b', **settings)]
    instances[0].await_log('shards.assigned')
    loading = [in_background(load.load, live.BOOTSTRAP, source, n, [json.dumps(item) for item in log[at::2]], 80)
               for at, (source, n) in enumerate(d.counts.items())]
    wait_for(lambda: d.committed() > 600, 'records of the first version')
    assert_clean(d, **settings)
    with open(later, encoding='utf-8') as file:
        text = file.read()
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    for instance in instances:
        instance.await_log('event=start ')
        instance.process.send_signal(signal.SIGHUP)
    while not all(future.done() for future in loading):
        assert_clean(d, **settings)
    for future in loading:
        future.result()
    d.await_quiet(len(log))
    wait_for(lambda: sum(instance.log().count('event=model.applied') for instance in instances) >= 3, 'the version is applied')
    findings = assert_clean(d, **settings)
    assert not any('not of the model' in text for text in notes(findings)), notes(findings)
    assert [instance.stop() for instance in instances] == [0, 0]


def test_changelog_that_is_compacted_meanwhile(deploy, model, own_kafka, monkeypatch, in_background):
    """What compaction takes away, also while it is being read, is no gap; from which batch on the chain is whole is told."""
    monkeypatch.setattr(live, 'BOOTSTRAP', live.server('kafka', 'start', own_kafka, '--set', 'log.cleaner.backoff.ms=100'))
    d = deploy(model(MODEL), n_partitions=2)
    d.create_topics({f'{d.name}.changelog': 2}, **{'cleanup.policy': 'compact', 'segment.ms': '300', 'min.cleanable.dirty.ratio': '0.001',
                                                   'min.compaction.lag.ms': '0', 'delete.retention.ms': '604800000'})
    log = list(company_log(2500, 9))
    daemon = d.start(**HISTORY | {'batch': {'max_events': 50}})
    daemon.await_log('shards.assigned')
    loading = in_background(load.load, live.BOOTSTRAP, d.sources[0], 2, [json.dumps(item) for item in log], 150)
    told = set()
    while not loading.done():
        told.update(text for text in notes(assert_clean(d)) if 'are compacted' in text)
    loading.result()
    assert len(told) >= 3, told
    d.await_quiet(len(log))
    assert_clean(d)
    assert daemon.stop() == 0


@pytest.fixture
def settled(deploy, model):
    """A deployment that has done something and rests."""
    d = deploy(model(MODEL), n_partitions=4)
    log = list(company_log(600, 5))
    daemon = d.start(**HISTORY | {'batch': {'max_events': 40}})
    d.send(*log)
    d.await_quiet(len(log))
    assert daemon.stop() == 0
    findings = assert_clean(d)
    assert notes(findings) == []
    assert sum('the hashes of' in item['text'] for item in findings) == 4
    assert len([item for item in findings if item['subject'] == 'Redis']) == 4
    return d


def some(d, kind, where=lambda key: True):
    """An id that has such a key, and its key."""
    return next((name, key) for name, key in sorted(d.keys(kind).items()) if where(key))


def sibling(key, kind):
    """The key P:{T}:KIND of the same shard."""
    return key[:key.index(b'}:') + 2] + kind.encode()


def shard_of(d, name):
    return load.partition_of(name, d.n_partitions)


def assert_found(d, shard, subject, text):
    """That and nothing else; the remedy is to have the keys made anew, and it helps."""
    status, findings = d.verify()
    found = wrong(findings)
    assert status == 1 and len(found) == 1 and found[0][:2] == (shard, subject) and text in found[0][2], found
    item, = [item for item in findings if item['severity'] in ('warning', 'error')]
    key = item['remedy'].split()[3]
    assert key.startswith(f'{d.name}:{{') and key.endswith(':meta'), item['remedy']
    d.redis.delete(key)
    daemon = d.start(**HISTORY)
    wait_for(lambda: len(d.shard_keys('meta')) == d.n_partitions and all(d.redis.hget(m, 'mode') == b'live' for m in d.shard_keys('meta')),
             'the keys are made anew')
    assert_clean(d)
    assert daemon.stop() == 0


def is_live_lead(d):
    return lambda key: d.redis.hexists(key.replace(b':record:', b':lead:'), 'clock')


def test_record_that_was_changed(settled):
    name, key = some(settled, 'record:')
    settled.redis.setrange(key, 20, b'\xff')
    assert_found(settled, shard_of(settled, name), f'lead {name}', 'its record in Redis is not that of the changelog')


def test_record_that_is_missing(settled):
    name, key = some(settled, 'account-record:')
    settled.redis.delete(key)
    assert_found(settled, shard_of(settled, name), f'account {name}', 'Redis has no record of it')


def test_record_of_an_earlier_batch(settled):
    """As after a restored dump: the shard says that it is further than the record is."""
    d = settled
    name, key = some(d, 'record:', is_live_lead(d))
    before = d.redis.get(key), d.redis.hgetall(key.replace(b':record:', b':lead:'))
    daemon = d.start(**HISTORY)
    d.send(event(name, 'page_view', BEGIN + 2000 * HOUR))
    wait_for(lambda: d.redis.get(key) != before[0], 'the record changes')
    assert daemon.stop() == 0
    d.redis.set(key, before[0])
    assert_found(d, shard_of(d, name), f'lead {name}', 'its record in Redis is not that of the changelog')


def test_moment_that_is_missing(settled):
    d = settled
    name, key = some(d, 'lead:', lambda key: d.redis.hexists(key, 'next_moment'))
    assert d.redis.zrem(sibling(key, 'moments'), name) == 1
    assert_found(d, shard_of(d, name), f'lead {name}', 'is not among the moments in Redis')


def test_moment_that_is_too_late(settled):
    d = settled
    name, key = some(d, 'account:', lambda key: d.redis.hexists(key, 'next_moment'))
    at = int(d.redis.hget(key, 'next_moment'))
    d.redis.zadd(sibling(key, 'account-moments'), {name: at + 1})
    assert_found(d, shard_of(d, name), f'account {name}', f'its next moment is {at}, but stands in Redis at {at + 1}')


def test_moment_that_is_too_early_is_no_damage(settled):
    d = settled
    name, key = some(d, 'lead:', lambda key: d.redis.hexists(key, 'next_moment'))
    d.redis.zadd(sibling(key, 'moments'), {name: BEGIN})
    assert_clean(d)


def test_rank_that_is_wrong(settled):
    d = settled
    key = next(iter(d.shard_keys('rank:total')))
    name, rank = d.redis.zrange(key, 0, 0, withscores=True)[0]
    d.redis.zadd(key, {name: rank + 0.5})
    assert_found(d, shard_of(d, name.decode()), f'lead {name.decode()}', 'its rank on the board total is')


def test_rank_that_is_missing(settled):
    d = settled
    key = next(iter(d.shard_keys('account-rank:heat')))
    name, = d.redis.zrange(key, 0, 0)
    d.redis.zrem(key, name)
    assert_found(d, shard_of(d, name.decode()), f'account {name.decode()}', 'it is not on the board heat')


def test_field_that_is_wrong(settled):
    d = settled
    name, key = some(d, 'lead:', lambda key: d.redis.hexists(key, 'stage:lifecycle'))
    d.redis.hset(key, 'stage:lifecycle', 'won')
    assert_found(d, shard_of(d, name), f'lead {name}', 'the readable field stage:lifecycle is "won", and should be')


@pytest.mark.parametrize('kind', ['record:', 'lead:', 'moments', 'rank:warm'])
def test_what_is_left_of_a_forgotten_lead(settled, kind):
    d = settled
    daemon = d.start(**HISTORY)
    name, key = some(d, 'lead:', lambda key: d.redis.hexists(key, 'stage:lifecycle'))
    d.send(event(name, 'lead_forgotten', BEGIN + 2000 * HOUR))
    wait_for(lambda: not d.redis.exists(key), 'it is forgotten')
    assert daemon.stop() == 0
    if kind == 'record:':
        d.redis.set(sibling(key, kind + name), b'\x01')
    elif kind == 'lead:':
        d.redis.hset(key, 'clock', 1)
    else:
        d.redis.zadd(sibling(key, kind), {name: 1})
    assert_found(d, shard_of(d, name), f'lead {name}', 'of it, but the changelog says that it was erased')


def test_key_of_a_lead_that_never_was(settled):
    key = next(iter(settled.shard_keys('meta')))
    settled.redis.set(sibling(key, 'record:nobody'), b'\x01')
    status, findings = settled.verify()
    (_, subject, text), = wrong(findings)
    assert status == 1 and subject == 'lead nobody' and text == 'Redis holds a record of it, but the changelog does not know it'


def test_view_that_is_behind_or_away_is_no_damage(settled):
    """What changed since cannot be compared, and that is said; Redis that was emptied is told as one thing a shard."""
    d = settled
    before = {key: d.redis.dump(key) for key in d.redis.scan_iter(f'{d.name}:*')}
    daemon = d.start(**HISTORY)
    name, key = some(d, 'record:', is_live_lead(d))
    d.send(event(name, 'page_view', BEGIN + 2000 * HOUR))
    wait_for(lambda: d.redis.get(key) != live_dump(d, before, key), 'the record changes')
    assert daemon.stop() == 0
    for old, value in before.items():
        d.redis.restore(old, 0, value, replace=True)
    findings = assert_clean(d)
    assert any('that changed in between could not be compared' in text for text in notes(findings)), notes(findings)
    for old in before:
        d.redis.delete(old)
    status, findings = d.verify()
    assert status == 1 and [item[1] for item in wrong(findings)] == ['Redis'] * 4


def live_dump(d, before, key):
    """The value that a dump was made of."""
    d.redis.restore(f'{d.name}:scratch', 0, before[key], replace=True)
    value = d.redis.get(f'{d.name}:scratch')
    d.redis.delete(f'{d.name}:scratch')
    return value


# --- the changelog and the group ---

def rewrite(d, kind, shard, change):
    """The topic anew, with `change` applied to the shard's list of (key, value, headers, timestamp)."""
    topic = f'{d.name}.{kind}'
    kept = [[] for _ in range(d.n_partitions)]
    for m in d.messages(topic):
        kept[m.partition()].append((m.key(), m.value(), m.headers(), m.timestamp()[1]))
    kept[shard] = change(kept[shard])
    for future in d.admin.delete_topics([topic]).values():
        future.result(30)
    wait_for(lambda: not load.count_partitions(d.admin, topic), 'the topic is gone')

    def create():
        try:
            d.create_topics({topic: d.n_partitions}, **(AS_CREATED if kind == 'changelog' else {}))
            return True
        except Exception:  # still being deleted
            return False
    wait_for(create, 'the topic is there again')
    producer = Producer({'bootstrap.servers': live.BOOTSTRAP, 'enable.idempotence': True})
    for partition, records in enumerate(kept):
        for key, value, headers, timestamp in records:
            producer.produce(topic, key=key, value=value, headers=headers, timestamp=timestamp, partition=partition)
    assert producer.flush(30) == 0


def rewrite_changelog(d, shard, change):
    rewrite(d, 'changelog', shard, change)


def footers(records):
    return [i for i, (key, *_) in enumerate(records) if key == b'footer']


def assert_only(d, shard, subject, *texts):
    status, findings = d.verify()
    found = wrong(findings)
    assert status == 1 and len(found) == len(texts), found
    for text, item in zip(texts, found):
        assert item[:2] == (shard, subject) and text in item[2], found


def test_footer_that_is_missing(settled):
    d, middle = settled, []

    def drop(records):
        at = footers(records)
        middle.append(json.loads(records[at[len(at) // 2]][1])['bno'])
        del records[at[len(at) // 2]]
        return records
    rewrite_changelog(d, 1, drop)
    assert_only(d, 1, 'changelog', f'batch {middle[0]} has no footer between offsets')


def test_footer_that_was_erased(settled):
    d = settled

    def erase(records):
        at = footers(records)[len(footers(records)) // 2]
        records.insert(at + 1, (b'footer', None, None, records[at][3]))
        return records
    rewrite_changelog(d, 2, erase)
    assert_only(d, 2, 'changelog', 'the footer was erased at offset')


def test_fork(settled):
    """Two owners at once, each with its own batch after the same one."""
    d, forked = settled, []

    def fork(records):
        at = footers(records)[len(footers(records)) // 2]
        footer = json.loads(records[at][1])
        forked.append(footer['bno'])
        records.insert(at + 1, (b'footer', json.dumps(footer | {'hash': '0' * 32}).encode(), None, records[at][3]))
        return records
    rewrite_changelog(d, 0, fork)
    assert_only(d, 0, 'changelog', f'is batch {forked[0]} again, after batch {forked[0]}')


def test_record_that_is_lost_and_one_too_many(settled):
    d = settled

    def lose(records):
        at = footers(records)
        i = next(i for i in range(at[0], len(records)) if records[i][0].startswith(b'lead:') and
                 any(key == records[i][0] for key, *_ in records[i + 1:]))
        del records[i]
        return records
    rewrite_changelog(d, 3, lose)
    status, findings = d.verify()
    (shard, subject, text), = wrong(findings)
    assert (status, shard, subject) == (1, 3, 'changelog') and 'records in the changelog, and says that it has' in text
    producer = Producer({'bootstrap.servers': live.BOOTSTRAP})
    producer.produce(f'{d.name}.changelog', key=b'stranger', value=b'x', partition=0)
    assert producer.flush(30) == 0
    status, findings = d.verify('--shard', '0')
    assert status == 1 and [item[:2] for item in wrong(findings)] == [(0, 'changelog')] * 2
    assert 'has a key that is none of scored' in wrong(findings)[0][2] and 'belong to no batch' in wrong(findings)[1][2]


def test_record_that_cannot_be_read(settled):
    d, names = settled, []

    def damage(records):
        i = next(i for i, (key, value, *_) in enumerate(records) if key.startswith(b'lead:') and value and len(value) > 50 and
                 any(key == later for later, *_ in records[i + 1:]))
        names.append(records[i][0].decode().split(':', 1)[1])
        records[i] = (records[i][0], records[i][1][:40], *records[i][2:])
        return records
    rewrite_changelog(d, 1, damage)
    status, findings = d.verify()
    found = wrong(findings)
    assert status == 1 and (1, f'lead {names[0]}') in [item[:2] for item in found], found
    assert any('is damaged' in item[2] for item in found)
    assert {item[1] for item in found} <= {f'lead {names[0]}', 'batches'} and len(found) == 2  # what was damaged has another hash, too


def test_record_that_was_exchanged(settled):
    """Readable, and written over since: nothing but the hash tells."""
    d, batches = settled, []

    def exchange(records):
        first = next(i for i, (key, value, *_) in enumerate(records) if i > footers(records)[0] and key.startswith(b'lead:') and value and
                     sum(key == other and value is not None and value != old for other, old, *_ in records[i + 1:]) >= 2)
        later = next(i for i in range(first + 1, len(records)) if records[i][0] == records[first][0] and records[i][1])
        batches.append(json.loads(records[next(i for i in footers(records) if i > first)][1])['bno'])
        records[first] = (records[first][0], records[later][1], *records[first][2:])
        return records
    rewrite_changelog(d, 2, exchange)
    assert_only(d, 2, 'batches', f'batch {batches[0]}: what stands in the changelog and other topics is not what its footer has the hash of')
    assert_clean(d, '--batches', '0')


def tag_of(headers):
    _, shard, bno, number = dict(headers)['scored_batch'].decode().split()
    return int(shard), int(bno), int(number)


def test_outputs_say_which_batch_they_are_of(settled):
    """Each of a batch has a number, without gaps over all topics; its footer counts them."""
    d, numbers = settled, {}
    for kind in [*live.OUTPUTS, 'internal']:
        for message in d.messages(f'{d.name}.{kind}'):
            shard, bno, number = tag_of(message.headers())
            numbers.setdefault((shard, bno), []).append(number)
    counted = {}
    for message in d.messages(f'{d.name}.changelog'):
        if message.key() == b'footer':
            footer = json.loads(message.value())
            counted[message.partition(), footer['bno']] = footer['counts']['written']
    assert {place for place, n in counted.items() if n} == numbers.keys()
    for place, found in numbers.items():
        assert sorted(found) == list(range(counted[place])), place


def test_output_that_is_lost(settled):
    d, tags = settled, []

    def lose(records):
        tags.append(tag_of(records[1][2]))
        del records[1]
        return records
    rewrite(d, 'stages', 3, lose)
    (shard, bno, _), = tags
    status, findings = d.verify()
    (found_shard, subject, text), = wrong(findings)
    assert (status, found_shard, subject) == (1, shard, 'outputs') and text.startswith(f'batch {bno}: 1 of the ')


def test_output_that_is_there_twice(settled):
    d, tags = settled, []

    def repeat(records):
        tags.append(tag_of(records[0][2]))
        return records[:1] + records
    rewrite(d, 'stages', 1, repeat)
    (shard, bno, _), = tags
    assert_only(d, shard, 'outputs', f'batch {bno}: other topics have records more than once')


def test_what_retention_has_taken_is_not_missed(settled):
    d = settled
    for future in d.admin.delete_records([TopicPartition(f'{d.name}.internal', i, -1) for i in range(d.n_partitions)]).values():
        future.result(30)
    findings = assert_clean(d)
    assert any('retention or compaction may have taken what they wrote' in text for text in notes(findings))


def test_group_offset_that_was_reset(settled):
    d = settled
    consumer = Consumer({'bootstrap.servers': live.BOOTSTRAP, 'group.id': d.name})
    place = TopicPartition(d.sources[0], 2)
    right = consumer.committed([place], timeout=30)[0]
    place.offset = 0
    consumer.commit(offsets=[place], asynchronous=False)
    status, findings = d.verify()
    item, = [item for item in findings if item['severity'] == 'error']
    assert status == 1 and item['shard'] == 2 and item['subject'] == f'{d.sources[0]} [2]'
    assert f"committed offset is 0, but batch" in item['text'] and f'--to-offset {right.offset} --execute' in item['remedy']
    place.offset = right.offset
    consumer.commit(offsets=[place], asynchronous=False)
    consumer.close()
    assert_clean(d)


def test_offset_of_an_open_transaction_is_not_waited_for(settled):
    """Under load there always is one. What is committed is told."""
    d = settled
    producer = d.open_offset(2, 0)
    assert_clean(d)
    producer.abort_transaction(30)


def test_servers_that_are_away(settled):
    for changes in ({'redis': {'address': 'tcp:127.0.0.1:1'}}, {'kafka': {'bootstrap_servers': '127.0.0.1:1', 'group': settled.name}}):
        done = subprocess.run([live.PROGRAM, 'verify', '--config', settled.config('away', **changes)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, check=False, text=True)
        assert done.returncode == 69 and done.stderr.startswith('scored verify: '), done
