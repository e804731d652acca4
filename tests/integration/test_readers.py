# SPDX-License-Identifier: Apache-2.0
"""The functions by which other programs read Redis, called as they do: by redis-py and by redis-cli, by a user who may only read."""
import json
import os
import random
import re
import socket
import subprocess
import threading
import time

import pytest
import redis

import live
import load
from live import event, wait_for

HOUR = 3600000
DAY = 24 * HOUR
BEGIN = 1767225600000  # 2026-01-01
PASSWORD = 'p4ss word'
# All decays, and all that a derived score can ask for.
MODEL = '''
model: readers
version: 3
params: { weight: 2, spare: 0.25 }
segments:
  - { id: large, when: 'profile.employees >= 100', params: { weight: 3 } }
  - { id: paid, when: 'first_source == "ads"', params: { weight: 0.5 } }
scores:
  interest: { decay: { half_life: 3d }, max: 90 }
  intent: { decay: { half_life: 12d } }
  breadth: { decay: { linear: 20d } }
  friction: { decay: { window: 10d }, min: -20 }
  fit: { decay: none }
derived:
  total: 'behaviour * weight + max(fit, -5)'
  behaviour: 'warmth + breadth'
  warmth: 'interest + intent'
  quick: 'interest * 2'
  net: 'behaviour + friction'
  odd: 'default(number(profile.bonus), spare) * (views + 1) / 3 + min(age(lifecycle) / 1d, 40) - default(since(lifecycle.mql), 0) / 10d'
  rare: 'default(left(lifecycle.mql) / 1h, 7) + entries(lifecycle.mql) - idle / 1d + number(last_source) + default(interest > 3, 1)'
counters: { views: { on: [page_view], window: 4d, keep: 20 } }
rules:
  - { id: view, on: [page_view], add: { interest: 7.3, breadth: 4.1 }, limit: { times: 5, per: 2d } }
  - { id: form, on: [form], add: { intent: 21.7, interest: 11 } }
  - { id: bounce, on: [bounced], add: { friction: -6.6 } }
idle_rules: [ { id: quiet, after: 9d, every: 9d, reset_on: [page_view], add: { friction: -1 } } ]
profile_rules: [ { id: big, when: 'profile.employees >= 100', add: { fit: 20.5 } } ]
tracks:
  lifecycle:
    initial: lead
    stages: [ { id: lead }, { id: mql, owner: sales }, { id: sal } ]
    transitions:
      - { id: ask, from: [lead], to: mql, on: [form] }
      - { id: accept, from: [mql], to: sal, on: [sales_accepted] }
      - { id: cool, from: [mql, sal], to: lead, when: 'interest < 5' }
calendars: { office: { zone: UTC, hours: { mon-fri: ["09:00-17:00"] } } }
sla:
  - { id: call, start: { on: [form] }, stop: { on: [sales_touch] }, target: 20d, warn: [50%], pause: { enter: [lifecycle.sal] } }
  - { id: accept, start: { enter: [lifecycle.mql] }, stop: { enter: [lifecycle.sal] }, calendar: office, target: 80h }
accounts:
  scores:
    heat: { from: interest, decay: { half_life: 5d }, per_lead_max: 40, max: 150 }
    reach: { from: intent, decay: { linear: 30d } }
    calm: { from: intent, decay: { window: 6d } }
  committee: { window: 8d, on: [page_view, form] }
'''
N_PARTITIONS = 3
N_EVENTS = 900


def random_log(seed):
    """Of 60 leads and 7 companies, over some weeks; some ids are merged, one is forgotten."""
    chance = random.Random(seed)
    at = BEGIN
    for _ in range(N_EVENTS):
        at += chance.randrange(HOUR * 2)
        lead = f'lead-{int(chance.triangular(0, 60, 3))}'
        fields = {'account_id': chance.choice([None, None, f'company-{chance.randrange(7)}']), 'source': chance.choice([None, 'ads', '12.5'])}
        kind = chance.choices(['page_view', 'form', 'bounced', 'sales_accepted', 'sales_touch'], [10, 3, 2, 2, 1])[0]
        if chance.random() < 0.1:
            kind, fields['properties'] = 'profile_updated', {'employees': chance.randrange(300), 'bonus': chance.choice(['17.25', 4, True, 'much', None])}
        yield live.event(lead, kind, at, **{k: v for k, v in fields.items() if k != 'properties'}, **fields.get('properties', {}))
    yield event('lead-58', 'lead_merged', at, into='lead-1')
    yield event('lead-59', 'page_view', at)
    yield event('lead-59', 'lead_forgotten', at)


