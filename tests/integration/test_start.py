# SPDX-License-Identifier: Apache-2.0
"""Starting while servers are away, or are only just coming up: what is waited for, what is told, and how it ends."""
import http.server
import json
import os
import signal
import socket
import threading

import pytest

import live
import registry
from asking import ask
from live import SMALL, event, server, wait_for


class Registry:
    """Knows all of our schemas at once, unless it is told what to answer instead."""

    def __init__(self, port):
        outer = self
        self.answer = None  # status and body
        self.ids = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_POST(self):  # pylint: disable=invalid-name
                self.rfile.read(int(self.headers['Content-Length']))
                number = outer.ids.setdefault(self.path, len(outer.ids) + 1)
                status, body = outer.answer or (200, {'id': number, 'version': 1})
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header('Content-Type', registry.JSON)
                self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Door:
    """A port behind which the brokers are; they tell their own address, so it is only needed to find them."""

    def __init__(self, port):
        self.listening = socket.create_server(('127.0.0.1', port))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        host, port = live.BOOTSTRAP.rsplit(':', 1)
        while True:
            try:
                inside = self.listening.accept()[0]
            except OSError:
                return
            outside = socket.create_connection((host, int(port)))
            for pair in ((inside, outside), (outside, inside)):
                threading.Thread(target=self.pass_on, args=pair, daemon=True).start()

    @staticmethod
    def pass_on(source, target):
        with source, target:
            while data := source.recv(65536):
                target.sendall(data)

    def close(self):
        self.listening.close()


class Manager:
    """What systemd is told."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.told = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            self.told.append(self.socket.recv(1000))


@pytest.fixture(name='manager')
def fixture_manager(tmp_path_factory, monkeypatch):
    path = str(tmp_path_factory.mktemp('n') / 's')
    monkeypatch.setenv('NOTIFY_SOCKET', path)
    return Manager(path)


@pytest.fixture(name='address')
def fixture_address(tmp_path_factory):
    return f'unix:{tmp_path_factory.mktemp("h")}/s'


def unready(address):
    """Why it is not ready: code -> text. None: nobody listens."""
    answer = ask(address, '/readyz')
    return None if answer is None else {reason['code']: reason['text'] for reason in json.loads(answer.text)['reasons']}


def await_reason(address, code, *words):
    """It is not ready for this reason, which says these words; and it is alive."""
    def said():
        reasons = unready(address) or {}
        return all(word in reasons.get(code, '') for word in words) and code in reasons
    wait_for(said, f'{code}, {words}', 30)
    assert ask(address, '/livez').status == 200


def closed_port():
    """One where nobody listens."""
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        return unused.getsockname()[1]


def with_registry(port, **keys):
    return {'schemas': {'directory': os.path.join(live.ROOT, 'schemas')},
            'registry': {'urls': [f'http://127.0.0.1:{port}'], 'timeout': '300ms'} | keys}


def brokers_at(port, name):
    return {'bootstrap_servers': f'127.0.0.1:{port}', 'group': name}


def test_it_waits_for_the_registry(deploy, model, address, manager):
    """As long as it takes, and says so; then it goes on."""
    d = deploy(model(SMALL), n_partitions=1)
    port = closed_port()
    daemon = d.start(http={'listen': address}, **with_registry(port))
    await_reason(address, 'awaits_registry', 'Schema Registry', 'Couldn\'t connect')
    assert set(unready(address)) == {'starting', 'awaits_registry'}
    daemon.await_log('event=registry.away')
    assert any(line.startswith(b'EXTEND_TIMEOUT_USEC=') for line in manager.told)
    assert b'READY=1' not in manager.told
    assert any(line.startswith(b'STATUS=waiting for the Schema Registry') for line in manager.told)
    there = Registry(port)
    try:
        daemon.await_log('event=registry.back')
        wait_for(lambda: unready(address) == {}, 'it is ready')
        assert b'READY=1' in manager.told
        assert daemon.stop() == 0
    finally:
        there.close()


def test_what_the_registry_refuses_ends_it(deploy, model, tmp_path):
    """A wrong password, or a schema that it does not take: status 78. A token may be renewed, and a right be given."""
    d = deploy(model(SMALL), n_partitions=1)
    there = Registry(0)
    (tmp_path / 'secret').write_text('barley\n')
    secret = str(tmp_path / 'secret')
    port = there.server.server_address[1]
    try:
        there.answer = 401, {'error_code': 40101, 'message': 'Unauthorized'}
        wrong = d.start('wrong', **with_registry(port, username='scored', password_file=secret))
        assert wrong.process.wait(30) == 78
        assert 'HTTP 401: it does not accept who asks' in wrong.log() and 'barley' not in wrong.log()
        # Where another URL may know us, there is hope.
        keys = {'urls': [f'http://127.0.0.1:{port}', f'http://127.0.0.1:{closed_port()}']}
        hopes = [d.start('token', **with_registry(port, token_file=secret)), d.start('other', **with_registry(port, **keys))]
        for hopeful in hopes:
            hopeful.await_log('event=registry.away')
            assert hopeful.stop() == 0
        there.answer = 403, {'error_code': 40301, 'message': 'Forbidden'}
        hopeful = d.start('right', **with_registry(port))
        hopeful.await_log('event=registry.away')
        assert hopeful.stop() == 0
        there.answer = 422, {'error_code': 42201, 'message': 'Invalid schema'}
        refused = d.start('refused', **with_registry(port))
        assert refused.process.wait(30) == 78
        assert 'Invalid schema' in refused.log()
    finally:
        there.close()


def test_it_says_which_server_it_waits_for(deploy, model, address, own_redis, manager):
    """The brokers, then Redis, with what is wrong with them; then it is ready."""
    port = closed_port()
    d = deploy(model(SMALL), n_partitions=1)
    socket_path = f'{own_redis}/redis.sock'
    daemon = d.start(http={'listen': address}, kafka=brokers_at(port, d.name), redis={'address': f'unix:{socket_path}', 'prefix': d.name})
    await_reason(address, 'awaits_kafka', 'broker', 'Connection refused')
    assert set(unready(address)) == {'connecting', 'awaits_kafka'}
    door = Door(port)
    try:
        await_reason(address, 'awaits_redis', 'Redis', 'No such file')
        assert any(line.startswith(b'STATUS=waiting for the brokers of Kafka') for line in manager.told)
        assert b'READY=1' not in manager.told
        assert server('redis', 'start', own_redis) == socket_path
        wait_for(lambda: unready(address) == {}, 'it is ready')
        assert daemon.stop() == 0
    finally:
        door.close()


def test_it_stops_at_once_while_brokers_are_away(deploy, model, address):
    """Also in the midst of its first question to them."""
    d = deploy(model(SMALL), n_partitions=1, prepare=False)
    daemon = d.start(http={'listen': address}, kafka=brokers_at(closed_port(), d.name))
    await_reason(address, 'awaits_kafka')
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(5) == 0


def test_source_may_come_a_moment_later(deploy, model):
    """Brokers hear of a new topic one after the other; one that never comes is missing."""
    d = deploy(model(SMALL), n_partitions=1, prepare=False)
    missing = d.start('missing')
    assert missing.process.wait(60) == 78
    assert 'event=topics.refused' in missing.log() and 'the source topic does not exist' in missing.log()
    daemon = d.start()
    daemon.await_log('event=topics.awaited')
    d.create_topics(d.counts)
    d.send(event('lead-1', 'form'))
    d.await_committed(1)
    assert daemon.stop() == 0
