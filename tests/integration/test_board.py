# SPDX-License-Identifier: Apache-2.0
"""The board for browsers, asked without one: what it shows, and whom."""
import base64
import hashlib
import json
import re
import socket
import subprocess
import time
import urllib.parse
from contextlib import ExitStack

import pytest
import redis

import live
from asking import ask, connection
from live import event, server, wait_for

TOKEN = 'a-token-of-many-characters'
SECOND_MS = 1000
# Both have to be a valid id, and text wherever they are shown.
HOSTILE = ['<img src=x onerror=alert(1)>', '"]}\n\nevent: leads\ndata: {"leads":1}\n\n</script>', '\u202egnp.evil\u200b & &lt; \u2028', "'; --" + 'x' * 120]
MODEL = '''
model: board
version: 4
scores:
  intent: { decay: { half_life: 20s }, max: 100 }
  fit: { decay: none }
derived: { total: 'intent + fit' }
rules: [ { id: page, on: [page_view], add: { intent: 10 } }, { id: asked, on: [form], add: { intent: 60 } } ]
profile_rules: [ { id: big, when: 'profile.employees >= 100', add: { fit: 20 } } ]
tracks:
  lifecycle:
    initial: lead
    stages: [ { id: lead, owner: marketing }, { id: mql, owner: sales }, { id: sal } ]
    transitions:
      - { id: ask, from: [lead], to: mql, on: [form] }
      - { id: accept, from: [mql], to: sal, on: [sales_accepted], require: 'present(event.rep)' }
sla: [ { id: call, start: { enter: [lifecycle.mql] }, stop: { on: [sales_touch] }, target: 1h, warn: [50%], track: lifecycle } ]
accounts: { scores: { heat: { from: intent, decay: { half_life: 1d }, max: 100 } } }
carry: { profile: [secret] }
'''


class Stream:
    """Server-Sent Events."""

    def __init__(self, address, **headers):
        self.connection = connection(address)
        self.connection.request('GET', '/board/v1/stream', headers=headers)
        self.answer = self.connection.getresponse()
        self.parts = {'leads': {'leads': []}, 'accounts': {'accounts': []}, 'clocks': {'n': 0}, 'funnel': {'flows': []}}
        self.order, self.news = [], []

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read(self):
        """Takes the next event in; False at the end."""
        fields = {}
        for line in iter(self.answer.readline, b''):
            if line == b'\n':
                break
            name, value = line.decode().rstrip('\n').split(': ', 1)
            assert name not in fields, fields
            fields[name] = value
        if not fields:
            return False
        if 'event' in fields:
            value = json.loads(fields['data'])
            self.parts[fields['event']] = value
            self.order.append(fields['event'])
            if fields['event'] == 'news':
                self.news = value + self.news
        return True

    def read_until(self, condition, what):
        deadline = time.monotonic() + 60
        while not condition(self):
            assert time.monotonic() < deadline, (what, self.parts)
            assert self.read(), 'it has ended'

    def leads(self):
        return {lead['id']: lead for lead in self.parts['leads']['leads']}

    def told(self, kind):
        return [output for _, output in self.news if output['output'] == kind]


@pytest.fixture
def address(tmp_path_factory):
    """Of a Unix socket, whose path has to be short."""
    return f'unix:{tmp_path_factory.mktemp("b")}/s'


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / 'token'
    path.write_text(TOKEN + '\n', encoding='ascii')
    return str(path)


def await_ready(address):
    wait_for(lambda: (answer := ask(address, '/readyz')) and answer.status == 200, 'it is ready')


def worth(course, at):
    """As the page computes it."""
    return min(course['c'] + sum(value * 2 ** ((since - at) / half_life) for value, since, half_life in course['t']), course.get('max', 1e9))


def get(address, path, **headers):
    """The body of an answer that is JSON, and its status."""
    answer = ask(address, path, **headers)
    assert answer.getheader('Content-Type') == 'application/json', answer.text
    assert answer.getheader('Cache-Control') == 'no-store'
    return answer.status, json.loads(answer.text)


