# SPDX-License-Identifier: Apache-2.0
"""What the log must not show: secrets, and, if they are to be hidden, ids."""
import json
import os
import re
import struct
import subprocess

import pytest

import live
import load
from live import SMALL, event, wait_for

ENCODE = load.Encoder()
KEY = 'a key of the operators'
N_MISROUTED = 40
# With a log.level of debug librdkafka says all that it does, and what its properties are.
SECRETS = {'sasl.password': 'k4fka-passw0rd', 'ssl.key.password': 'k3y-passw0rd', 'sasl.oauthbearer.config': 'principal=cl1ent-secret'}


def scored(*arguments):
    done = subprocess.run([live.PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False, text=True)
    return done.returncode, done.stdout, done.stderr


def file_of(d, name, text):
    with open(d.path(name), 'w', encoding='utf-8') as file:
        file.write(text + '\n')
    return d.path(name)


def dead_letters(d):
    """Records that become dead letters, each for another reason, with ids in all places where there is room for one."""
    d.produce(b'customer-77 is garbage', 'customer-77')
    d.produce(struct.pack('>bI', 0, 999) + b'customer-77', 'customer-77')
    d.produce(ENCODE(event('customer-77', 'form', account_id='customer-78'))[:-9], 'customer-77')
    d.produce(ENCODE(event('customer-77', 'lead_merged')), 'customer-77')
    d.produce(ENCODE(event('customer-77', 'form', at=4000000000000, event_id='customer-79')), 'customer-77')
    for i in range(N_MISROUTED):
        d.produce(ENCODE(event(f'customer-{i}', 'form')), 'customer-key', partition=0)
    return 5 + N_MISROUTED


def lines_of(log, name):
    return [line for line in log.splitlines() if f'event={name} ' in line]


@pytest.mark.parametrize('shown', ['hashed', 'none', 'clear'])
def test_ids_of_dead_letters(deploy, model, shown):
    """Hidden from the log, they stand as they are in the topic; of a hashed one an operator who has the key finds the lines."""
    d = deploy(model(SMALL), n_partitions=1)
    log = {'lead_ids': shown, 'level': 'debug', 'lead_ids_key_file': file_of(d, 'log.key', KEY)}
    n = dead_letters(d)
    daemon = d.start(log=log)
    d.await_committed(n)
    assert daemon.stop() == 0
    text = daemon.log()
    letters = lines_of(text, 'event.dead_letter')
    reasons = {letter['reason'] for letter in d.outputs('dead-letters')}
    assert reasons == {'bad_wire', 'unknown_schema', 'schema', 'bad_merge', 'future', 'misrouted'}
    assert ('customer-' in text) == (shown == 'clear') and ('error=' in letters[0]) == (shown == 'clear')
    assert any(b'customer-77' in message.value() for message in d.messages(f'{d.name}.dead-letters'))

    # no more lines than the log takes, and a word of the others
    told = [int(one or other) for one, other in re.findall(r'event=event.dead_letter .* left_out=(\d+)|of=event.dead_letter count=(\d+)', text)]
    assert 10 <= len(letters) < n and len(letters) + sum(told) == n

    status, out, err = scored('log', '--hash', 'customer-77', 'other', '--config', d.config('asks', log=log))
    assert status == 0 and not err
    hashes = dict(reversed(line.split()) for line in out.splitlines())
    assert hashes.keys() == {'customer-77', 'other'}
    assert len([line for line in letters if f' key={hashes["customer-77"]} ' in line]) == (5 if shown == 'hashed' else 0)
    assert hashes['other'] not in text


def test_hash_without_a_key_is_nobodys(deploy, model):
    """Each process draws its own, and a lead's lines belong together within one only."""
    d = deploy(model(SMALL), n_partitions=1)
    keys = []
    for n in (2, 4):
        for _ in range(2):
            d.produce(b'garbage', 'customer-77')
        daemon = d.start(log={'lead_ids': 'hashed'})
        d.await_committed(n)
        assert daemon.stop() == 0
        first, second = re.findall(r'event=event.dead_letter .* key=([0-9a-f]{32}) ', daemon.log())
        assert first == second
        keys.append(first)
    assert keys[0] != keys[1]
    status, out, err = scored('log', '--hash', 'customer-77', '--config', d.config('asks', log={'lead_ids': 'hashed'}))
    assert (status, out) == (78, '') and 'log.lead_ids_key_file is not set' in err


def test_short_key_is_refused(deploy, model):
    d = deploy(model(SMALL), n_partitions=1, prepare=False)
    config = d.config(log={'lead_ids': 'hashed', 'lead_ids_key_file': file_of(d, 'short.key', 'fifteen bytes..')})
    for command in (('check',), ('run',), ('log', '--hash', 'x')):
        status, out, err = scored(*command, '--config', config)
        assert status == 78 and 'must hold 16 to 1024 bytes' in err, (command, out, err)


def test_secrets_are_not_shown_at_any_level(deploy, model):
    """Librdkafka's debug lines included, and texts of servers that say a secret back."""
    d = deploy(model(SMALL), n_partitions=1)
    d.produce(b'garbage', 'k')
    kafka = {'bootstrap_servers': live.BOOTSTRAP, 'group': d.name, 'properties': {'debug': 'all', 'session.timeout.ms': 6000},
             'secrets': {name: file_of(d, name, text) for name, text in SECRETS.items()}}
    daemon = d.start(kafka=kafka, log={'level': 'debug', 'format': 'json'})
    daemon.await_log('"event":"pipeline.ready"')
    d.await_committed(1)
    daemon.process.terminate()
    assert daemon.process.wait(60) == 0
    text = daemon.log()
    assert 'sasl.password' in text and len(text.splitlines()) > 500
    for line in text.splitlines():
        json.loads(line)
    for secret in (*SECRETS.values(), 'cl1ent-secret'):
        assert secret not in text


@pytest.mark.skipif(not os.environ.get('SCORED_TEST_FULL'), reason='takes as long as the bound on lines holds')
def test_a_broker_that_is_away_does_not_fill_the_log(deploy, model):
    """Librdkafka tells of each connection that fails, for days; there is a bound, and a word of what was left out."""
    d = deploy(model(SMALL), n_partitions=1, prepare=False)
    addresses = ','.join(f'127.0.0.1:{port}' for port in range(1, 40))
    properties = {'reconnect.backoff.ms': 1, 'reconnect.backoff.max.ms': 10, 'log.connection.close': True}
    daemon = d.start(kafka={'bootstrap_servers': addresses, 'group': d.name, 'properties': properties})
    left_out = wait_for(lambda: re.search(r'event=log.left_out of=kafka.client count=(\d+)|event=kafka.client .* left_out=(\d+)', daemon.log()),
                        'lines are left out')
    started, first_told = daemon.log().splitlines()[0], daemon.log()[:left_out.start()]
    assert 'event=start ' in started and len(lines_of(first_told, 'kafka.client')) == 5
    daemon.process.kill()


def test_log_tells_what_events_mean():
    status, out, err = scored('log')
    assert status == 0 and not err
    listed = out.splitlines()
    assert any(line.startswith('shard.halted ') and ' ! ' in line for line in listed)
    assert any(line.startswith('view.behind ') and ' ! ' not in line for line in listed)
    status, out, err = scored('log', 'shard.halted', 'kafka.login')
    assert status == 0 and out.startswith('shard.halted\n') and '\nkafka.login\n' in out and 'Remedy:' in out
    meanings = json.loads(scored('log', '--json')[1])
    assert len(meanings) == len(listed) and {'event', 'message_id', 'needs_operator', 'title', 'cause', 'remedy'} == meanings[0].keys()
    assert [meaning['event'] for meaning in json.loads(scored('log', '--json', 'failed')[1])] == ['failed']
    assert scored('log', 'shard.halt')[0] == 1 and 'did you mean "shard.halted"?' in scored('log', 'shard.halt')[2]
    assert scored('log', '--hash')[0] == 64 and scored('log', '--catalog', 'failed')[0] == 64
