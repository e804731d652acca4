# SPDX-License-Identifier: Apache-2.0
"""What the protocol of batches promises when processes, Redis or the broker misbehave, and what time may not do."""
import json
import os
import random
import signal
import time

import pytest
import redis
from confluent_kafka import Producer
from confluent_kafka.admin import ConfigResource

import live
import load
from live import FUNNEL, SMALL, Expected, check_outputs, check_view, event, server, wait_for

FULL = bool(os.environ.get('SCORED_TEST_FULL'))
HISTORY = {'watermark': 'data', 'batch': {'max_events': 300, 'max_moments': 5}, 'cache': {'max': '64KiB', 'moments': 10}}

PROMISE = '''
model: promise
version: 1
tracks: { state: { initial: new, stages: [ { id: new } ] } }
sla: [ { id: call, start: { on: [form] }, stop: { on: [sales_touch] }, target: 3s } ]
'''


def kafka_with(d, **changes):
    """The configuration's section, with other properties."""
    return {'bootstrap_servers': live.BOOTSTRAP, 'group': d.name} | changes


def leads_of(partition, n_partitions, n):
    """Ids of n leads in the partition."""
    found = (f'lead-{i}' for i in range(1000000) if load.partition_of(f'lead-{i}', n_partitions) == partition)
    return [next(found) for _ in range(n)]


def load_slowly(d, lines, seconds):
    load.load(live.BOOTSTRAP, d.sources[0], d.n_partitions, lines, len(lines) / seconds)


def await_taken(daemon, n):
    wait_for(lambda: daemon.log().count('event=shard.taken ') >= n, f'{n} shards are taken')


def batches(records):
    """A changelog partition as batches: (footer, records before it)."""
    found, pending = [], []
    for record in records:
        if record.key == b'footer':
            found.append((json.loads(record.value), pending))
            pending = []
        else:
            pending.append(record)
    assert not pending, 'the changelog does not end in a footer'
    return found


def check_changelog(d):
    """Batches of each shard are of one lineage, numbered without gaps, and hold what their footers count."""
    for records in d.records('changelog'):
        found = batches(records)
        assert [footer['bno'] for footer, _ in found] == list(range(1, len(found) + 1))
        assert len({footer['lineage'] for footer, _ in found}) <= 1
        assert [footer['counts']['records'] for footer, _ in found] == [len(held) for _, held in found]


def check_all(d, expected):
    check_outputs(d, expected)
    check_view(d, expected)
    check_changelog(d)


@pytest.mark.parametrize('seed', range(1, 6) if FULL else [3])
def test_members_come_and_go_at_any_moment(deploy, tmp_path, in_background, seed):
    """Killed, stopped and started while events arrive, one more than there was: no trace of it."""
    chance = random.Random(seed)
    lines = live.eventful_log(2000, seed)
    d = deploy(FUNNEL)
    expected = Expected(d, lines, tmp_path)
    settings = HISTORY | {'kafka': kafka_with(d, properties={'session.timeout.ms': 3000})}
    members = {name: d.start(name, **settings) for name in ('a', 'b')}
    for member in members.values():
        member.await_log('event=shards.assigned ')
    loading = in_background(load_slowly, d, lines, 15)
    for step in range(5):
        reached = len(lines) * (step + chance.random()) / 6
        wait_for(lambda at=reached: d.committed() > at, 'progress')
        name = chance.choice(sorted(members) + ['c'])
        if name in members and chance.random() < 0.6:
            members[name].kill()
        elif name in members:
            assert members[name].stop() == 0
        members[name] = d.start(name, **settings)
    loading.result()
    d.await_committed(len(lines))
    assert [member.stop() for member in members.values()] == [0] * len(members)
    check_all(d, expected)


