# SPDX-License-Identifier: Apache-2.0
"""The daemon on a Redis that asks who it is, and lets it do what the README lists and nothing else."""
import json
import os
import re
import subprocess

import pytest
import redis

import live
from live import SMALL, event, wait_for

PASSWORD = 'p4ss word'


def acl_line():
    """The README's, without the name and the password."""
    with open(os.path.join(live.ROOT, 'README.md'), encoding='utf-8') as file:
        return re.search(r'^user scored on >PASSWORD (.*)$', file.read(), re.MULTILINE)[1].split()


@pytest.fixture
def secured(own_redis, monkeypatch):
    """A Redis of the test's own with that user: a client that may do everything."""
    monkeypatch.setattr(live, 'REDIS', live.server('redis', 'start', own_redis))
    yield redis.Redis(unix_socket_path=live.REDIS)


def section(deployment, password=PASSWORD):
    path = deployment.path('redis.password')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(password + '\n')
    return {'address': f'unix:{live.REDIS}', 'prefix': deployment.name, 'username': 'scored', 'password_file': path}


def let_in(client, deployment, without=None):
    rules = [rule.replace('~scored:*', f'~{deployment.name}:*') for rule in acl_line() if rule != without]
    client.execute_command('ACL', 'SETUSER', 'scored', 'reset', 'on', f'>{PASSWORD}', *rules)


def command(d, *args):
    """Of scored, with the deployment's configuration: its exit status and all that it said."""
    done = subprocess.run([live.PROGRAM, *args, '--config', d.config('asks', redis=section(d))], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60, check=False, text=True)
    return done.returncode, done.stdout


def check(d):
    """What `scored check --live` finds: severity, subject, text."""
    return [(found['severity'], found['subject'], found['text']) for found in json.loads(command(d, 'check', '--live', '--json')[1])]


def test_all_that_it_does_is_what_the_readme_lets_it_do(secured, deploy, model):
    """Main job, takeover, a lead that was forgotten, a view that is lost, and what asks the view: nothing is denied, and nothing too much."""
    d = deploy(model(SMALL), 2)
    let_in(secured, d)
    secured.config_resetstat()
    instance = d.start('a', redis=section(d))
    d.send(*[event(f'lead-{i}', 'form') for i in range(20)], event('lead-0', 'lead_forgotten'))
    d.await_committed(21)
    wait_for(lambda: len([o for o in d.outputs('sla') if o['kind'] == 'breached']) == 19, 'all are breached')
    assert instance.stop() == 0
    second = d.start('a', redis=section(d))
    second.await_log('event=shard.taken shard=1 ')
    d.send(*[event(f'lead-{i}', 'page_view') for i in range(1, 20)])  # whose leads are in Redis only
    d.await_committed(40)
    for key in secured.scan_iter(f'{d.name}:*'):
        secured.delete(key)
    wait_for(lambda: len(d.keys('record')) == 19, 'the view is there again')
    for args in (('lead', 'lead-3'), ('verify',), ('top', '--seconds', '1')):
        status, text = command(d, *args)
        assert status == 0, text
    assert second.stop() == 0
    used = {name.removeprefix('cmdstat_').replace('|', ' ') for name in secured.info('commandstats')}
    assert ('ok', 'Redis rights', 'its user may do all that is needed') in check(d)  # it calls all that may ever be called
    assert secured.execute_command('ACL', 'LOG') == []
    assert PASSWORD not in instance.log() + second.log()

    used_by_client = {'auth', 'client setinfo'}
    of_test = {'scan', 'acl', 'config', 'flushall', 'keys', 'zcount', 'hello', 'info'}
    allowed = {rule[1:].replace('|', ' ') for rule in acl_line() if rule.startswith('+')}
    assert {name for name in used if name.split()[0] not in of_test} - used_by_client <= allowed
    assert allowed - of_test - used == {'select', 'zrange'}  # another database than 0; clocks on a terminal


@pytest.mark.parametrize('missing', ['+watch', '+hmget', '+info'])
def test_what_is_denied_is_said(secured, deploy, model, missing):
    d = deploy(model(SMALL), 2)
    let_in(secured, d, without=missing)
    instance = d.start('a', redis=section(d))
    d.send(*[event(f'lead-{i}', 'form') for i in range(4)])
    instance.await_log('NOPERM')
    instance.kill()


def test_check_names_all_that_is_denied(secured, deploy, model):
    """Commands, by what needs them, and keys; and leaves nothing behind."""
    d = deploy(model(SMALL), 2)
    rules = {rule for rule in acl_line() if rule.startswith('+')}
    basic, readers, board = {'+info', '+client|setname', '+select'}, {'+function|load', '+fcall_ro'}, {'+zrange', '+zrevrange'}
    secured.execute_command('ACL', 'SETUSER', 'scored', 'reset', 'on', f'>{PASSWORD}', f'~{d.name}:*', '-@all', *basic)
    found = {(severity, re.search(r'(\S+) needs', text)[1]): set(re.findall(r'\+\S+', text))
             for severity, subject, text in check(d) if subject == 'Redis rights'}
    assert found == {('error', 'scored'): rules - basic - readers - board, ('note', 'top`'): board, ('note', 'functions'): readers}
    let_in(secured, d)
    secured.execute_command('ACL', 'SETUSER', 'scored', 'resetkeys', f'%R~{d.name}:*')
    assert [(severity, text) for severity, subject, text in check(d) if subject == 'Redis rights'] == [
        ('error', f'its user may not read or not write the keys that begin with {d.name}:')]
    assert secured.keys(f'{d.name}:*') == []


def test_a_wrong_password_says_so(secured, deploy, model):
    d = deploy(model(SMALL), 2)
    let_in(secured, d)
    instance = d.start('a', redis=section(d, 'wrong'))
    instance.await_log('WRONGPASS')
    assert 'wrong\n' not in instance.log()
    instance.kill()