def test_board_shows_what_happens(deploy, model, address):
    """Hot leads, accounts, clocks, news and the funnel, whatever ids are; details are what `scored lead` says."""
    d = deploy(model(MODEL), n_partitions=2)
    daemon = d.start(http={'listen': address, 'board': True})
    await_ready(address)
    d.send(event('hot', 'profile_updated', employees=500, secret='s3cret'), event('hot', 'page_view', account_id='acme'))
    for lead in HOSTILE:
        d.send(event(lead, 'page_view', account_id=f'account of {lead}'[:128]))
    with Stream(address) as stream:
        assert stream.answer.status == 200 and stream.answer.getheader('Content-Type') == 'text/event-stream'
        stream.read_until(lambda s: s.leads().keys() == {'hot', *HOSTILE}, 'all leads are there')
        assert stream.order[0] == 'hello' and stream.parts['hello']['format'] == 1
        assert stream.parts['hello']['model']['scores'] == ['intent', 'fit']
        assert stream.leads()['hot']['stages'] == {'lifecycle': 'lead'} and not stream.told('StageChanged')
        at = stream.parts['status']['now']
        d.send(event('hot', 'form', account_id='acme'), event('hot', 'sales_accepted'))
        stream.read_until(lambda s: len(s.told('StageChanged')) and s.leads()['hot']['stages'] == {'lifecycle': 'mql'}, 'it is moved')
        moved = stream.told('StageChanged')[0]
        assert (moved['lead_id'], moved['from'], moved['to'], moved['transition']) == ('hot', 'lead', 'mql', 'ask')
        assert {reason['rule'] for reason in moved['reasons']} == {'asked', 'page', 'big'} and 's3cret' not in json.dumps(stream.parts)
        stream.read_until(lambda s: s.parts['clocks']['n'] == 1 and s.told('Refused'), 'its clock runs')
        clock = stream.parts['clocks']['clocks'][0]
        assert (clock['lead'], clock['policy'], clock['owner'], clock['due'] - clock['started']) == ('hot', 'call', 'sales', 3600 * SECOND_MS)
        stream.read_until(lambda s: s.parts['funnel']['flows'], 'the funnel has it')
        flow = {'entity': 'lead', 'track': 'lifecycle', 'from': 'lead', 'to': 'mql', 'n': 1}
        assert stream.parts['funnel']['flows'] == [flow]
        stream.read_until(lambda s: 'acme' in {a['id'] for a in s.parts['accounts']['accounts']}, 'accounts')
        stream.read_until(lambda s: s.parts['status']['lag'] == 0 and s.parts['status']['now'] > at, 'the lag is known')
        status = stream.parts['status']
        assert status['n_shards'] == 2 and [shard['lag'] for shard in status['shards']] == [0, 0] and status['watchers'] == 1
        assert {shard['state'] for shard in status['shards']} <= {'live', 'absent'} and status['instance']['ready']
        assert status['redis'] is status['kafka'] is None

        # what the browser computes is what is explained
        for lead in ('hot', *HOSTILE):
            code, found = get(address, f'/board/v1/lead?id={urllib.parse.quote(lead)}')
            at = live.load.millis(found['at'])
            assert code == 200 and found['lead_id'] == lead
            assert abs(worth(stream.leads()[lead]['value'], at) - found['derived']['total']) < 1e-4
            assert worth(stream.leads()[lead]['value'], at + 20 * SECOND_MS) < found['derived']['total'] - 1
            status, output, errors = d.explain('lead', lead, '--json', '--at', found['at'])
            assert (status, json.loads(output), errors) == (0, found, '')
        # nothing has happened: the text of the part is the same, and not sent again
        seen, before = stream.parts['leads'], stream.parts['status']['now']
        stream.read_until(lambda s: s.parts['status']['now'] > before + 1500, 'some refreshes')
        assert stream.parts['leads'] is seen

        code, state = get(address, '/board/v1/state')
        assert code == 200 and state['leads'] == seen and {o['output'] for _, o in state['news']} == {'StageChanged', 'Refused'}
        code, found = get(address, '/board/v1/account?id=acme')
        assert code == 200 and found['members'][0]['lead_id'] == 'hot'
        assert get(address, '/board/v1/lead?id=nobody') == (404, {'error': 'no lead of this id is known'})
        for path in ('/board/v1/lead', '/board/v1/lead?id=', '/board/v1/lead?id=' + 'x' * 129):
            assert get(address, path)[0] == 400
        assert get(address, '/board/v1/nothing')[0] == get(address, '/elsewhere')[0] == 404
        assert daemon.stop() == 0
        while stream.read():
            pass


def test_lag_is_known_while_transactions_are_open(deploy, model, address):
    """As under load one always is."""
    d = deploy(model(MODEL), n_partitions=1)
    daemon = d.start(http={'listen': address, 'board': True})
    await_ready(address)
    d.send(event('lead', 'page_view'))
    d.await_committed(1)
    producer = d.open_offset(0, 0)
    with Stream(address) as stream:
        stream.read_until(lambda s: s.parts.get('status', {}).get('lag') == 0, 'the lag is known')
    producer.abort_transaction(30)
    assert daemon.stop() == 0