@pytest.fixture(scope='module')
def loaded(request, servers, tmp_path_factory):
    """A view of that log; its daemon still runs."""
    folder = tmp_path_factory.mktemp('readers')
    path = str(folder / 'model.yaml')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(MODEL)
    d = live.Deployment(folder, path, N_PARTITIONS)
    request.addfinalizer(d.close)
    log = list(random_log(7))
    d.send(*log)
    d.start('a', watermark='data')
    d.await_quiet(len(log))
    d.await_all_told()
    d.last = max(item['occurred_at'] for item in log)
    d.call = lambda name, *args: d.redis.execute_command('FCALL_RO', f'{d.name}_{name}', *args)
    wait_for(lambda: has_all(d), 'Redis has all that is in the changelog')
    return d


def has_all(d):
    next_offsets = [int(d.redis.hget(f'{d.name}:{{{tag.decode()}}}:meta', 'next') or 0) for tag in d.call('tags', 0)]
    return all(not records or records[-1].offset < offset for records, offset in zip(d.records('changelog'), next_offsets))


def as_dict(reply):
    return {reply[i].decode(): reply[i + 1].decode() for i in range(0, len(reply), 2)}


def entity(d, kind, name, now):
    key = d.call('key', 0, kind, name)
    reply = d.call(kind, 1, key, now)
    return reply and as_dict(reply)


def instants(d, seed):
    chance = random.Random(seed)
    return [d.last, d.last + 1] + [d.last + chance.randrange(40 * DAY) for _ in range(4)]


def values_of(reply, prefix):
    return {name.removeprefix(prefix): float(value) for name, value in reply.items() if name.startswith(prefix)}


def explained(d, kind, name, now):
    status, out, err = d.explain(kind, name, '--json', '--at', load.instant(now))
    assert status == 0, err
    return json.loads(out)


@pytest.mark.parametrize('kind', ['lead', 'account'])
def test_values_are_those_of_the_daemon(loaded, kind):
    """Every score, derived score and committee of random leads and accounts at random instants."""
    d = loaded
    names = sorted(d.keys(f'{kind}:'))
    assert len(names) > (40 if kind == 'lead' else 5)
    n_derived = 0
    for i, name in enumerate(random.Random(1).sample(names, min(20, len(names)))):
        now = instants(d, i)[i % 6]
        found, wanted = entity(d, kind, name, now), explained(d, kind, name, now)
        if 'merged_into' in found:
            assert found == {'merged_into': 'lead-1'} and wanted['lead_id'] == 'lead-1'
            continue
        assert 'approximate' not in found
        assert load.millis(wanted['at']) == int(found['at'])
        assert values_of(found, 'score:') == pytest.approx({s['score']: s['value'] for s in wanted['scores']}, abs=1e-6)
        if kind == 'lead':
            derived = {name: value for name, value in wanted['derived'].items() if value is not None}
            assert values_of(found, 'derived:') == pytest.approx(derived, abs=1e-6)
            n_derived += len(derived)
            assert found['stage:lifecycle'] == wanted['tracks'][0]['stage']
        else:
            assert int(found['committee']) == wanted['committee'] and int(found['members']) == len(wanted['members'])
    assert kind == 'account' or n_derived > 70