def test_member_that_wakes_too_late_does_no_harm(deploy, tmp_path, in_background):
    """Frozen until its shards have moved and their new owner is at work, it can neither commit nor touch the view."""
    lines = live.eventful_log(2000, 3)
    half = len(lines) // 2
    d = deploy(FUNNEL)
    expected = Expected(d, lines, tmp_path)
    settings = HISTORY | {'kafka': kafka_with(d, properties={'session.timeout.ms': 3000})}
    sleeper = d.start('b', **settings)
    await_taken(sleeper, 8)
    loading = in_background(load_slowly, d, lines[:half], 5)
    wait_for(lambda: d.committed() > half / 10, 'the first batches')
    sleeper.process.send_signal(signal.SIGSTOP)
    assert d.committed() < half, 'it was not frozen at work'
    other = d.start('a', **settings)
    await_taken(other, 8)
    loading.result()
    loading = in_background(load_slowly, d, lines[half:], 5)
    wait_for(lambda: d.committed() > half, 'the new owner goes on')
    sleeper.process.send_signal(signal.SIGCONT)
    wait_for(lambda: sleeper.log().count('event=shards.assigned ') >= 2, 'it finds out, and joins again')
    loading.result()
    d.await_committed(len(lines))
    assert other.stop() == 0 and sleeper.stop() == 0
    check_all(d, expected)


def test_member_that_wakes_while_it_takes_over_calls_no_operator(deploy, tmp_path, in_background):
    """Frozen as it begins to take shards over, it finds the view ahead of what it has read: another is at work there by now."""
    lines = live.eventful_log(3000, 6)
    d = deploy(FUNNEL)
    expected = Expected(d, lines, tmp_path)
    settings = HISTORY | {'kafka': kafka_with(d, properties={'session.timeout.ms': 3000})}
    first = d.start('a', **settings)
    await_taken(first, 8)
    loading = in_background(load_slowly, d, lines, 20)
    wait_for(lambda: d.committed() > 500, 'the first batches')
    assert first.stop() == 0
    sleeper = d.start('b', **settings)
    sleeper.await_log('event=shards.assigned ')
    sleeper.process.send_signal(signal.SIGSTOP)
    other = d.start('c', **settings)
    await_taken(other, 8)
    before = d.committed()
    wait_for(lambda: d.committed() > before + 200, 'the new owner is at work')
    sleeper.process.send_signal(signal.SIGCONT)
    wait_for(lambda: sleeper.log().count('event=shards.assigned ') >= 2, 'it finds out, and joins again')
    loading.result()
    d.await_committed(len(lines))
    assert other.stop() == 0 and sleeper.stop() == 0
    assert 'event=shard.halted ' not in sleeper.log()
    check_all(d, expected)


@pytest.mark.parametrize('persistence', ['empty', 'snapshot', 'aof'])
def test_redis_comes_back_as_it_can(deploy, tmp_path, own_redis, in_background, persistence):
    """Killed in mid-run and started again with nothing, with what it had a while ago, or with nearly all."""
    options = ['--aof'] if persistence == 'aof' else []
    socket = server('redis', 'start', own_redis, *options)
    lines = live.eventful_log(1000, 4)
    d = deploy(FUNNEL)
    d.redis = redis.Redis(unix_socket_path=socket)
    expected = Expected(d, lines, tmp_path)
    settings = HISTORY | {'redis': {'address': f'unix:{socket}', 'prefix': d.name}, 'view': {'max_pending': 2}}
    daemon = d.start(**settings)
    third = len(lines) // 3
    load.load(live.BOOTSTRAP, d.sources[0], 8, lines[:third])
    d.await_committed(third)
    wait_for(lambda: len(d.shard_keys('meta')) == 8, 'each shard is in the view')
    if persistence == 'snapshot':
        d.redis.save()
    loading = in_background(load_slowly, d, lines[third:-third], 5)
    wait_for(lambda: d.committed() > len(lines) / 2, 'half of the log')
    before = len(daemon.log())
    server('redis', 'stop', own_redis, '--kill')
    loading.result()
    load.load(live.BOOTSTRAP, d.sources[0], 8, lines[-third:])
    daemon.await_log('event=pipeline.paused ')
    server('redis', 'start', own_redis, *options)
    d.await_committed(len(lines))
    assert daemon.stop() == 0
    again = d.start(**settings)
    await_taken(again, 8)  # and caught up
    assert again.stop() == 0
    # Only a shard that is lost is built anew; what a snapshot lacks is caught up with.
    log = daemon.log()[before:] + again.log()
    assert ('event=view.rebuild ' in log) == (persistence == 'empty')
    assert persistence == 'aof' or 'event=view.caught_up ' in log
    check_all(d, expected)