def test_page_is_whole_and_may_do_little(deploy, model, address):
    """One file without outside parts, a policy that allows its own script and style alone; known pages are not sent again."""
    d = deploy(model(MODEL), n_partitions=1)
    d.start(http={'listen': address, 'board': True})
    await_ready(address)
    page = ask(address, '/')
    assert (page.status, page.getheader('Content-Type')) == (200, 'text/html; charset=utf-8')
    assert set(re.findall(r'https?://[^\'"\s)]+', page.text)) <= {'http://www.w3.org/2000/svg'}
    assert 'innerHTML' not in page.text and 'insertAdjacentHTML' not in page.text and 'document.write' not in page.text
    policy = page.getheader('Content-Security-Policy')
    assert "default-src 'none'" in policy and 'unsafe' not in policy
    for tag in ('script', 'style'):
        (content,) = re.findall(f'<{tag}>(.*?)</{tag}>', page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    for name, value in {'X-Frame-Options': 'DENY', 'Referrer-Policy': 'no-referrer', 'X-Content-Type-Options': 'nosniff',
                        'Cache-Control': 'private, no-cache'}.items():
        assert page.getheader(name) == value
    again = ask(address, '/', **{'If-None-Match': page.getheader('ETag')})
    assert (again.status, again.text) == (304, '')
    assert ask(address, '/', **{'If-None-Match': '"other"'}).status == 200
    assert ask(address, '/', 'HEAD').text == ''
    assert ask(address, '/', 'POST').status == 405


def test_only_its_own_names_are_answered(deploy, model, address):
    """A name that somebody else has made resolve to this machine is none of ours, and neither is a page of another site."""
    d = deploy(model(MODEL), n_partitions=1)
    d.start(http={'listen': address, 'board': True, 'host': 'board.example.com'})
    await_ready(address)
    for host in ('localhost:9464', '127.0.0.1', '[::1]:9464', 'board.example.com'):
        assert ask(address, '/', Host=host).status == 200
    for path in ('/', '/board/v1/state', '/board/v1/stream', '/board/v1/lead?id=a'):
        assert get(address, path, Host='evil.example:9464')[0] == 421
    assert ask(address, '/metrics', Host='evil.example').status == 200  # as scrapers do
    assert get(address, '/board/v1/stream', **{'Sec-Fetch-Site': 'cross-site'})[0] == 403
    assert ask(address, '/', **{'Sec-Fetch-Site': 'cross-site'}).status == 200  # a link
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(address.removeprefix('unix:'))
        raw.sendall(b'GET /board/v1/state HTTP/1.0\r\n\r\n')
        assert raw.recv(100).split(b' ', 2)[1] == b'400'


def test_token_opens(deploy, model, address, token_file):
    """By the address once, then by a cookie; or as a bearer. Metrics and health are as they were."""
    d = deploy(model(MODEL), n_partitions=1)
    d.start(http={'listen': address, 'board': True, 'token_file': token_file})
    await_ready(address)
    login = ask(address, '/')
    assert login.status == 401 and 'type="password"' in login.text and login.getheader('Set-Cookie') is None
    for path in ('/board/v1/state', '/board/v1/stream', '/board/v1/lead?id=a', '/board/v1/nothing'):
        assert get(address, path)[0] == 401
    assert ask(address, '/?token=wrong').status == 401
    assert ask(address, '/metrics').status == ask(address, '/livez').status == 200
    opened = ask(address, f'/?token={TOKEN}')
    cookie = opened.getheader('Set-Cookie')
    assert opened.status == 200 and 'HttpOnly' in cookie and 'SameSite=Strict' in cookie and TOKEN not in cookie
    pair = cookie.split(';')[0]
    assert ask(address, '/', Cookie=pair).status == 200
    assert get(address, '/board/v1/state', Cookie=f'a=b; {pair}')[0] == 200
    assert get(address, '/board/v1/state', Authorization=f'Bearer {TOKEN}')[0] == 200
    for headers in ({'Cookie': pair + '0'}, {'Cookie': f'scored_board={TOKEN}'}, {'Authorization': f'Bearer {TOKEN}x'}):
        assert get(address, '/board/v1/state', **headers)[0] == 401
    with open(token_file, 'w', encoding='ascii') as file:
        file.write('another-token-from-now-on\n')
    assert ask(address, '/', Cookie=pair).status == 401
    with open(token_file, 'w', encoding='ascii') as file:
        file.write('short\n')
    assert get(address, '/', Authorization='Bearer short')[0] == 503


def test_not_beyond_this_machine_without_a_token(deploy, model, tmp_path, token_file):
    """Neither by its configuration nor by a socket that is passed; and not at all unless it is asked for."""
    d = deploy(model(MODEL), n_partitions=1)
    remote = {'listen': '0.0.0.0:0', 'allow_remote': True, 'board': True}
    refused = d.start(http=remote)
    assert refused.process.wait(30) == 78 and 'http.token_file' in refused.log()
    short = tmp_path / 'short'
    short.write_text('short\n', encoding='ascii')
    refused = d.start(http=remote | {'token_file': str(short)})
    assert refused.process.wait(30) == 78 and '16' in refused.log()

    def start_with(listening, config):
        command = f'exec 3<&{listening.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
        return subprocess.Popen(['bash', '-c', command, 'bash', live.PROGRAM, 'run', '--config', config], stderr=subprocess.PIPE,
                                pass_fds=[listening.fileno()])
    with socket.create_server(('0.0.0.0', 0)) as listening:
        with start_with(listening, d.config(http={'board': True})) as process:
            assert process.wait(30) == 78 and b'http.token_file' in process.stderr.read()
        with start_with(listening, d.config(http={'board': True, 'token_file': token_file})) as process:
            try:
                address = f'127.0.0.1:{listening.getsockname()[1]}'
                assert ask(address, '/').status == 401
                assert get(address, '/board/v1/state', Authorization=f'Bearer {TOKEN}')[0] == 200
            finally:
                process.terminate()
                process.communicate(timeout=30)


def test_each_instance_shows_all_and_watchers_have_an_end(deploy, model, address):
    """Two instances with a shard each: both show the leads and the news of both. More than so many watch nowhere, and that is no harm."""
    d = deploy(model(MODEL), n_partitions=2)
    first = d.start('a', http={'listen': f'{address}a', 'board': True})
    d.start('b', http={'listen': f'{address}b', 'board': True})
    owned = re.compile(r'^scored_shards_owned 1$', re.MULTILINE)

    def both_have_one():
        answers = [ask(f'{address}{name}', '/metrics') for name in 'ab']
        return all(answer and owned.search(answer.text) for answer in answers)
    wait_for(both_have_one, 'each has a shard')
    names = [next(f'{p}-{i}' for i in range(99) if live.load.partition_of(f'{p}-{i}', 2) == p) for p in (0, 1)]
    d.send(*(event(name, 'form') for name in names))
    with ExitStack() as stack:
        streams = [stack.enter_context(Stream(f'{address}{name}')) for name in 'ab']
        for stream in streams:
            stream.read_until(lambda s: s.leads().keys() == set(names), 'leads of both')
            stream.read_until(lambda s: {o['lead_id'] for o in s.told('StageChanged')} == set(names), 'news of both')
        assert {s.parts['hello']['instance'] for s in streams} == {'a', 'b'}
        more = [stack.enter_context(Stream(f'{address}a')) for _ in range(47)]
        assert {stream.answer.status for stream in more} == {200}
        refused = ask(f'{address}a', '/board/v1/stream')
        assert refused.status == 503 and refused.getheader('Retry-After')
        assert ask(f'{address}a', '/livez').status == 200
        more[-1].read_until(lambda s: s.leads().keys() == set(names), 'the last one sees it, too')
        more.pop().close()

        def has_room():
            with Stream(f'{address}a') as stream:
                return stream.answer.status == 200
        wait_for(has_room, 'there is room again')
        assert first.stop() == 0
        streams[1].read_until(lambda s: s.parts['status']['instance']['owned'] == 2, 'the other has taken over')


def let_in(path, deployment):
    """The user of the README, with what it says that a board needs besides; a client that may do everything."""
    with open(f'{live.ROOT}/README.md', encoding='utf-8') as file:
        readme = file.read()
    rules = re.search(r'^user scored on >PASSWORD (.*)$', readme, re.MULTILINE)[1].replace('~scored:*', f'~{deployment.name}:*').split()
    rules += re.search(r'^The board .* need `(.*?)` besides', readme, re.MULTILINE)[1].split()
    client = redis.Redis(unix_socket_path=path)
    client.execute_command('ACL', 'SETUSER', 'scored', 'reset', 'on', f'>{TOKEN}', *rules)
    return client


def test_board_says_that_redis_is_away(deploy, model, own_redis, address, token_file):
    """What it shows stays, with what is wrong; and it goes on by itself. Its user there may do no more than it needs."""
    d = deploy(model(MODEL), n_partitions=1)
    path = server('redis', 'start', own_redis)
    client = let_in(path, d)
    d.start(http={'listen': address, 'board': True},
            redis={'address': f'unix:{path}', 'prefix': d.name, 'username': 'scored', 'password_file': token_file})
    await_ready(address)
    d.send(event('hot', 'form'))
    with Stream(address) as stream:
        stream.read_until(lambda s: 'hot' in s.leads() and s.parts['clocks']['n'], 'the lead')
        assert get(address, '/board/v1/lead?id=hot')[0] == 200 and client.execute_command('ACL', 'LOG') == []
        server('redis', 'stop', own_redis, '--kill')
        stream.read_until(lambda s: s.parts['status']['redis'], 'it is said')
        assert 'hot' in stream.leads() and stream.parts['status']['refreshed'] is not None
        assert get(address, '/board/v1/lead?id=hot')[0] == 503
        server('redis', 'start', own_redis)
        let_in(path, d)
        stream.read_until(lambda s: not s.parts['status']['redis'] and 'hot' in s.leads(), 'it is over')
