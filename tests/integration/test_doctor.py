# SPDX-License-Identifier: Apache-2.0
"""`scored doctor` tells what is wrong with all that a deployment rests on; with brokers that ask who it is: test_secure_kafka.py."""
import json
import os
import socket
import ssl
import subprocess
import threading
import time

import pytest
from confluent_kafka import Producer

import live
from live import SMALL, event


def doctor(config, *options):
    """Exit status, and what was found as (severity, subject) -> list of findings."""
    done = subprocess.run([live.PROGRAM, 'doctor', '--json', '--config', config, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=120, check=False, text=True)
    assert done.stdout, done.stderr
    found = {}
    for finding in json.loads(done.stdout):
        assert set(finding) <= {'severity', 'subject', 'text', 'expected', 'remedy', 'shard'}
        assert finding['remedy'] or finding['severity'] in ('ok', 'note'), finding
        found.setdefault((finding['severity'], finding['subject']), []).append(finding)
    return done.returncode, found


def unused_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


@pytest.fixture
def healthy(deploy, model):
    d = deploy(model(SMALL), 2)
    d.send(event('lead', 'page_view'))
    return d


def kafka_section(d, servers, **properties):
    return {'bootstrap_servers': servers, 'group': d.name, 'properties': properties}


def test_all_is_well(healthy):
    status, found = doctor(healthy.config())
    assert status == 0, found
    assert not [key for key in found if key[0] == 'error']
    subjects = {subject for severity, subject in found if severity == 'ok'}
    assert {'tzdata', 'file limit', 'disk', f'broker {live.BOOTSTRAP}', 'Kafka', f'group {healthy.name}', f'transactional id {healthy.name}.doctor',
            'clock', 'Redis', 'Redis role', 'Redis memory'} <= subjects
    assert {f'source {source}' for source in healthy.sources} <= subjects
    text = subprocess.run([live.PROGRAM, 'doctor', '--config', healthy.config()], stdout=subprocess.PIPE, check=True, text=True).stdout
    assert text.splitlines()[-1].startswith('0 errors, ')


def test_group_at_work_is_well(healthy):
    """A transaction with its offsets is open."""
    producer = healthy.open_offset(0, 1)
    status, found = doctor(healthy.config())
    assert status == 0 and ('ok', f'group {healthy.name}') in found, found
    producer.abort_transaction(30)


def test_nobody_is_there(healthy):
    """A broker that is down, a name that does not resolve, a Redis that is away; and each is told."""
    port = unused_port()
    status, found = doctor(healthy.config(kafka=kafka_section(healthy, f'127.0.0.1:{port},no-such-host.invalid:9092'),
                                          redis={'address': f'unix:{healthy.path("no.sock")}', 'prefix': healthy.name}))
    assert status == 1
    down, = found['error', f'broker 127.0.0.1:{port}']
    assert down['text'] == f'nobody takes connections at 127.0.0.1, port {port}: Connection refused'
    assert down['expected'] == 'a broker that listens there'
    unknown, = found['error', 'broker no-such-host.invalid:9092']
    assert unknown['text'].startswith('the name no-such-host.invalid has no address: ')
    assert 'resolv.conf' in unknown['remedy']
    assert ('error', 'Redis') in found and ('error', 'Kafka') not in found


def test_files_that_cannot_be_used(healthy, model, tmp_path):
    status, found = doctor(str(tmp_path / 'missing.yaml'))
    assert status == 78 and list(found) == [('error', str(tmp_path / 'missing.yaml'))]
    wrong = model(SMALL.replace('interest: 10', 'intrest: 10'), 'wrong.yaml')
    status, found = doctor(healthy.config(model=wrong))
    assert status == 1 and ('error', wrong) in found and ('ok', 'Kafka') in found


def test_a_time_zone_that_is_not_there(healthy, model):
    calendars = 'calendars: { us: { zone: America/New_York, hours: { mon: ["09:00-17:00"] } }, no: { zone: Europe/Berlyn, hours: { mon: ["09:00-17:00"] } } }\n'
    status, found = doctor(healthy.config(model=model(SMALL + calendars, 'zones.yaml')))
    assert status == 1 and ('ok', 'time zone America/New_York') in found
    zone, = found['error', 'time zone Europe/Berlyn']
    assert 'did you mean "Europe/Berlin"' in zone['text'] and 'tzdata' in zone['remedy']
    assert 'has version 20' in found['ok', 'tzdata'][0]['text']


def test_topics_that_are_not_there(healthy):
    status, found = doctor(healthy.config(sources=[*healthy.sources, f'{healthy.name}-none']))
    assert status == 1
    assert found['error', f'source {healthy.name}-none'][0]['text'] == 'there is no such topic'


def test_a_registry_that_is_away(healthy):
    status, found = doctor(healthy.config(registry={'urls': [f'http://127.0.0.1:{unused_port()}'], 'timeout': '1s'}))
    assert status == 1
    registry, = found['error', 'Schema Registry']
    assert registry['text'].startswith('it does not answer: ') and 'registry.urls' in registry['remedy']
    assert ('ok', 'Kafka') in found and ('ok', 'Redis') in found


def test_a_redis_that_evicts_is_full_or_a_replica(healthy, own_redis):
    path = live.server('redis', 'start', own_redis, '--set', 'maxmemory 1', '--set', 'maxmemory-policy allkeys-lru',
                       '--set', f'replicaof 127.0.0.1 {unused_port()}', '--set', 'replica-serve-stale-data yes')
    status, found = doctor(healthy.config(redis={'address': f'unix:{path}', 'prefix': healthy.name}))
    assert status == 1
    assert any('allkeys-lru' in finding['text'] for finding in found['error', 'Redis'])
    role, = found['error', 'Redis role']
    assert role['text'] == 'it is a slave' and role['expected'].startswith('a master')
    assert ('warning', 'Redis memory') in found


def test_files_that_it_may_have_open_are_few(healthy):
    done = subprocess.run(['prlimit', '--nofile=100:100', live.PROGRAM, 'doctor', '--json', '--config', healthy.config()],
                          stdout=subprocess.PIPE, timeout=120, check=False)
    limit, = [finding for finding in json.loads(done.stdout) if finding['subject'] == 'file limit']
    assert limit['severity'] == 'warning' and ' 100 ' in limit['text'] and 'LimitNOFILE' in limit['remedy']


def test_records_that_are_ahead(healthy):
    """Whoever stamped them has a clock that is wrong, or this machine has."""
    producer = Producer({'bootstrap.servers': live.BOOTSTRAP})
    producer.produce(healthy.sources[0], b'x', partition=1, timestamp=int(time.time() * 1000) + 3_000_000)
    assert producer.flush(30) == 0
    _, found = doctor(healthy.config())
    clock, = found['warning', 'clock']
    assert clock['text'].startswith('1 of 2 partitions of sources have records of later than now')


# --- TLS ---


EC = ('ec', '-pkeyopt', 'ec_paramgen_curve:P-256')


def validity(days):
    """Options of `openssl x509`, whose -days takes no negative numbers from 3.4 on, when it got others."""
    if days >= 0 or ssl.OPENSSL_VERSION_INFO < (3, 4):
        return '-days', str(days)
    end = time.time() + days * 86400
    return [item for option, at in (('-not_before', end - 86400), ('-not_after', end)) for item in (option, time.strftime('%Y%m%d%H%M%SZ', time.gmtime(at)))]


class TlsServer:
    """Shakes hands, and hangs up."""

    def __init__(self, folder, subject_alt_name, days=1):
        def path(name):
            return os.path.join(str(folder), name)

        def openssl(*args):
            subprocess.run(['openssl', *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.authority = path('authority.pem')
        openssl('req', '-x509', '-newkey', *EC, '-nodes', '-days', '2', '-subj', '/CN=authority', '-keyout', path('authority.key'), '-out', self.authority)
        openssl('req', '-newkey', *EC, '-nodes', '-subj', '/CN=broker', '-keyout', path('broker.key'), '-out', path('broker.csr'))
        with open(path('extensions'), 'w', encoding='ascii') as file:
            file.write(f'subjectAltName={subject_alt_name}\n')
        openssl('x509', '-req', '-in', path('broker.csr'), '-CA', self.authority, '-CAkey', path('authority.key'), '-CAcreateserial',
                *validity(days), '-extfile', path('extensions'), '-out', path('broker.pem'))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path('broker.pem'), path('broker.key'))
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.address = '127.0.0.1:%d' % self.socket.getsockname()[1]
        self.context = context
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            try:
                self.context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()


def broker_of_tls(d, server, authority, servers=None):
    servers = servers or server.address
    return d.config(kafka=kafka_section(d, servers, **{'security.protocol': 'ssl', 'ssl.ca.location': authority}))


def test_a_certificate_that_is_expired(healthy, tmp_path):
    server = TlsServer(tmp_path, 'IP:127.0.0.1', days=-1)
    status, found = doctor(broker_of_tls(healthy, server, server.authority))
    finding, = found['error', f'broker {server.address}']
    assert status == 1 and finding['text'].startswith('its certificate is expired: it was valid until 20')
    assert ('error', 'Kafka') not in found


def test_a_certificate_that_is_for_somebody_else_and_ends_soon(healthy, tmp_path):
    server = TlsServer(tmp_path, 'DNS:kafka.example.com')
    status, found = doctor(broker_of_tls(healthy, server, server.authority))
    name, = found['error', f'broker {server.address}']
    assert status == 1 and (name['text'], name['expected']) == ('its certificate is for kafka.example.com', 'one for 127.0.0.1')
    soon, = found['warning', f'broker {server.address}']
    assert soon['text'].startswith('its certificate expires soon, at 20')


def test_a_certificate_that_nobody_vouches_for(healthy, tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'b').mkdir()
    server, other = TlsServer(tmp_path / 'a', 'IP:127.0.0.1'), TlsServer(tmp_path / 'b', 'IP:127.0.0.1')
    status, found = doctor(broker_of_tls(healthy, server, other.authority))
    trust, = found['error', f'broker {server.address}']
    assert status == 1 and trust['text'].startswith('nobody that is trusted vouches for its certificate, which CN=authority has made: ')
    assert other.authority in trust['expected']


def test_a_port_without_tls(healthy, tmp_path):
    server = TlsServer(tmp_path, 'IP:127.0.0.1')
    status, found = doctor(broker_of_tls(healthy, server, server.authority, live.BOOTSTRAP))
    plain, = found['error', f'broker {live.BOOTSTRAP}']
    assert status == 1 and plain['text'].startswith('what answers there does not speak TLS: ')
    assert plain['remedy'] == 'correct the port, or set security.protocol to plaintext'