def test_forgotten_lead_does_not_come_back_from_a_view_that_lags(deploy, model, own_redis):
    """Redis answers, but takes no writes: what it still has of a lead that was forgotten is not read again."""
    socket = server('redis', 'start', own_redis)
    d = deploy(model(SMALL), n_partitions=1)
    d.redis = redis.Redis(unix_socket_path=socket)
    d.send(event('lead-1', 'form'))
    daemon = d.start(redis={'address': f'unix:{socket}', 'prefix': d.name})
    d.await_committed(1)
    wait_for(lambda: d.keys('record'), 'the lead is in the view')
    d.redis.config_set('min-replicas-to-write', 1)
    d.send(event('lead-1', 'lead_forgotten'))
    d.await_committed(2)
    d.send(event('lead-1', 'form'))
    d.await_committed(3)
    d.redis.config_set('min-replicas-to-write', 0)
    assert daemon.stop() == 0
    assert [(o['to'], o['ordinal']) for o in d.outputs('stages')] == [('mql', 1), ('mql', 1)]
    assert list(d.keys('record')) == ['lead-1']


def test_clock_brings_history_to_its_end(deploy, tmp_path):
    """Loaded by the data's own time, then by the wall clock: what a replay until now says, and nothing twice."""
    lines = live.eventful_log(3000, 5)
    lines = lines[:len(lines) // 2]  # breaks off while much is under way
    d = deploy(FUNNEL)
    past, now = Expected(d, lines, tmp_path), Expected(d, lines, tmp_path, until=int(time.time() * 1000) - 3600000)
    assert now.count() > past.count()
    load.load(live.BOOTSTRAP, d.sources[0], 8, lines)
    daemon = d.start(**HISTORY)
    d.await_committed(len(lines))
    assert daemon.stop() == 0
    check_all(d, past)
    daemon = d.start(batch={'max_moments': 20}, cache={'max': '64KiB', 'moments': 10})
    wait_for(lambda: sum(len(d.messages(f'{d.name}.{kind}')) for kind in ('stages', 'sla', 'refused', 'retired')) >=
             now.count(), 'all that was due')
    assert daemon.stop() == 0
    check_outputs(d, now)

    # Once more: an event of today in each shard comes behind all that a shard could tell again, and tells nothing itself.
    daemon = d.start()
    d.send(*[event(lead, 'profile_updated', crm_id=1) for i in range(8) for lead in leads_of(i, 8, 1)])
    d.await_committed(len(lines) + 8)
    assert daemon.stop() == 0
    check_outputs(d, now)
    check_changelog(d)


def test_rounds_load_no_more_moments_than_they_may(deploy, model):
    """The budget holds where it is less than what Redis is asked for at once; but one instant is not divided."""
    d = deploy(model(PROMISE), n_partitions=1)
    begin = int(time.time() * 1000) - 3600000
    instants = [*range(10), *[100] * 12, *range(200, 210)]
    leads = [f'lead-{i}' for i in range(len(instants))]
    d.send(*[event(lead, 'form', at=begin + at) for lead, at in zip(leads, instants)])
    daemon = d.start(watermark='data')
    d.await_committed(len(leads))
    assert daemon.stop() == 0
    n_before = len(d.records('changelog')[0])
    daemon = d.start(batch={'max_moments': 4})
    wait_for(lambda: len(d.outputs('sla')) >= len(leads), 'all breaches')
    assert daemon.stop() == 0
    assert sorted(o['lead_id'] for o in d.outputs('sla') if o['kind'] == 'breached') == sorted(leads)
    sizes = [len(held) for _, held in batches(d.records('changelog')[0][n_before:])]
    assert sum(sizes) == len(leads)
    assert sorted(sizes)[-1] == 12 and sorted(sizes)[-2] <= 4, sizes


def test_verdict_waits_for_what_an_open_transaction_holds(deploy, model):
    """Events that nobody may read yet can still be in time; control records at the end of a log hold nothing back."""
    d = deploy(model(PROMISE), n_partitions=3)
    (held,), (dropped,), (control, later) = (leads_of(i, 3, n) for i, n in ((0, 1), (1, 1), (2, 2)))
    (keeper, keep), (loser, lose) = d.open_transaction(), d.open_transaction()
    daemon = d.start()
    await_taken(daemon, 3)

    def verdicts():
        return [(o['lead_id'], o['kind']) for o in d.outputs('sla')]
    at = int(time.time() * 1000)
    d.send(*[event(lead, 'form', at=at) for lead in (held, dropped, control)])
    keep(event(held, 'sales_touch', at=at + 2900))
    lose(event(dropped, 'sales_touch', at=at + 2900))
    wait_for(lambda: verdicts() == [(control, 'breached')], 'the deadline passes')
    d.send(event(later, 'form'))
    wait_for(lambda: (later, 'breached') in verdicts(), 'more time passes')
    assert sorted(verdicts()) == sorted([(control, 'breached'), (later, 'breached')])
    keeper.commit_transaction(30)
    loser.abort_transaction(30)
    wait_for(lambda: len(verdicts()) >= 4, 'the other verdicts')
    assert sorted(verdicts()) == sorted([(control, 'breached'), (dropped, 'breached'), (later, 'breached'), (held, 'met')])

    # Each log ends in a control record now, and the next deadline is not held up by it.
    keeper.begin_transaction()
    keep(event(held, 'form'))
    keeper.commit_transaction(30)
    wait_for(lambda: (held, 'breached') in verdicts(), 'a breach')
    assert daemon.stop() == 0


@pytest.mark.parametrize('stamped_by', ['producer', 'broker'])
def test_event_ahead_of_its_time_proves_nothing(deploy, model, stamped_by):
    """
    Read late, what a producer says whose clock is a minute ahead must not stand for time in which a touch arrived that is not read
    yet; whatever that clock makes of the record's own timestamp.
    """
    d = deploy(model(PROMISE), n_partitions=1, prepare=False)
    d.create_topics(d.counts, **{'message.timestamp.type': 'LogAppendTime' if stamped_by == 'broker' else 'CreateTime'})
    at = int(time.time() * 1000)
    d.send(event('lead-1', 'form', at=at))
    ahead = Producer({'bootstrap.servers': live.BOOTSTRAP})
    ahead.produce(d.sources[0], key='lead-2', value=load.Encoder()(event('lead-2', 'view', at=at + 60000)), partition=0,
                  timestamp=at + 60000)
    assert ahead.flush(30) == 0
    d.send(event('lead-1', 'sales_touch', at=at + 2900))
    wait_for(lambda: time.time() * 1000 > at + 4000, 'the deadline passes')
    daemon = d.start(batch={'max_events': 2})
    d.await_committed(3)
    wait_for(lambda: d.outputs('sla'), 'a verdict')
    assert daemon.stop() == 0
    assert [(o['lead_id'], o['kind']) for o in d.outputs('sla')] == [('lead-1', 'met')]


def await_order(deploy, model, events, calls, n_verdicts, **changes):
    """
    What comes of it when calls are read long before the forms that they answer, for there is much else in the forms' topic; lead -> kinds.
    """
    d = deploy(model(PROMISE), n_partitions=2, sources=('crm', 'events'))
    d.send(*calls)
    d.send(*events, source=1)
    daemon = d.start(**changes)
    d.await_committed(len(events) + len(calls))
    wait_for(lambda: len(d.outputs('sla')) >= n_verdicts, 'the verdicts')
    assert daemon.stop() == 0
    verdicts = {}
    for output in d.outputs('sla'):
        verdicts.setdefault(output['lead_id'], []).append(output['kind'])
    return verdicts


@pytest.mark.parametrize('watermark', ['wall', 'data'])
def test_source_that_is_ahead_waits_for_the_others(deploy, model, watermark):
    """Calls that were read before their forms answered nothing, and the leads were breached."""
    n, begin = 30000, int(time.time() * 1000) - 3600000
    views = [event(f'other-{i % 100}', 'view', at=begin + i) for i in range(n)]
    forms = [event(f'lead-{i}', 'form', at=begin + n + i) for i in range(50)]
    calls = [event(f'lead-{i}', 'sales_touch', at=begin + n + i + 2000) for i in range(50)]
    verdicts = await_order(deploy, model, views + forms, calls, 50, watermark=watermark)
    assert verdicts == {f'lead-{i}': ['met'] for i in range(50)}


def test_source_that_is_far_ahead_is_read_no_further(deploy, model):
    """More waits than there is room for: it is not fetched until there is."""
    n, begin = 60000, int(time.time() * 1000) - 3600000
    ahead = [event(f'other-{i % 100}', 'sales_note', at=begin + 2 * n + 10000 + i) for i in range(n)]
    views = [event(f'other-{i % 100}', 'view', at=begin + i) for i in range(n)]
    forms = [event(f'lead-{i}', 'form', at=begin + n + i) for i in range(50)]
    calls = [event(f'lead-{i}', 'sales_touch', at=begin + n + i + 2000) for i in range(50)]
    verdicts = await_order(deploy, model, views + forms, calls + ahead, 50, batch={'max_events': 2000})
    assert verdicts == {f'lead-{i}': ['met'] for i in range(50)}


def test_verdicts_after_an_outage_are_late_but_right(deploy, model):
    """What lay in the topics for long is judged by when it happened; the verdict says when it fell."""
    d = deploy(model(PROMISE), n_partitions=2, sources=('events', 'sales'))
    hour = 3600000
    now = int(time.time() * 1000)
    asked = [event(f'lead-{i}', 'form', at=now - hour + i) for i in range(40)]
    d.send(*asked)
    daemon = d.start()
    d.await_committed(40)
    wait_for(lambda: len(d.outputs('sla')) == 40, 'all are late by the clock, for nobody knows of more')
    assert daemon.stop() == 0

    d = deploy(model(PROMISE), n_partitions=2, sources=('events', 'sales'))
    d.send(*asked)
    d.send(*[event(f'lead-{i}', 'sales_touch', at=now - hour + i + (2000 if i % 2 else 20000)) for i in range(40)], source=1)
    daemon = d.start(batch={'max_events': 7})
    d.await_committed(80)
    wait_for(lambda: len(d.outputs('sla')) == 60, 'each a verdict, and the late ones a breach before')
    assert daemon.stop() == 0
    verdicts = {}
    for message in d.messages(f'{d.name}.sla'):
        output = d.decode(message)
        verdicts.setdefault(output['lead_id'], []).append(output['kind'])
        decided = dict(message.headers())['scored_decided_at'].decode()
        assert load.millis(decided) >= now and load.millis(output['due_at']) < now - hour + 10000
    assert verdicts == {f'lead-{i}': ['met'] if i % 2 else ['breached', 'late'] for i in range(40)}


def test_records_without_key_or_value_are_dead_letters(deploy, model):
    d = deploy(model(SMALL), n_partitions=1)
    daemon = d.start()
    producer = Producer({'bootstrap.servers': live.BOOTSTRAP})
    good = load.Encoder()(event('lead-1', 'form'))
    for key, value in ((None, good), ('', good), (b'\xff\xfe', good), (None, None), ('lead-1', None), ('x' * 2000, good)):
        producer.produce(d.sources[0], key=key, value=value, partition=0)
    assert producer.flush(30) == 0
    d.send(event('lead-2', 'form'))
    d.await_committed(7)
    letters = sorted(d.outputs('dead-letters'), key=lambda letter: letter['offset'])
    assert [(letter['offset'], letter['reason'], letter['original']) for letter in letters] == [
        (0, 'misrouted', good), (1, 'misrouted', good), (2, 'misrouted', good), (3, 'bad_wire', None),
        (4, 'bad_wire', None), (5, 'misrouted', good)]
    assert [s['lead_id'] for s in d.outputs('stages')] == ['lead-2']
    assert daemon.stop() == 0


def test_largest_record_becomes_a_dead_letter(deploy, model):
    """As large as the broker takes: a dead letter has to fit as well."""
    d = deploy(model(SMALL), n_partitions=1)
    daemon = d.start()
    producer = Producer({'bootstrap.servers': live.BOOTSTRAP, 'message.max.bytes': 1048500})
    value = os.urandom(1048000)
    producer.produce(d.sources[0], key='lead-1', value=value, partition=0)
    assert producer.flush(30) == 0
    d.send(event('lead-2', 'form'))
    d.await_committed(2)
    assert daemon.stop() == 0
    letter, = d.outputs('dead-letters')
    assert value.startswith(letter['original']) and len(letter['original']) > 800000


def test_topics_are_made_as_documented(deploy, model):
    d = deploy(model(SMALL), n_partitions=3)
    assert d.start('no', topics={'prefix': d.name, 'create': False}).process.wait(30) == 78
    daemon = d.start()
    await_taken(daemon, 3)
    assert daemon.stop() == 0
    for topic in ('changelog', 'internal', 'stages', 'sla', 'refused', 'retired', 'dead-letters'):
        assert load.count_partitions(d.admin, f'{d.name}.{topic}') == 3
    assert d.records('internal') == [[], [], []]  # nothing crosses shards here
    resource = ConfigResource(ConfigResource.Type.TOPIC, f'{d.name}.changelog')
    found = d.admin.describe_configs([resource])[resource].result(30)
    assert {name: found[name].value for name in ('cleanup.policy', 'min.compaction.lag.ms', 'delete.retention.ms')} == {
        'cleanup.policy': 'compact', 'min.compaction.lag.ms': '3600000', 'delete.retention.ms': '604800000'}
    again = d.start()
    again.await_log('shards.assigned')
    assert again.stop() == 0


@pytest.mark.parametrize('topic', ['changelog', 'internal'])
def test_own_topics_of_another_width_are_refused(deploy, model, topic):
    d = deploy(model(SMALL), n_partitions=3)
    d.create_topics({f'{d.name}.{topic}': 2}, **{'cleanup.policy': 'compact' if topic == 'changelog' else 'delete'})
    daemon = d.start()
    assert daemon.process.wait(30) == 78 and f'{d.name}.{topic}' in daemon.log()


@pytest.mark.skipif(not FULL, reason='takes long; ./test --full')
def test_broker_crash_leaves_no_trace(own_kafka, deploy, tmp_path, monkeypatch):
    """The broker is killed in mid-run and comes back after a while."""
    settings = ['--set', 'broker.session.timeout.ms=3000']
    monkeypatch.setattr(live, 'BOOTSTRAP', server('kafka', 'start', own_kafka, *settings))
    lines = live.eventful_log(1500, 6)
    d = deploy(FUNNEL)
    expected = Expected(d, lines, tmp_path)
    members = [d.start('a', **HISTORY), d.start('b', **HISTORY)]
    load.load(live.BOOTSTRAP, d.sources[0], 8, lines)
    wait_for(lambda: d.committed() > len(lines) / 4, 'a part of the log')
    server('kafka', 'stop', own_kafka, '--kill')
    server('kafka', 'start', own_kafka, *settings)
    d.await_committed(len(lines))
    assert [member.stop() for member in members] == [0, 0]
    check_all(d, expected)


def test_view_older_than_tombstones_is_rebuilt(deploy, model):
    """Redis restored from a backup that is older than what the changelog still tells of erasures: nobody comes back."""
    d = deploy(model(SMALL), n_partitions=1)
    d.create_topics({f'{d.name}.changelog': 1}, **{'cleanup.policy': 'compact', 'delete.retention.ms': '7200000'})
    daemon = d.start()
    d.send(event('lead-1', 'form'), event('lead-2', 'form'))
    d.await_committed(2)
    wait_for(lambda: len(d.keys('record')) == 2, 'both are in the view')
    assert daemon.stop() == 0
    meta, = d.shard_keys('meta')
    d.redis.hset(meta, 'updated_at', int(time.time() * 1000) - 3500000)
    d.redis.hset(meta, mapping={'bno': 0, 'next': 0})  # behind, so that it has to be caught up
    daemon = d.start()
    daemon.await_log('event=view.caught_up')
    assert 'event=view.rebuild' not in daemon.log()  # an hour is not too old yet
    assert daemon.stop() == 0
    d.redis.hset(meta, 'updated_at', int(time.time() * 1000) - 3700000)
    d.redis.hset(meta, mapping={'bno': 0, 'next': 0})
    daemon = d.start()
    daemon.await_log('event=view.caught_up')
    assert 'older than the changelog keeps erasures' in daemon.log()
    assert daemon.stop() == 0
