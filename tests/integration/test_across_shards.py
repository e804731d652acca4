# SPDX-License-Identifier: Apache-2.0
"""What crosses partitions: accounts, merged leads, events of their former ids."""
import json
import random
import uuid

import batches
import live
import load
from live import event, wait_for

MODEL = '''
model: across
version: 1
scores:
  interest: { decay: { half_life: 1d }, min: 0, max: 60 }
rules:
  - { id: view, on: [page_view], add: { interest: 10 } }
  - { id: demo, on: [demo_requested], add: { interest: 30 } }
tracks:
  lifecycle:
    initial: lead
    stages: [{ id: lead }, { id: mql }, { id: sal }]
    transitions:
      - { id: qualify, from: [lead], to: mql, when: 'interest >= 30' }
      - { id: accept, from: [mql], to: sal, on: [sales_accepted] }
sla:
  - { id: accept, start: { enter: [lifecycle.mql] }, stop: { enter: [lifecycle.sal] }, target: 1h }
carry: { profile: [crm_id], event: [page] }
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
HISTORY = {'watermark': 'data'}
BEGIN = 1767225600000  # 2026-01-01
HOUR = 3600000


def company_log(n, seed):
    """Events of leads who belong to companies and change them."""
    chance = random.Random(seed)
    at = BEGIN
    for i in range(n):
        at += chance.randrange(HOUR // 8)
        kind = chance.choices(['page_view', 'demo_requested', 'sales_accepted'], [8, 1, 1])[0]
        account = chance.choices([None, f'company-{chance.randrange(6)}'], [3, 2])[0]
        yield event(f'lead-{chance.randrange(60)}', kind, at, event_id=f'e{i}', account_id=account, page=f'/{i}')


def accounts_told(deployment):
    """Stage changes of accounts as told live, in order by account."""
    told = {}
    for output in deployment.outputs('stages'):
        if output['entity'] == 'account':
            told.setdefault(output['account_id'], []).append(output)
    return told


def test_accounts_are_what_their_internal_topic_says(deploy, model):
    """Two instances, one killed, Redis emptied, shards that move: as a replay of what the shards have read."""
    d = deploy(model(MODEL), n_partitions=4)
    log = list(company_log(3000, seed=11))
    first, second = d.start('a', **HISTORY), d.start('b', **HISTORY)
    first.await_log('shards.assigned')
    d.send(*log[:1500])
    wait_for(lambda: d.committed() > 700, 'a part of the log')
    second.kill()
    d.redis.flushall()
    d.send(*log[1500:])
    second = d.start('b', **HISTORY)
    d.await_quiet(len(log))
    assert first.stop() == 0 and second.stop() == 0
    expected = batches.replay_shards(d)
    told = accounts_told(d)
    assert sum(map(len, told.values())) > 10
    wanted = {}
    for output in expected.outputs:
        if output.pop('output') == 'StageChanged' and output['entity'] == 'account':
            wanted.setdefault(output['account_id'], []).append(output)
    assert told.keys() == wanted.keys()
    for account_id, outputs in told.items():
        assert outputs == wanted[account_id], account_id
    records = {key.removeprefix('account:'): record for key, record in expected.records.items() if key.startswith('account:')}
    third = d.start('c', **HISTORY)  # brings the view up to what was committed last

    def in_view():
        keys = d.keys('account-record')
        return dict(zip(keys, d.redis.mget(keys.values()))) if keys else {}
    wait_for(lambda: in_view() == records, 'the view has all accounts as they are')
    assert third.stop() == 0


def phases(deployment, folder):
    """Sends events phase by phase, each settled before the next, and gathers them in the order in which they happen."""
    sent = []

    def send(*events):
        sent.extend(events)
        deployment.send(*events)
        deployment.await_quiet(len(sent))
    return sent, send


def merge(lead_id, into, at):
    return event(lead_id, 'lead_merged', at, event_id=str(uuid.uuid4()), into=into)


def replayed(deployment, sent, folder):
    """The same in one place: what a replay tells, by (kind, key)."""
    path = str(folder / 'sent.jsonl')
    with open(path, 'w', encoding='utf-8') as file:
        for item in sent:
            file.write(json.dumps(item) + '\n')
    orders = {}
    dump = str(folder / 'leads.jsonl')
    for output in live.replay(deployment.model, path, dump=dump):
        kind = output.pop('output')
        orders.setdefault((kind, output['lead_id'] or output['account_id']), []).append(output)
    return orders, {line['lead_id']: line for line in live.read_json_lines(dump)}


def told(deployment):
    names = {kind: name for name, kind in {name: kind for kind, name in live.OUTPUTS.items()}.items()}
    orders = {}
    for kind in ('stages', 'sla', 'refused', 'retired'):
        for output in deployment.outputs(kind):
            orders.setdefault((names[kind], output['lead_id'] or output['account_id']), []).append(output)
    return orders


def test_merged_leads_across_partitions_as_in_one_place(deploy, model, tmp_path):
    """Chains, former ids, companies shared or not, forgotten by a former id: told as a replay of all in one shard tells it."""
    d = deploy(model(MODEL), n_partitions=8)
    instances = [d.start('a', **HISTORY), d.start('b', **HISTORY)]
    instances[0].await_log('shards.assigned')
    sent, send = phases(d, tmp_path)
    chance = random.Random(5)
    names = [f'person-{i}' for i in range(24)]
    for i, name in enumerate(names):
        send(*[event(name, 'page_view', BEGIN + i * 60000 + k * 1000, event_id=f'{name}-{k}', page=f'/{k}',
                     account_id=chance.choice([None, 'acme', 'globex'])) for k in range(1 + i % 4)])
    at = BEGIN + HOUR
    for i in range(0, 18, 3):  # chains of three
        send(merge(names[i], names[i + 1], at))
        send(merge(names[i + 1], names[i + 2], at + 1000))
        send(event(names[i], 'page_view', at + 2000, event_id=f'late-{i}'))  # to the first of the chain
        at += 10000
    send(merge(names[18], names[18], at))      # into itself
    send(merge(names[0], names[2], at + 1))    # into what it is already
    send(merge(names[19], 'somebody-new', at + 2))
    send(event(names[19], 'demo_requested', at + 3, event_id='demo'))
    send(event(names[3], 'lead_forgotten', at + 4, event_id='forget'))  # by its first id: the whole chain
    send(event(names[3], 'page_view', at + 5, event_id='anew'))
    send(event(names[5], 'page_view', at + 6, event_id='anew too'))
    for instance in instances:
        assert instance.stop() == 0
    expected, leads = replayed(d, sent, tmp_path)
    live_orders = told(d)
    # accounts hear of different leads in the internal topic's order: compared by the test above
    expected = {key: value for key, value in expected.items() if value[0].get('entity') != 'account'}
    live_orders = {key: value for key, value in live_orders.items() if value[0].get('entity') != 'account'}
    assert live_orders.keys() == expected.keys()
    for key, outputs in live_orders.items():
        assert outputs == expected[key], key
    d.start('c', **HISTORY)
    as_of = lambda lead: load.millis(leads[lead]['at']) if lead in leads else 0  # noqa: E731
    wait_for(lambda: d.dump_view(as_of).keys() == leads.keys(), 'the view has the leads of the replay')
    for lead_id, line in d.dump_view(as_of).items():
        assert line == leads[lead_id]


def test_nothing_is_left_of_a_forgotten_lead(deploy, model):
    """No byte of its ids in Redis, nor after a rebuild from the changelog; its account goes on without it."""
    d = deploy(model(MODEL), n_partitions=4)
    instance = d.start('a', **HISTORY)
    d.send(event('erased-one', 'page_view', BEGIN, event_id='a', account_id='acme', page='/'),
           event('erased-two', 'demo_requested', BEGIN + 1, event_id='b', account_id='acme'),
           event('stays', 'page_view', BEGIN + 2, event_id='c', account_id='acme'),
           merge('erased-one', 'erased-two', BEGIN + 3))
    d.await_quiet(4)
    d.send(event('erased-two', 'lead_forgotten', BEGIN + 4, event_id='f'))
    d.await_quiet(5)

    def bytes_left():
        found = b''
        for key in d.redis.scan_iter(f'{d.name}:*', count=1000):
            found += key + b'\n' + (d.redis.dump(key) or b'')
            if d.redis.type(key) == b'zset':
                found += b' '.join(d.redis.zrange(key, 0, -1))
            elif d.redis.type(key) == b'hash':
                found += b' '.join(part for item in d.redis.hgetall(key).items() for part in item)
        return found

    wait_for(lambda: b'stays' in bytes_left(), 'the view has what stays')
    assert b'erased' not in bytes_left()
    d.redis.flushall()
    assert instance.stop() == 0
    d.start('a', **HISTORY)
    wait_for(lambda: b'stays' in bytes_left(), 'the view is rebuilt')
    assert b'erased' not in bytes_left()
    account = d.dump_view(lambda _: 0, 'account')['acme']
    assert account['members'] == 1
    [retired_first, retired_second] = d.outputs('retired')
    assert {retired_first['cause'], retired_second['cause']} == {'merged', 'forgotten'}


def test_account_and_merged_lead_say_why_they_are_where_they_are(deploy, model):
    """Members of all shards are seen in the account's, and a merged lead leads to the one that is left."""
    d = deploy(model(MODEL), n_partitions=4)
    daemon = d.start(**HISTORY)
    leads = [f'lead-{i}' for i in range(6)]
    d.send(*[event(lead, 'demo_requested', BEGIN + i * 1000, account_id='acme') for i, lead in enumerate(leads)],
           event('lead-0', 'lead_merged', BEGIN + 60000, into='lead-5'))
    d.await_quiet(7)
    wait_for(lambda: b'in_market' in d.redis.hgetall(d.keys('account')['acme']).values(), 'acme is in the market')

    def explained():
        status, out, err = d.explain('account', 'acme', '--json', '--history', **HISTORY)
        assert (status, err) == (0, '')
        lines = [json.loads(line) for line in out.splitlines()]
        return lines if len(lines[0]['members']) == 5 and len(lines) > 1 else None
    account, *history = wait_for(explained, 'the merged lead is a member no more')
    assert {member['lead_id'] for member in account['members']} == set(leads[1:])
    assert all(member['in_committee'] for member in account['members'])
    brought = sum(member['brings']['heat'] for member in account['members'])
    assert abs(brought + account['scores'][0]['rest'] - account['scores'][0]['value']) < 1e-6
    assert account['tracks'][0]['stage'] == 'in_market' and account['tracks'][0]['next_transition'] == 'rest'
    assert [(o['entity'], o['account_id'], o['to']) for o in history] == [('account', 'acme', 'in_market')]
    record, fields, _ = d.explain('account', 'acme', '--key', **HISTORY)[1].split()
    assert record.encode() == d.keys('account-record')['acme'] and fields.encode() == d.keys('account')['acme']
    # a lead that is no more
    status, out, _ = d.explain('lead', 'lead-0', '--json', **HISTORY)
    lead = json.loads(out)
    assert status == 0 and lead['asked_id'] == 'lead-0' and lead['lead_id'] == 'lead-5' and lead['merged_ids'] == ['lead-0']
    assert d.explain('account', 'nobody', **HISTORY)[0] == 1
    assert daemon.stop() == 0


def test_retired_leads_leave_nothing_on_compacted_topics(deploy, model):
    """After LeadRetired a null under the lead's key, where the latest record of each key is kept."""
    d = deploy(model(MODEL), n_partitions=2)
    stages = f'{d.name}.stages'
    d.create_topics({stages: 2}, **{'cleanup.policy': 'compact'})
    instance = d.start('a', **HISTORY)
    d.send(*[event(name, 'demo_requested', BEGIN, event_id=f'{name}-demo') for name in ('merged', 'forgotten', 'stays')])
    d.await_quiet(3)
    d.send(merge('merged', 'stays', BEGIN + 1), event('forgotten', 'lead_forgotten', BEGIN + 1, event_id='forget'))
    d.await_quiet(5)
    latest = {message.key().decode(): message.value() for message in d.messages(stages)}
    assert latest['merged'] is None and latest['forgotten'] is None and latest['stays'] is not None
    assert all(message.value() is not None for message in d.messages(f'{d.name}.sla'))
    assert {o['lead_id'] for o in d.outputs('retired')} == {'merged', 'forgotten'}
    assert instance.stop() == 0