def test_the_servers_time_is_now(loaded):
    d = loaded
    seconds, micros = d.redis.time()
    found = as_dict(d.call('lead', 1, d.call('key', 0, 'lead', 'lead-3')))
    assert 0 <= int(found['at']) - (seconds * 1000 + micros // 1000) < 60000
    assert found['score:breadth'] == '0' or int(found['at']) - d.last < 20 * DAY


def test_who_is_not_there_is_none(loaded):
    d = loaded
    assert entity(d, 'lead', 'nobody', BEGIN) is None
    assert entity(d, 'lead', 'lead-59', BEGIN) is None  # forgotten


def merged(d, name, board, n, now):
    """The best n of all shards, as a client puts them together."""
    found = []
    for tag in d.call('tags', 0):
        place, items, n_unread = d.call(name, 1, f'{d.name}:{{{tag.decode()}}}:{board}', n, now)
        assert (place, n_unread) == (0, 0)
        found += [(item[0].decode(), float(item[1])) for item in items]
    return sorted(found, key=lambda item: (-item[1], item[0]))[:n]


@pytest.mark.parametrize('n', [1, 4, 100])
@pytest.mark.parametrize('board', ['total', 'behaviour', 'warmth', 'quick'])
def test_the_best_leads_of_now_in_their_order(loaded, board, n):
    """Those of all leads, though the set that is gone along is in another order: half-lives differ, and others fade evenly."""
    d = loaded
    for now in instants(d, n):
        leads = {name: values_of(entity(d, 'lead', name, now), 'derived:').get(board, 0) for name in d.keys('lead:')}
        check_list(merged(d, 'leads', f'rank:{board}', n, now), leads, n)


def test_the_best_accounts_of_now_in_their_order(loaded):
    d = loaded
    for board in ('heat', 'reach', 'calm'):
        for now in instants(d, 1):
            accounts = {name: values_of(entity(d, 'account', name, now), 'score:')[board] for name in d.keys('account:')}
            check_list(merged(d, 'accounts', f'account-rank:{board}', 5, now), accounts, 5)


def check_list(found, values, n):
    wanted = sorted(((name, value) for name, value in values.items() if value >= 1), key=lambda item: (-item[1], item[0]))[:n]
    assert [value for _, value in found] == pytest.approx([value for _, value in wanted], abs=1e-6)
    assert [name for name, _ in found] == [name for name, _ in wanted]


def test_the_clocks_that_run_out_next(loaded):
    """Of all that are open, are not breached, and do not stand still."""
    d = loaded
    wanted = []
    for name, key in d.keys('lead:').items():
        for field, value in as_dict([item for pair in d.redis.hgetall(key).items() for item in pair]).items():
            started, due, *rest = value.split('/') if field.startswith('sla:') else ('', 'never')
            if due.isdigit() and rest[0] == '0':
                wanted.append((int(due), name, field.removeprefix('sla:'), int(started)))
    assert len(wanted) > 3
    for n in (1, 3, 100):
        found = []
        for tag in d.call('tags', 0):
            place, items, n_unread = d.call('clocks', 1, f'{d.name}:{{{tag.decode()}}}:moments', n)
            assert (place, n_unread) == (0, 0)
            found += [(int(due), lead.decode(), policy.decode(), int(started)) for lead, policy, due, started in items]
        assert sorted(found)[:n] == sorted(wanted)[:n]


def test_a_long_list_is_read_in_steps(loaded):
    """Who was worth much when something happened last stands high on a board on which not all fades, and is worth little now."""
    d = loaded
    now = d.last + 10 * DAY
    values = {name: values_of(entity(d, 'lead', name, now), 'derived:').get('behaviour', 0) for name in d.keys('lead:')}
    lead = max(values, key=values.get)
    assert values[lead] > 1
    record, board = d.redis.get(d.keys('record')[lead]), board_key(d, 'behaviour')
    base = board.removesuffix('rank:behaviour')
    copies = {f'copy-{i:04}': 50 + i for i in range(1201)}  # places that say much more than they are worth
    try:
        d.redis.mset({f'{base}record:{name}': record for name in copies})
        d.redis.zadd(board, copies)
        places, found = [0], []
        while not found or places[-1]:
            place, items, _ = d.call('leads', 1, board, 2, now, places[-1], found[-1][1] if len(found) == 2 else 1)
            found = sorted(found + [(name, float(value)) for name, value in items], key=lambda item: (-item[1], item[0]))[:2]
            places.append(place)
        assert places == [0, 500, 1000, 0]
        assert found == [(b'copy-0000', pytest.approx(values[lead])), (b'copy-0001', pytest.approx(values[lead]))]
    finally:
        d.redis.zrem(board, *copies)
        d.redis.delete(*[f'{base}record:{name}' for name in copies])


def test_a_key_is_where_the_daemon_has_it(loaded):
    d = loaded
    for i, name in enumerate(['a', 'ab', 'abc', 'abcd', 'lead-17', 'Ü' * 9, '00000000-0000-4000-8000-000000000001', 'x' * 128]):
        kind = ('lead', 'account')[i % 2]
        keys = d.explain(kind, name, '--key')[1]
        assert d.call('key', 0, kind, name).decode() in keys


def test_what_is_asked_wrongly_is_told(loaded):
    d = loaded
    key = d.call('key', 0, 'lead', 'lead-1')
    for args in (('lead', 1, 'nothing'), ('lead', 1, key, 'noon'), ('leads', 1, key), ('clocks', 1, key), ('key', 0, 'contact', 'x'),
                 ('leads', 1, board_key(d, 'total'), 0), ('leads', 1, board_key(d, 'total'), 101), ('leads', 1, board_key(d, 'total'), 1, 1, -1),
                 ('leads', 1, board_key(d, 'total'), 1, 1, 0, 'x'), ('clocks', 1, board_key(d, 'total').replace('rank:total', 'moments'), 1, 0.5)):
        with pytest.raises(redis.ResponseError, match='usage: FCALL_RO ' + d.name):
            d.call(*args)
    with pytest.raises(redis.ResponseError, match='the model readers has no board nothing'):
        d.call('leads', 1, board_key(d, 'nothing'))


def board_key(d, board):
    return re.sub(r'}:.*', '}:rank:' + board, d.call('key', 0, 'lead', 'lead-1').decode())


# ---- who may what ----

def acl_line(name):
    with open(os.path.join(live.ROOT, 'README.md'), encoding='utf-8') as file:
        return re.search(rf'^user {name} on >PASSWORD (.*)$', file.read(), re.MULTILINE)[1].split()


@pytest.fixture
def reader(loaded):
    """A connection of the user whom the README gives to readers."""
    d = loaded
    rules = [rule.replace('~scored:*', f'~{d.name}:*') for rule in acl_line('reader')]
    d.redis.execute_command('ACL', 'SETUSER', 'reader', 'reset', 'on', f'>{PASSWORD}', *rules)
    d.redis.execute_command('ACL', 'LOG', 'RESET')
    yield redis.Redis(unix_socket_path=live.REDIS, username='reader', password=PASSWORD)
    d.redis.execute_command('ACL', 'DELUSER', 'reader')


def test_a_user_who_may_only_read_can_call_all(loaded, reader):
    d = loaded
    key = d.call('key', 0, 'lead', 'lead-3')
    account = d.call('key', 0, 'account', 'company-2')
    heat = re.sub(rb'}:.*', b'}:account-rank:heat', account)
    calls = [('lead', 1, key), ('account', 1, account), ('leads', 1, board_key(d, 'total')), ('accounts', 1, heat),
             ('clocks', 1, re.sub(r'rank:.*', 'moments', board_key(d, 'total'))), ('key', 0, 'lead', 'x'), ('tags', 0), ('version', 0)]
    for name, *args in calls:
        assert reader.execute_command('FCALL_RO', f'{d.name}_{name}', *args)
    denied = d.redis.execute_command('ACL', 'LOG')  # redis-py tells newer servers its version, and does without
    assert {entry[b'object'] for entry in denied} <= {b'client|setinfo'}
    for command in (('SET', f'{d.name}:x', 'y'), ('HSET', key, 'stage:lifecycle', 'mql'), ('FUNCTION', 'LOAD', 'REPLACE', 'x'),
                    ('FCALL_RO', f'{d.name}_lead', 1, 'other:{0}:lead:x')):
        with pytest.raises(redis.exceptions.NoPermissionError):
            reader.execute_command(*command)


def test_the_examples_of_the_readme_work(loaded, reader):
    """Each of its calls by redis-cli, with this prefix and this shard."""
    d = loaded
    with open(os.path.join(live.ROOT, 'README.md'), encoding='utf-8') as file:
        examples = re.findall(r'^ +> (FCALL_RO scored_\w+ .*)$', file.read(), re.MULTILINE)
    assert len(examples) >= 6
    tag = re.search(rb'{(.*)}', d.call('key', 0, 'lead', 'lead-3'))[1].decode()
    for example in examples:
        line = re.sub(r'{\d+}', f'{{{tag}}}', example.replace('scored', d.name))
        done = subprocess.run(['redis-cli', '-s', live.REDIS, '--user', 'reader', '--pass', PASSWORD, '--no-auth-warning'], input=line + '\n',
                              stdout=subprocess.PIPE, check=True, text=True)
        assert done.stdout.strip() and 'ERR' not in done.stdout and 'NOPERM' not in done.stdout, (line, done.stdout)


def test_the_readmes_python_works(loaded, reader):
    d = loaded
    with open(os.path.join(live.ROOT, 'README.md'), encoding='utf-8') as file:
        source = re.search(r'^```python\n(def hottest.*?)^```', file.read(), re.MULTILINE | re.DOTALL)[1]
    names = {'time': time}
    exec(source, names)
    found = names['hottest'](reader, 'total', 7, d.name)
    assert len(found) == 7 and found == sorted(found, reverse=True)
    best = names['lead'](reader, found[0][1], d.name)
    assert float(best[b'derived:total']) == pytest.approx(found[0][0], rel=1e-3)  # a moment later
    assert names['lead'](reader, 'nobody', d.name) is None


# ---- several versions, and servers that forget ----

SMALL = """
model: small
version: {version}
scores: {{ interest: {{ decay: {{ half_life: 7d }} }}, effort: {{ decay: {{ linear: 10d }} }} }}
rules: [ {{ id: any, on: [page_view], add: {{ interest: 10, effort: 10 }} }} ]
tracks: {{ lifecycle: {{ initial: lead, stages: [ {{ id: lead }} ], transitions: [] }} }}
"""


def version_of(d):
    return [item.decode() for item in d.redis.execute_command('FCALL_RO', f'{d.name}_version', 0)]


def test_a_later_model_is_not_replaced_by_an_earlier_one(deploy, model):
    """As when one of two instances, which has not got the new model yet, connects anew. Whose record is of the other model is read by its fields."""
    d = deploy(model(SMALL.format(version=1)), 1)
    first = d.start('a')
    d.send(event('lead-1', 'page_view'))
    d.await_committed(1)
    wait_for(lambda: d.keys('lead:'), 'the lead is in Redis')
    assert version_of(d)[:3] == ['2', 'small', '1']
    assert first.stop() == 0
    record = d.redis.get(d.keys('record')['lead-1'])
    second = d.start('b', model=model(SMALL.format(version=2), 'second.yaml'))
    second.await_log('event=model.applied')
    assert version_of(d)[2] == '2'
    key = d.keys('lead:')['lead-1']

    def read():
        return as_dict(d.redis.execute_command('FCALL_RO', f'{d.name}_lead', 1, key))
    wait_for(lambda: 'approximate' not in read(), 'the record by the new model is in Redis')  # it comes there behind the commit
    exact = read()
    assert 'at:effort' not in exact
    d.start('a').await_log('event=pipeline.ready')
    assert version_of(d)[2] == '2'
    d.redis.set(d.keys('record')['lead-1'], record)
    fields = as_dict([item for pair in d.redis.hgetall(key).items() for item in pair])
    found = as_dict(d.redis.execute_command('FCALL_RO', f'{d.name}_lead', 1, key, int(fields['at:interest']) + 7 * DAY))
    assert 'version 2 of the model small' in found['approximate']
    assert float(found['score:interest']) == pytest.approx(5)
    assert found['score:effort'] == fields['score:effort'] and found['at:effort'] == fields['at:effort']
    board = key.replace(b'lead:lead-1', b'rank:interest')
    assert d.redis.execute_command('FCALL_RO', f'{d.name}_leads', 1, board) == [0, [], 1]


class Gate:
    """Stands before Redis, and holds up the first request that loads functions until it is opened."""

    def __init__(self, path):
        self.held, self.opened = threading.Event(), threading.Event()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = 'tcp:127.0.0.1:%d' % self.listener.getsockname()[1]
        self.path = path
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.path)
            threading.Thread(target=self.carry, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.carry, args=(server, client, False), daemon=True).start()

    def carry(self, source, target, is_request):
        try:
            while data := source.recv(65536):
                if is_request and b'\r\nFUNCTION\r\n' in data:
                    self.held.set()
                    self.opened.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            target.close()


