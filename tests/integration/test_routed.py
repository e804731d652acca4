# SPDX-License-Identifier: Apache-2.0
"""Sources that are not keyed by lead, or whose partitions are not the shards: their events are sent on."""
import json
import time

from confluent_kafka import Producer
from confluent_kafka.admin import NewPartitions

import live
import load
from live import Expected, event, wait_for

DAY = 86400000
LATENESS = 60000
HISTORY = {'watermark': 'data'}


def scattered(deployment, items, source):
    """Sends events to a source by a key and a partition that are not the lead's; one lead's stay in order."""
    topic = deployment.sources[source]
    producer, encode = Producer({'bootstrap.servers': live.BOOTSTRAP}), load.Encoder()
    for i, item in enumerate(items):
        partition = (load.partition_of(item['lead_id'][::-1], 1 << 20) * 7 + 3) % deployment.counts[topic]
        producer.produce(topic, key=None if i % 3 == 0 else f'campaign-{i % 5}', value=encode(item), partition=partition)
        producer.poll(0)
    assert producer.flush(60) == 0


def of_source(events, number, n):
    """A lead's events all come by one source."""
    return [item for item in events if load.partition_of(item['lead_id'] + 's', n) == number]


FUNNEL = '''
model: funnel
version: 1
lateness: 1m
scores: { intent: { decay: { half_life: 2d }, max: 60 }, fit: { decay: none } }
rules:
  - { id: form, on: [form_submitted], add: { intent: 25 } }
  - { id: offer, on: [offer_sent, offer_returned], add: { intent: 10 } }
counters: { forms: { on: [form_submitted], window: 30d } }
tracks:
  lifecycle:
    initial: lead
    stages: [ { id: lead }, { id: mql }, { id: sal }, { id: closed } ]
    transitions:
      - { id: qualify, from: [lead], to: mql, when: 'intent >= 30' }
      - { id: cool, from: [mql], to: lead, when: 'intent < 20' }
      - { id: accept, from: [lead, mql], to: sal, on: [sales_accepted] }
      - { id: close, from: [lead, mql, sal], to: closed, on: [sales_rejected, lead_closed] }
sla:
  - { id: call, start: { on: [form_submitted] }, stop: { on: [sales_touch, sales_accepted] }, target: 1h, warn: [50%] }
  - { id: accept, start: { enter: [lifecycle.mql] }, stop: { enter: [lifecycle.sal] }, cancel: { enter: [lifecycle.closed] }, target: 8h }
'''
# What a verdict says of the clock. Where the lead is when it falls depends on how far other partitions are meanwhile.
OF_CLOCK = ('event_id', 'lead_id', 'policy', 'kind', 'level', 'started_at', 'due_at', 'occurred_at', 'stopped_at', 'breached',
            'elapsed_ms', 'start_event_id', 'stop_event_id')


def verdicts(outputs):
    return sorted(tuple(output[name] or '' for name in OF_CLOCK) for output in outputs)


