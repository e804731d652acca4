# SPDX-License-Identifier: Apache-2.0
"""Through kills and moves, everything that crosses partitions comes to what a replay of the same records comes to."""
import json
import os
import random
from collections import Counter

import pytest

import batches
import live
import load
from live import event, wait_for

MODEL = '''
model: tangled
version: 1
lateness: 5m
scores:
  interest: { decay: { half_life: 1d }, min: 0, max: 60 }
  touches: { decay: none }
  fit: { decay: none }
rules:
  - { id: each, on: [page_view, demo_requested, sales_touch], add: { touches: 1 } }
  - { id: view, on: [page_view], add: { interest: 10 }, limit: { times: 3, per: 6h } }
  - { id: demo, on: [demo_requested], add: { interest: 30 } }
idle_rules:
  - { id: quiet, after: 2d, every: 2d, reset_on: [page_view, demo_requested], add: { interest: -5 } }
profile_rules: [ { id: big, when: 'profile.employees >= 100', add: { fit: 20 } } ]
counters: { views: { on: [page_view], window: 1d } }
tracks:
  lifecycle:
    initial: lead
    stages: [{ id: lead }, { id: mql }, { id: sal }, { id: closed, terminal: true }]
    transitions:
      - { id: qualify, from: [lead], to: mql, when: 'interest + fit >= 45' }
      - { id: cool, from: [mql], to: lead, when: 'interest < 10', cooldown: 12h }
      - { id: accept, from: [mql], to: sal, on: [sales_touch], require: 'views >= 1' }
      - { id: late, from: [mql], to: closed, on_sla: [accept.escalated] }
sla:
  - { id: accept, start: { enter: [lifecycle.mql] }, stop: { enter: [lifecycle.sal] }, target: 4h, warn: [50%], escalate: [1d] }
  - { id: answer, start: { on: [demo_requested] }, stop: { on: [sales_touch] }, target: 2h }
carry: { profile: [employees], event: [page] }
accounts:
  scores: { heat: { from: interest, decay: { half_life: 2d }, per_lead_max: 40, max: 200 } }
  committee: { window: 6h, on: [page_view, demo_requested] }
  tracks:
    buying:
      initial: quiet
      stages: [{ id: quiet }, { id: in_market }]
      transitions:
        - { id: wake, from: [quiet], to: in_market, when: 'committee >= 3 and heat >= 60' }
        - { id: rest, from: [in_market], to: quiet, when: 'committee < 2' }
'''
SETTINGS = {'watermark': 'data', 'batch': {'max_events': 50}}  # many batches, so that a kill falls amid them
BEGIN = 1767225600000  # 2026-01-01
HOUR = 3600000
N_EVENTS = 4000
N_FAMILIES = 40
N_PARTITIONS = 6
FULL = bool(os.environ.get('SCORED_TEST_FULL'))


def family_of(lead_id):
    return int(lead_id.split('-')[1])


def tangled_event(chance, i, at, members, sent):
    """One of a family's events; `members` are the ids that it has had so far."""
    name, number = chance.choice(members), family_of(members[0])
    draw = chance.random()
    if draw < 0.06:
        if chance.random() < 0.3:
            members.append(f'family-{number}-{len(members)}')
        return event(name, 'lead_merged', at, event_id=f'e{i}', into=chance.choice(members))
    if draw < 0.09 and number % 4 == 0:
        return event(name, 'lead_forgotten', at, event_id=f'e{i}')
    if draw < 0.12 and number % 4 == 1 and sent:
        return sent[-1 - chance.randrange(min(len(sent), 3))]  # told again
    if draw < 0.16:
        return event(name, 'profile_updated', at, event_id=f'e{i}', employees=chance.randrange(200))
    kind = chance.choices(['page_view', 'demo_requested', 'sales_touch'], [6, 2, 2])[0]
    account = chance.choice([None, None, f'company-{chance.randrange(8)}'])
    return event(name, kind, at, event_id=f'e{i}', account_id=account, page=f'/{i}')