def test_of_two_that_load_them_at_one_instant_the_later_model_stays(deploy, model):
    """The earlier one has looked, and found none, before the later one has loaded its own; and writes after it."""
    d = deploy(model(SMALL.format(version=1)), 1)
    gate = Gate(live.REDIS)
    first = d.start('a', redis={'address': gate.address, 'prefix': d.name})
    assert gate.held.wait(60)
    with pytest.raises(redis.ResponseError):
        version_of(d)
    second = d.start('b', model=model(SMALL.format(version=2), 'second.yaml'))
    second.await_log('event=pipeline.ready')
    assert version_of(d)[2] == '2'
    gate.opened.set()
    first.await_log('event=pipeline.ready')
    assert version_of(d)[2] == '2'
    assert 'no_readers' not in first.log() + second.log()
    gate.listener.close()


def test_a_server_that_has_lost_them_gets_them_again(own_redis, deploy, model, monkeypatch):
    monkeypatch.setattr(live, 'REDIS', live.server('redis', 'start', own_redis))
    d = deploy(model(SMALL.format(version=1)), 1)
    instance = d.start('a')
    d.send(event('lead-1', 'page_view'))
    d.await_committed(1)
    wait_for(lambda: d.keys('lead:'), 'the lead is in Redis')
    d.redis.flushall()
    assert version_of(d)[1] == 'small'  # these are no keys
    live.server('redis', 'stop', own_redis, '--kill')
    live.server('redis', 'start', own_redis)
    d.send(event('lead-1', 'page_view'))
    wait_for(lambda: d.keys('lead:'), 'the lead is in Redis again')
    assert version_of(d)[1] == 'small'
    assert 'no_readers' not in instance.log()