def test_routed_sources_are_as_a_replay_says(deploy, model, tmp_path):
    """One source that pairs up with the shards, one with fewer partitions, one with more; an instance is killed on the way."""
    d = deploy(model(FUNNEL), n_partitions=4, sources=('events', 'crm', 'mail'), counts={'crm': 3, 'mail': 9})
    route = HISTORY | {'route': d.sources[1:]}
    lines = live.synthetic_log(1500, seed=21)
    events = list(map(json.loads, lines))
    end = max(load.millis(item['occurred_at']) for item in events) + DAY
    last = event(next(f'last-{i}' for i in range(99) if of_source([event(f'last-{i}', 'x')], 1, 3)), 'page_view', end)
    d.send(*of_source(events, 0, 3))  # before they are read: an end that is passed again would make what follows late
    scattered(d, of_source(events + [last], 1, 3), 1)
    scattered(d, of_source(events, 2, 3), 2)
    first, second = d.start('a', **route), d.start('b', **route)
    wait_for(lambda: d.committed() > len(events) // 3, 'a part of the log')
    second.kill()
    second = d.start('b', **route)
    d.await_quiet(len(events) + 1)
    wait_for(lambda: d.watermarks() == [end - LATENESS] * 4, 'all shards know the last event')
    assert first.stop() == 0 and second.stop() == 0
    expected = Expected(d, lines + [json.dumps(last).encode()], tmp_path, until=end - LATENESS)
    moves = {}
    for output in d.outputs('stages'):
        moves.setdefault(output['lead_id'], []).append(output)
    stages = {lead: outputs for (kind, lead), outputs in expected.orders.items() if kind == 'stages'}
    for output in [output for lead in (moves, stages) for outputs in lead.values() for output in outputs]:
        del output['ordinal']  # counts verdicts, too
    assert moves == stages
    of_clocks = [output for (kind, _), outputs in expected.orders.items() if kind == 'sla' for output in outputs]
    assert len(moves) > 1000 and len(of_clocks) > 2000
    assert verdicts(d.outputs('sla')) == verdicts(of_clocks)
    assert d.keys('record').keys() == expected.leads.keys()
    assert not d.outputs('dead-letters')


SMALL = '''
model: small
version: 1
scores: { interest: { decay: { half_life: 7d } } }
rules: [ { id: any, on: [form, page_view], add: { interest: 10 } } ]
tracks:
  lifecycle:
    initial: lead
    stages: [ { id: lead }, { id: mql } ]
    transitions: [ { id: ask, from: [lead], to: mql, on: [form] } ]
sla: [ { id: call, start: { on: [form] }, stop: { on: [sales_touch] }, target: 1s } ]
'''


def told(deployment, lead):
    return [o['kind'] for o in deployment.outputs('sla') if o['lead_id'] == lead]


def test_deadline_waits_for_what_a_routed_source_may_bring(deploy, model):
    """A touch that no reader can see yet, in another shard's partition, is in time; a breach without one is told."""
    d = deploy(model(SMALL), n_partitions=2, sources=('events', 'crm'), counts={'crm': 5})
    daemon = d.start(route=[d.sources[1]])
    d.send(event('lead-1', 'form'))
    wait_for(lambda: told(d, 'lead-1') == ['breached'], 'a breach, with all quiet')
    producer, send = d.open_transaction(source=1)
    begun = int(time.time() * 1000)
    d.send(event('lead-2', 'form', begun))
    send(event('lead-2', 'sales_touch', begun + 500))
    wait_for(lambda: time.time() * 1000 > begun + 1000, 'the deadline is over')
    d.send(event('lead-3', 'page_view'))
    d.await_committed(3)
    assert told(d, 'lead-2') == []
    producer.commit_transaction(30)
    wait_for(lambda: told(d, 'lead-2'), 'a verdict')
    assert told(d, 'lead-2') == ['met']
    d.send(event('lead-4', 'form'))
    wait_for(lambda: told(d, 'lead-4') == ['breached'], 'a breach')
    assert daemon.stop() == 0


def test_all_sources_may_be_routed(deploy, model):
    """Then the configuration says how many shards there are; and partitions can be added to such a source."""
    d = deploy(model(SMALL), n_partitions=3, sources=('crm',), counts={'crm': 2})
    settings = {'route': d.sources, 'topics': {'prefix': d.name, 'partitions': 3}}
    daemon = d.start(**settings)
    leads = [f'lead-{i}' for i in range(20)]
    scattered(d, [event(lead, 'form') for lead in leads], 0)
    d.await_quiet(20)
    assert daemon.stop() == 0
    d.admin.create_partitions([NewPartitions(d.sources[0], 7)])[d.sources[0]].result(30)
    d.counts[d.sources[0]] = 7
    daemon = d.start(**settings)
    scattered(d, [event(lead, 'sales_touch') for lead in leads], 0)
    d.await_quiet(40)
    assert sorted(o['lead_id'] for o in d.outputs('stages')) == sorted(leads)
    assert {lead for lead in d.keys('lead')} == set(leads)
    assert load.count_partitions(d.admin, f'{d.name}.changelog') == 3
    assert daemon.stop() == 0
    wrong = d.start(route=d.sources, topics={'prefix': d.name, 'partitions': 4})
    wrong.await_log('topics.refused')
    assert wrong.process.wait(30) == 78


def test_source_goes_on_without_a_shard_at_its_end(deploy, model):
    """
    By the events' times. A shard that tells of an end holds its source back no more, which may bring the others past deadlines of leads that
    are in Redis only, although that shard tells no later time. It brings them there although each batch may load one lead for that.
    """
    d = deploy(model(SMALL), n_partitions=2, sources=('crm',), counts={'crm': 2})
    little_at_a_time = {'properties': {'session.timeout.ms': 6000, 'fetch.message.max.bytes': 500}}
    one_by_one = HISTORY | {'route': d.sources, 'topics': {'prefix': d.name, 'partitions': 2}, 'batch': {'max_events': 1, 'max_moments': 1},
                            'kafka': {'bootstrap_servers': live.BOOTSTRAP, 'group': d.name} | little_at_a_time}
    begun = int(time.time() * 1000) - 10 * DAY
    leads = [f'lead-{i}' for i in range(16)]
    daemon = d.start(**one_by_one)
    for i, lead in enumerate(leads):
        d.produce(load.Encoder()(event(lead, 'form', begun + i)), lead, partition=i % 2)
    d.await_quiet(len(leads))
    assert daemon.stop() == 0
    d.produce(load.Encoder()(event('farther', 'page_view', begun + DAY)), 'farther', partition=0)
    for _ in range(40):  # the end of these is told after that
        d.produce(load.Encoder()(event('nearer', 'page_view', begun)), 'nearer', partition=1)
    daemon = d.start(**one_by_one)
    d.await_quiet(len(leads) + 41)
    assert {(o['lead_id'], o['kind']) for o in d.outputs('sla')} == {(lead, 'breached') for lead in leads}
    assert daemon.stop() == 0


def test_what_cannot_be_sent_on_is_a_dead_letter(deploy, model):
    """It says where the record stands, also where that is not the shard's number."""
    d = deploy(model(SMALL), n_partitions=2, sources=('events', 'crm'), counts={'crm': 5})
    daemon = d.start(route=[d.sources[1]])
    encode = load.Encoder()
    ahead = event('lead-1', 'form', at=int(time.time() * 1000) + 3600000)
    d.produce(b'\x07', 'campaign', partition=4, source=1)
    d.produce(encode(ahead), None, partition=3, source=1)
    d.produce(encode(event('lead-1', 'lead_merged')), None, partition=3, source=1)  # into nobody
    d.produce(encode(event('lead-1', 'form')), 'campaign', partition=4, source=1)
    d.await_quiet(4)
    letters = {letter['reason']: (letter['topic'], letter['partition'], letter['offset']) for letter in d.outputs('dead-letters')}
    assert letters == {'bad_wire': (d.sources[1], 4, 0), 'future': (d.sources[1], 3, 0), 'bad_merge': (d.sources[1], 3, 1)}
    assert [o['lead_id'] for o in d.outputs('stages')] == ['lead-1']
    assert daemon.stop() == 0


def test_sources_that_do_not_pair_up_are_refused(deploy, model):
    d = deploy(model(SMALL), n_partitions=2, sources=('events', 'crm'), counts={'crm': 5})
    daemon = d.start()
    daemon.await_log('name one under `route`')
    assert daemon.process.wait(30) == 78