def tangled_log(seed):
    """Events of families whose members turn out to be one another, in chains and in circles, some are forgotten, some late."""
    chance = random.Random(seed)
    families = [[f'family-{k}-{i}' for i in range(3)] for k in range(N_FAMILIES)]
    sent = [[] for _ in families]
    at = BEGIN
    for i in range(N_EVENTS):
        at += chance.randrange(HOUR // 10)
        k = chance.randrange(N_FAMILIES)
        when = at - chance.choice([chance.randrange(HOUR * 8), 0, 0, 0, 0, 0, 0, 0])
        sent[k].append(tangled_event(chance, i, when, families[k], sent[k]))
        yield sent[k][-1]


def by_kind_and_key(outputs):
    """As a reader sees them: in order for each topic and key."""
    orders = {}
    for output in outputs:
        orders.setdefault((output['output'], output['lead_id'] or output['account_id']), []).append(output)
    return orders


def check_outputs(deployment, expected):
    found = by_kind_and_key(output | {'output': live.OUTPUTS[kind]} for kind in ('stages', 'sla', 'refused', 'retired')
                            for output in deployment.outputs(kind))
    wanted = by_kind_and_key(expected)
    assert found.keys() == wanted.keys()
    for key, outputs in found.items():
        if key[0] == 'LeadRetired':  # told by the shards of those that it became, one after another
            outputs.sort(key=lambda output: output['event_id'])
            wanted[key].sort(key=lambda output: output['event_id'])
        assert outputs == wanted[key], key


def check_messages(deployment, expected):
    """But for how far a shard is, which goes by the clock."""
    found = Counter((record.key.decode(), record.value) for records in deployment.records('internal') for record in records
                    if record.key is not None)
    assert found == expected


def check_records(deployment, expected):
    """The changelog's latest ones, and those in Redis."""
    latest = {record.key.decode(): record.value for records in deployment.records('changelog') for record in records}
    kept = {key: value for key, value in latest.items() if key.startswith(('lead:', 'account:')) and value is not None}
    assert kept == expected

    def in_redis():
        found = {}
        for prefix, kind in (('lead:', 'record'), ('account:', 'account-record')):
            keys = deployment.keys(kind)
            found |= {prefix + name: value for name, value in zip(keys, deployment.redis.mget(keys.values()))}
        return found
    wait_for(lambda: in_redis().keys() == expected.keys(), 'Redis has all leads and accounts')
    wait_for(lambda: in_redis() == expected, 'they are in Redis as they are in the changelog')


def check_families(deployment, log):
    """Whatever the order in which merges came: no event of a family counts twice, none is lost."""
    wanted = Counter(family_of(item['lead_id']) for item in log if item['type'] in ('page_view', 'demo_requested', 'sales_touch'))
    found = Counter()
    for lead in deployment.dump_view(lambda _: 0).values():
        found[family_of(lead['lead_id'])] += round(lead['scores']['touches'])
    for number in range(N_FAMILIES):
        if number % 4 >= 2:  # nobody is forgotten, nothing is told again
            assert found[number] == wanted[number], number


@pytest.mark.parametrize('seed', range(1, 6) if FULL else [1])
def test_what_crosses_partitions_is_as_replayed_through_kills(deploy, model, in_background, seed):
    """One of two instances is killed, Redis is emptied, a third one comes, the other one is killed, both come back: all while events arrive."""
    d = deploy(model(MODEL), n_partitions=N_PARTITIONS)
    log = list(tangled_log(seed))
    lines = [json.dumps(item).encode() for item in log]
    settings = SETTINGS | {'kafka': {'bootstrap_servers': live.BOOTSTRAP, 'group': d.name,
                                     'properties': {'session.timeout.ms': 3000}}}
    first, second = d.start('a', **settings), d.start('b', **settings)
    for instance in (first, second):
        instance.await_log('event=shard.taken ')
    loading = in_background(load.load, live.BOOTSTRAP, d.sources[0], N_PARTITIONS, lines, N_EVENTS / 10)
    wait_for(lambda: d.committed() > N_EVENTS // 5, 'a part of the log')
    second.kill()
    d.redis.flushall()
    third = d.start('c', **settings)
    third.await_log('event=shard.taken ')
    wait_for(lambda: d.committed() > N_EVENTS // 2, 'half of the log')
    first.kill()
    first, second = d.start('a', **settings), d.start('b', **settings)
    loading.result()
    d.await_quiet(N_EVENTS)
    assert [instance.stop() for instance in (first, second, third)] == [0, 0, 0]
    expected = batches.replay_shards(d)
    assert len(expected.outputs) > 500
    check_messages(d, expected.messages)
    check_outputs(d, expected.outputs)
    d.start('d', **settings)  # brings the view up to what was committed last
    check_records(d, expected.records)
    check_families(d, log)