def test_prefixes_do_not_get_into_each_others_way(deploy, model):
    """Of two deployments on one Redis, one with a prefix of which no function can be named."""
    path = model(SMALL.format(version=1))
    deployments = [deploy(path, 1), deploy(path, 1)]
    odd = deployments[1].name + '.a-b:'
    deployments[0].start().await_log('event=pipeline.ready')
    deployments[1].start(redis={'address': f'unix:{live.REDIS}', 'prefix': odd}).await_log('event=pipeline.ready')
    names = [item[b'library_name'].decode() for item in deployments[0].redis.execute_command('FUNCTION', 'LIST')]
    assert deployments[0].name in names
    other = next(name for name in names if name.startswith(deployments[1].name))
    assert re.fullmatch(deployments[1].name + '_a_b__[0-9a-f]{8}', other)
    assert deployments[0].redis.execute_command('FCALL_RO', other + '_key', 0, 'lead', 'x').decode().startswith(odd + ':{')


def test_without_the_right_to_load_them_all_else_works(own_redis, deploy, model, monkeypatch):
    monkeypatch.setattr(live, 'REDIS', live.server('redis', 'start', own_redis))
    d = deploy(model(SMALL.format(version=1)), 1)
    d.redis.execute_command('ACL', 'SETUSER', 'default', '-function|load')
    d.send(event('lead-1', 'page_view'))
    instance = d.start('a')
    instance.await_log('event=redis.no_readers')
    wait_for(lambda: d.keys('lead:'), 'the lead is in Redis')
    assert 'NOPERM' in instance.log()
