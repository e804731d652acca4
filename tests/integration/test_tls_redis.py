# SPDX-License-Identifier: Apache-2.0
"""The daemon on a Redis that encrypts, proves who it is, and asks for a certificate of ours."""
import subprocess
from types import SimpleNamespace

import pytest
import redis

import live
import registry
from live import SMALL, event, free_port, wait_for


@pytest.fixture(scope='module')
def encrypted(servers, tmp_path_factory):
    """Such a Redis, whose certificate is for "localhost": its plain socket, its TLS port, and the certificates."""
    folder = str(tmp_path_factory.mktemp('r'))
    paths = registry.certificates(folder)
    port = free_port()
    settings = {'tls-port': port, 'tls-cert-file': paths['server.pem'], 'tls-key-file': paths['server.key'], 'tls-ca-cert-file': paths['ca.pem'],
                'tls-auth-clients': 'yes'}
    socket = live.server('redis', 'start', folder, *[part for key, value in settings.items() for part in ('--set', f'{key} {value}')])
    yield SimpleNamespace(socket=socket, port=port, paths=paths)
    live.server('redis', 'stop', folder)


@pytest.fixture
def on_it(encrypted, monkeypatch):
    """The deployments that the test makes look at it by its socket."""
    monkeypatch.setattr(live, 'REDIS', encrypted.socket)
    yield encrypted
    redis.Redis(unix_socket_path=encrypted.socket).flushall()


def section(on_it, d, without=(), **changes):
    """The configuration's section `redis`, with all that is needed."""
    password = d.path('key.password')
    with open(password, 'w', encoding='utf-8') as file:
        file.write('opensesame\n')
    keys = {'address': f'tcp:localhost:{on_it.port}', 'prefix': d.name, 'tls': True, 'ca_file': on_it.paths['ca.pem'],
            'certificate_file': on_it.paths['client.pem'], 'key_file': on_it.paths['locked.key'], 'key_password_file': password} | changes
    return {key: value for key, value in keys.items() if key not in without}


def scored(d, *args, **config):
    """Its exit status and all that it said."""
    done = subprocess.run([live.PROGRAM, *args, '--config', d.config('asks', **config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60, check=False, text=True)
    return done.returncode, done.stdout


def test_main_job_with_a_certificate_of_our_own(on_it, deploy, model):
    """Requests and answers of more than one TLS record go both ways, for the cache has room for few leads."""
    d = deploy(model(SMALL), 2)
    config = {'redis': section(on_it, d), 'cache': {'max': '64KiB'}}
    instance = d.start('a', **config)
    for _ in range(2):
        d.send(*[event(f'lead-{i}', 'page_view') for i in range(500)])
    d.await_committed(1000)
    wait_for(lambda: len(d.keys('record')) == 500, 'all are in the view')
    for client in redis.Redis(unix_socket_path=live.REDIS).client_list():
        if client['name'].startswith('scored:'):
            assert client['laddr'].endswith(f':{on_it.port}')
    for args in (('lead', 'lead-3'), ('verify',), ('check', '--live')):
        status, text = scored(d, *args, **config)
        assert status == 0, text
    assert instance.stop() == 0


@pytest.mark.parametrize('without,changes,expected', [
    (['ca_file'], {}, 'its certificate is not accepted: '),
    ([], {'server_name': 'redis.example.org'}, 'its certificate is not accepted: hostname mismatch'),
    (['certificate_file', 'key_file', 'key_password_file'], {}, 'certificate required'),
    (['key_password_file'], {}, 'redis.key_file'),
    (['tls', 'ca_file', 'certificate_file', 'key_file', 'key_password_file'], {}, 'the connection was closed'),
])
def test_what_does_not_fit_is_said(on_it, deploy, model, without, changes, expected):
    d = deploy(model(SMALL), 2)
    status, text = scored(d, 'check', '--live', redis=section(on_it, d, without, **changes))
    assert status != 0 and expected in text, text


def test_the_name_in_the_certificate_can_be_said(on_it, deploy, model):
    """It is reached by an address that is not in it."""
    d = deploy(model(SMALL), 2)
    address = f'tcp:127.0.0.1:{on_it.port}'
    status, text = scored(d, 'check', '--live', redis=section(on_it, d, address=address))
    assert status != 0 and 'IP address mismatch' in text, text
    status, text = scored(d, 'check', '--live', redis=section(on_it, d, address=address, server_name='localhost'))
    assert 'can be written' in text, text


def test_a_renewed_certificate_is_taken_at_the_next_connection(on_it, deploy, model):
    """The daemon waits while Redis's is not accepted, and needs no restart."""
    d = deploy(model(SMALL), 2)
    trusted = d.path('trusted.pem')
    with open(trusted, 'w', encoding='ascii') as file, open(on_it.paths['client.pem'], encoding='ascii') as other:
        file.write(other.read())
    instance = d.start('a', redis=section(on_it, d, ca_file=trusted))
    instance.await_log('its certificate is not accepted')
    with open(trusted, 'w', encoding='ascii') as file, open(on_it.paths['ca.pem'], encoding='ascii') as other:
        file.write(other.read())
    instance.await_log('event=pipeline.ready')
    assert instance.stop() == 0


@pytest.fixture
def sentinel(on_it, tmp_path):
    """One that encrypts, asks for a certificate and a password, and watches that Redis; its port."""
    port = free_port()
    path = tmp_path / 'sentinel.conf'
    path.write_text(f'''port 0
tls-port {port}
bind 127.0.0.1
dir {tmp_path}
logfile {tmp_path}/sentinel.log
tls-cert-file {on_it.paths["server.pem"]}
tls-key-file {on_it.paths["server.key"]}
tls-ca-cert-file {on_it.paths["ca.pem"]}
tls-replication yes
requirepass watchful
sentinel monitor mymaster 127.0.0.1 {on_it.port} 1
''')
    process = subprocess.Popen(['redis-server', str(path), '--sentinel'])
    yield port
    process.kill()
    process.wait()


def test_a_sentinel_of_its_own_login(sentinel, on_it, deploy, model):
    d = deploy(model(SMALL), 2)
    password = d.path('sentinel.password')
    with open(password, 'w', encoding='utf-8') as file:
        file.write('watchful\n')
    config = section(on_it, d, ['address'], sentinels=[f'127.0.0.1:{sentinel}'], master='mymaster', server_name='localhost',
                     sentinel_password_file=password)
    wait_for(lambda: 'can be written' in scored(d, 'check', '--live', redis=config)[1], 'the sentinel answers')
    del config['sentinel_password_file']
    status, text = scored(d, 'check', '--live', redis=config)
    assert status != 0 and 'NOAUTH' in text, text
    status, text = scored(d, 'check', '--live', redis=config | {'sentinel_tls': False})
    assert status != 0 and 'can be written' not in text, text
