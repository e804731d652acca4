# SPDX-License-Identifier: Apache-2.0
"""Metrics and health, asked as Prometheus and a supervisor ask."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

import live
import load
from asking import ask, connection
from live import event, server, wait_for

PROMTOOL = shutil.which('promtool')
OPENMETRICS = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
SAMPLE = re.compile(r'([a-z0-9_]+)(?:{(.*)})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')

MODEL = '''
model: funnel
version: 7
ignore: [ { id: bots, when: 'event.is_bot == true' } ]
scores: { interest: { decay: { half_life: 7d } } }
rules: [ { id: any, on: [page_view, form], add: { interest: 10 } } ]
tracks:
  lifecycle:
    initial: lead
    stages: [ { id: lead }, { id: mql, owner: sales }, { id: sal } ]
    transitions:
      - { id: ask, from: [lead], to: mql, on: [form] }
      - { id: accept, from: [mql], to: sal, on: [sales_accepted], require: 'present(event.rep)' }
      - { id: recycle, from: [mql, sal], to: lead, on: [sales_recycled] }
sla: [ { id: call, start: { on: [form] }, stop: { on: [sales_touch] }, target: 60s } ]
'''


def reasons(address, path):
    """Of a health check, by code; None if nobody listens. The status says the same."""
    answer = ask(address, path)
    if answer is None:
        return None
    body = json.loads(answer.text)
    assert (answer.status, body['status']) == ((503, 'failed') if body['reasons'] else (200, 'ok'))
    assert all(reason['text'] for reason in body['reasons'])
    return [reason['code'] for reason in body['reasons']]


def await_reasons(address, path, *expected):
    wait_for(lambda: reasons(address, path) == list(expected), f'{path} says {expected}')


def samples(text):
    """Of a text in either format: name -> {labels as a frozenset of pairs: value}."""
    found = {}
    for line in text.splitlines():
        if line.startswith('#'):
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        series = found.setdefault(name, {})
        key = frozenset(LABEL.findall(labels or ''))
        assert key not in series, line
        series[key] = float(value)
    return found


class Figures:
    """What /metrics says."""

    def __init__(self, address):
        self.samples = samples(ask(address, '/metrics').text)

    def get(self, name, **labels):
        return self.samples.get(f'scored_{name}', {}).get(frozenset(labels.items()))

    def all(self, name, *labels):
        """By the values of the labels; without those that are 0."""
        return {tuple(dict(key)[label] for label in labels): value
                for key, value in self.samples.get(f'scored_{name}', {}).items() if value}


def await_figure(address, name, value, **labels):
    wait_for(lambda: Figures(address).get(name, **labels) == value, f'{name}{labels} is {value}')


def promtool_check(text):
    """What promtool says of the text."""
    if not PROMTOOL:
        pytest.skip('no promtool')
    done = subprocess.run([PROMTOOL, 'check', 'metrics'], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True)
    return done.returncode, done.stdout


@pytest.fixture
def address(tmp_path_factory):
    """Of a Unix socket, whose path has to be short."""
    return f'unix:{tmp_path_factory.mktemp("h")}/s'


def test_figures_are_those_of_the_log(deploy, model, address):
    """Every event, stage, clock and dead letter of a log that is known, once; and both formats are as their readers want them."""
    d = deploy(model(MODEL), n_partitions=2)
    daemon = d.start(http={'listen': address, 'max_sources': 2})
    await_reasons(address, '/readyz')
    before = Figures(address)
    assert before.all('events_total', 'outcome') == {} and before.get('events_total', outcome='applied') == 0
    assert before.get('sla_events_total', policy='call', kind='breached') == 0
    assert before.get('transitions_total', entity='lead', track='lifecycle', **{'from': 'mql', 'to': 'sal'}) == 0

    at = int(time.time() * 1000) - 3600000
    encode = load.Encoder()
    twice = event('lead-1', 'form', at=at, source='ads')
    d.send(
        twice, twice,
        event('lead-1', 'sales_touch', at=at + 30000),
        event('lead-1', 'sales_accepted', at=at + 40000, rep='ann'),
        event('lead-1', 'sales_recycled', at=at + 50000),
        event('lead-2', 'form', at=at, source='partner'),
        event('lead-2', 'sales_touch', at=at + 90000),
        event('lead-2', 'sales_accepted', at=at + 95000),
        event('lead-3', 'form', at=at, source='a "third"\n'),
        event('lead-3', 'sales_touch', at=at + 45000),
        event('lead-3', 'sales_rejected', at=at + 46000),
        event('lead-4', 'form', at=at),
        event('lead-4', 'page_view', at=at + 1, is_bot=True),
        event('lead-4', 'form', at=int(time.time() * 1000) + 3600000),
        event('lead-5', 'sales_made_up', at=at, source='ads'))
    d.produce(b'\x07' + encode(event('lead-6', 'form'))[1:], 'lead-6')
    d.await_committed(16)
    await_figure(address, 'sla_events_total', 2, policy='call', kind='breached')  # of lead-4 by time alone
    wait_for(lambda: sum(Figures(address).all('events_total', 'outcome').values()) == 16, 'all are counted')
    wait_for(lambda: not Figures(address).all('view_pending_batches', 'shard'), 'Redis has all')
    f = Figures(address)
    assert f.all('events_total', 'outcome') == {('applied',): 12, ('duplicate',): 1, ('ignored',): 1, ('rejected',): 2}
    assert f.all('sales_events_total', 'type') == {
        ('sales_touch',): 3, ('sales_accepted',): 2, ('sales_rejected',): 1, ('sales_recycled',): 1}
    assert f.all('dead_letters_total', 'reason') == {('future',): 1, ('bad_wire',): 1}
    assert f.all('transitions_total', 'entity', 'track', 'from', 'to') == {
        ('lead', 'lifecycle', 'lead', 'mql'): 4, ('lead', 'lifecycle', 'mql', 'sal'): 1, ('lead', 'lifecycle', 'sal', 'lead'): 1}
    entries = f.all('stage_entries_total', 'track', 'stage', 'source')
    # whichever shard is first: two of the three sources have a name of their own
    named = {source for _, _, source in entries} - {'other', 'none'}
    assert len(named) == 2 and named < {'ads', 'partner', r'a \"third\"\n'}
    assert sum(value for (_, stage, _), value in entries.items() if stage == 'mql') == 4
    assert entries['lifecycle', 'mql', 'other'] == entries['lifecycle', 'mql', 'none'] == 1
    assert f.all('recycles_total', 'track', 'from') == {('lifecycle', 'sal'): 1}
    assert f.all('refusals_total', 'track', 'transition') == {('lifecycle', 'accept'): 1}
    assert f.all('sla_events_total', 'policy', 'kind') == {('call', 'met'): 2, ('call', 'late'): 1, ('call', 'breached'): 2}
    assert f.all('sla_elapsed_seconds_sum', 'kind') == {('met',): 75, ('late',): 90}
    assert f.get('sla_elapsed_seconds_bucket', policy='call', kind='met', le='30.0') == 1
    assert f.get('sla_elapsed_seconds_bucket', policy='call', kind='met', le='60.0') == 2
    assert f.all('outputs_total', 'type') == {('StageChanged',): 6, ('SlaEvent',): 5, ('Refused',): 1, ('DeadLetter',): 2}
    assert f.get('event_latency_seconds_count') == f.get('batch_events_sum') == 16
    assert f.get('batch_duration_seconds_count') == f.get('commit_duration_seconds_count') == f.get('batch_events_count') > 0
    assert f.get('view_delay_seconds_count') >= f.get('redis_duration_seconds_count', operation='apply') > 0  # batches may go together
    assert f.all('source_lag_records', 'shard') == f.all('view_pending_batches', 'shard') == {}
    assert f.get('partitions') == f.get('shards_owned') == 2 and f.get('shards_halted') == 0
    assert f.get('cache_entries', kind='lead') == 5 and f.get('cache_bytes', kind='lead') > 0
    assert f.get('moments_overdue', shard='0') == f.get('moments_overdue', shard='1') == 0
    assert f.get('ready') == f.get('redis_up') == 1
    assert f.get('model_info', model='funnel', version='7') == 1
    assert f.get('transactions_failed_total') == f.get('restarts_total') == f.get('series_left_out_total') == 0

    def statistics():
        return Figures(address).get('kafka_brokers_up', client='consumer') and Figures(address).get('kafka_brokers_up', client='producer')
    wait_for(statistics, 'statistics of librdkafka')
    f = Figures(address)
    assert f.get('kafka_group_joined') == 1 and {client for client, _ in f.all('kafka_transaction_state', 'client', 'state')} <= {'producer', 'producer-2'}
    assert f.get('kafka_rtt_p99_seconds', client='producer', broker='1') is not None or f.all('kafka_rtt_p99_seconds', 'broker')
    for name in ('cpu_seconds_total', 'resident_memory_bytes', 'open_fds', 'max_fds', 'threads'):
        assert f.get(f'process_{name}') > 0, name
    assert abs(f.get('process_start_time_seconds') - time.time()) < 3600

    plain, opened = ask(address, '/metrics'), ask(address, '/metrics', Accept=OPENMETRICS)
    assert plain.getheader('Content-Type').startswith('text/plain; version=0.0.4')
    assert opened.getheader('Content-Type').startswith('application/openmetrics-text; version=1.0.0')
    assert opened.text.endswith('\n# EOF\n') and '# EOF' not in plain.text
    assert samples(plain.text).keys() == samples(opened.text).keys()
    assert promtool_check(plain.text) == (0, '')
    assert daemon.stop() == 0
    assert ask(address, '/livez') is None and not os.path.exists(address.removeprefix('unix:'))


def test_leads_in_memory_are_hits(deploy, model, address):
    """Also in batches that are so small that Redis is asked for all partitions at once."""
    d = deploy(model(MODEL), n_partitions=2)
    d.start(http={'listen': address})
    await_reasons(address, '/readyz')
    leads = [f'lead-{i}' for i in range(8)]
    d.send(*(event(lead, 'form') for lead in leads))
    await_figure(address, 'events_total', 8, outcome='applied')
    wait_for(lambda: not Figures(address).all('view_pending_batches', 'shard'), 'Redis has all')
    before = Figures(address)
    d.send(*(event(lead, 'page_view') for lead in leads))
    await_figure(address, 'events_total', 16, outcome='applied')
    after = Figures(address)
    hits, misses = (after.get('cache_requests_total', kind='lead', result=result) - before.get('cache_requests_total', kind='lead', result=result)
                    for result in ('hit', 'miss'))
    assert (hits, misses) == (8, 0)


def test_only_reads_are_answered(deploy, model, address):
    """Other methods and paths are refused, and a body does no harm."""
    d = deploy(model(MODEL), n_partitions=1)
    d.start(http={'listen': address})
    await_reasons(address, '/livez')
    assert ask(address, '/metrics', 'HEAD').text == ''
    assert ask(address, '/metrics?x=1').status == 200
    assert ask(address, '/').status == ask(address, '/metrics/../etc/passwd').status == 404
    for method in ('POST', 'PUT', 'DELETE', 'OPTIONS'):
        refused = ask(address, '/metrics', method)
        assert (refused.status, refused.getheader('Allow')) == (405, 'GET, HEAD')
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(address.removeprefix('unix:'))
        raw.sendall(b'GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n' + b'x' * 100000)
        assert raw.recv(100).startswith(b'HTTP/1.1 200 ')
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(address.removeprefix('unix:'))
        raw.sendall(b'GET /' + b'x' * 100000)
        assert re.match(rb'HTTP/1\.1 4\d\d |$', raw.recv(100))
    await_reasons(address, '/livez')


def test_readiness_follows_redis(deploy, model, own_redis, address):
    """Not ready while Redis is away, and why; ready again when it is back. Alive all the time."""
    d = deploy(model(MODEL), n_partitions=2)
    path = server('redis', 'start', own_redis)
    d.start(http={'listen': address}, redis={'address': f'unix:{path}', 'prefix': d.name}, view={'max_pending': 1})
    await_reasons(address, '/readyz')
    server('redis', 'stop', own_redis, '--kill')
    d.send(event('lead-1', 'form'))
    wait_for(lambda: 'redis_away' in reasons(address, '/readyz'), 'Redis is missed')
    assert reasons(address, '/livez') == []
    assert Figures(address).get('redis_up') == Figures(address).get('ready') == 0
    d.send(event('lead-2', 'form'), event('lead-3', 'form'))
    wait_for(lambda: 'paused' in reasons(address, '/readyz'), 'reading is paused')
    wait_for(lambda: sum(Figures(address).all('view_pending_batches', 'shard').values()) > 0, 'batches wait')
    assert Figures(address).all('redis_errors_total', 'kind').get(('unreachable',), 0) > 0
    server('redis', 'start', own_redis)
    await_reasons(address, '/readyz')
    d.await_committed(3)
    await_figure(address, 'events_total', 3, outcome='applied')
    assert Figures(address).get('ready') == 1


def test_loop_that_is_stuck_is_not_alive(deploy, model, own_redis, address):
    """A Redis that takes a question and does not answer holds the loop up: told while it lasts, and no longer."""
    d = deploy(model(MODEL), n_partitions=1)
    path = server('redis', 'start', own_redis)
    with open(os.path.join(own_redis, 'pid'), encoding='ascii') as file:
        pid = int(file.read())
    d.start(http={'listen': address, 'stuck_after': '1s'}, redis={'address': f'unix:{path}', 'prefix': d.name})
    await_reasons(address, '/readyz')
    d.send(event('lead-1', 'form'))
    d.await_committed(1)
    os.kill(pid, signal.SIGSTOP)
    d.send(event('lead-2', 'form'))  # which is not in memory
    try:
        wait_for(lambda: reasons(address, '/livez') == ['no_progress'], 'it is stuck')
        assert 'no_progress' in reasons(address, '/readyz') or reasons(address, '/livez') == []
    finally:
        os.kill(pid, signal.SIGCONT)
    await_reasons(address, '/livez')
    await_reasons(address, '/readyz')


def test_readiness_follows_kafka(deploy, model, own_kafka, address, monkeypatch):
    """Not ready while Kafka is away; afterwards everything was counted once."""
    monkeypatch.setattr(live, 'BOOTSTRAP', server('kafka', 'start', own_kafka))
    d = deploy(model(MODEL), n_partitions=1)
    d.start(http={'listen': address})
    d.send(*(event(f'lead-{i}', 'form') for i in range(10)))
    await_figure(address, 'events_total', 10, outcome='applied')
    await_reasons(address, '/readyz')
    server('kafka', 'stop', own_kafka, '--kill')
    wait_for(lambda: set(reasons(address, '/readyz')) & {'kafka_away', 'connecting'}, 'Kafka is missed')
    assert reasons(address, '/livez') == []
    server('kafka', 'start', own_kafka)
    d.send(*(event(f'lead-{i}', 'form') for i in range(10, 20)))
    await_figure(address, 'events_total', 20, outcome='applied')
    await_reasons(address, '/readyz')
    assert Figures(address).get('outputs_total', type='StageChanged') == 20


def test_instance_without_partitions_is_not_ready(deploy, model, address):
    """One of two instances has the only partition. The other is alive, and takes over."""
    d = deploy(model(MODEL), n_partitions=1)
    first, second = d.start('a', http={'listen': f'{address}a'}), d.start('b', http={'listen': f'{address}b'})

    def said():
        return reasons(f'{address}a', '/readyz'), reasons(f'{address}b', '/readyz')
    wait_for(lambda: sorted(said(), key=str) in ([['no_partitions'], []], [[], ['no_partitions']]), 'one has it')
    has_it = first if said()[0] == [] else second
    other = f'{address}b' if has_it is first else f'{address}a'
    assert reasons(other, '/livez') == []
    assert Figures(other).get('shards_owned') == 0 and not Figures(other).all('source_lag_records', 'shard')
    assert has_it.stop() == 0
    await_reasons(other, '/readyz')


def test_halted_shard_is_told(deploy, model, address):
    """An operator's reset of the offsets halts a shard: not ready, with its number."""
    d = deploy(model(MODEL), n_partitions=1)
    daemon = d.start(http={'listen': address})
    d.send(event('lead-1', 'form'))
    d.await_committed(1)
    assert daemon.stop() == 0
    changed = model(MODEL.replace('target: 60s', 'target: 61s'))  # without a new version
    assert changed == d.model
    d.start(http={'listen': address})
    await_reasons(address, '/readyz', 'halted')
    assert Figures(address).get('shards_halted') == 1
    assert ' 0;' in ask(address, '/readyz').text
    assert reasons(address, '/livez') == []


def test_socket_left_over_is_replaced_and_one_in_use_is_not(deploy, model, address):
    """After a kill the path is there, and nobody listens. A second instance does not take it from the first."""
    d = deploy(model(MODEL), n_partitions=1)
    daemon = d.start(http={'listen': address})
    await_reasons(address, '/readyz')
    daemon.kill()
    assert os.path.exists(address.removeprefix('unix:'))
    daemon = d.start(http={'listen': address})
    await_reasons(address, '/readyz')
    second = d.start('b', http={'listen': address})
    assert second.process.wait(30) == 71
    assert 'event=http.failed' in second.log() and 'in use' in second.log()
    assert reasons(address, '/livez') == []


def test_socket_is_taken_from_who_starts_it(deploy, model, tmp_path):
    """Socket activation: what came before the daemon was up is answered; `listen` need not be set, and loopback is not asked for."""
    d = deploy(model(MODEL), n_partitions=1)
    with socket.create_server(('127.0.0.1', 0)) as listening:
        address = '{}:{}'.format(*listening.getsockname())
        early = connection(address)
        early.request('GET', '/livez')
        log_path = str(tmp_path / 'activated.log')
        with open(log_path, 'wb') as log:
            # The number in the environment is that of the process itself, and the socket its descriptor 3.
            command = f'exec 3<&{listening.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=http exec "$@"'
            process = subprocess.Popen(['bash', '-c', command, 'bash', live.PROGRAM, 'run', '--config', d.config()], stderr=log,
                                       pass_fds=[listening.fileno()])
    try:
        assert early.getresponse().status == 200
        await_reasons(address, '/readyz')
    finally:
        process.terminate()
        assert process.wait(30) == 0
    with open(log_path, encoding='utf-8') as log:
        assert 'event=http.listening' in log.read()
    assert ask(address, '/livez') is None


def test_loopback_port_and_nothing_by_default(deploy, model):
    """A port of this machine; without the key nobody is answered, and another address is refused."""
    with socket.create_server(('127.0.0.1', 0)) as free:
        address = '{}:{}'.format(*free.getsockname())
    d = deploy(model(MODEL), n_partitions=1)
    daemon = d.start()
    daemon.await_log('event=pipeline.ready')
    assert ask(address, '/livez') is None and 'http.listening' not in daemon.log()
    assert daemon.stop() == 0
    daemon = d.start(http={'listen': address})
    await_reasons(address, '/readyz')
    assert daemon.stop() == 0
    assert ask(address, '/livez') is None
    refused = d.start(http={'listen': '0.0.0.0:9464'})
    assert refused.process.wait(30) == 78
    assert 'http.allow_remote' in refused.log()
