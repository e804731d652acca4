# SPDX-License-Identifier: Apache-2.0
"""`scored check --live` says what is wrong with the servers, and which sources need `route`."""
import json
import os
import socket
import struct
import subprocess

import pytest
from confluent_kafka import Producer

import live
import load
from live import SMALL, event

ENCODE = load.Encoder()
N_RECORDS = 240


def check(*options):
    """Exit status, standard output, standard error."""
    done = subprocess.run([live.PROGRAM, 'check', '--live', *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=120, check=False, text=True)
    return done.returncode, done.stdout, done.stderr


class Case:
    """A deployment of which each source is filled in its own way; and what is found of it."""

    def __init__(self, deploy, model, *sources, n_partitions=4):
        self.d = deploy(model(SMALL), n_partitions=n_partitions, sources=sources, prepare=False)
        self.names = dict(zip(sources, self.d.sources))

    def fill(self, source, n_partitions=None, key=lambda item: item['lead_id'], partitioner='murmur2_random', n=N_RECORDS,
             damage=lambda value: value):
        """Records of n events, of which `key` tells the key, and `damage` makes something else."""
        self.d.create_topics({self.names[source]: n_partitions or self.d.n_partitions})
        producer = Producer({'bootstrap.servers': live.BOOTSTRAP, 'partitioner': partitioner})
        for i in range(n):
            item = event(f'lead-{i % 60}', 'page_view', account_id=f'company-{i % 7}')
            producer.produce(self.names[source], key=key(item), value=damage(ENCODE(item)))
        assert producer.flush(30) == 0

    def find(self, **changes):
        """Exit status, and what was found as (severity, subject) -> list of (text, remedy)."""
        status, out, err = check('--json', '--config', self.d.config(**changes))
        assert err == ''
        found = {}
        for item in json.loads(out):
            for long, short in ((self.names[name], name) for name in self.names):
                item = {key: value and value.replace(long, short) for key, value in item.items()}
            item = {key: value and value.replace(self.d.name, 'P') for key, value in item.items()}
            found.setdefault((item['severity'], item['subject']), []).append((item['text'], item['remedy']))
        return status, found

    def route(self, *sources):
        return [self.names[source] for source in sources]


@pytest.fixture
def case(deploy, model):
    return lambda *sources, **options: Case(deploy, model, *sources, **options)


def test_all_is_well(case):
    c = case('web')
    c.fill('web')
    status, found = c.find()
    assert status == 0
    assert found['ok', 'source web'] == [
        ('4 partitions; 240 records sampled have their lead_id as key, in the partition that murmur2_random gives', None)]
    assert found['note', 'topic P.changelog'] == [('it is not there yet: `scored run` creates it with 4 partitions', None)]
    assert ('ok', 'Kafka') in found and ('ok', 'Redis') in found
    assert not any(severity in ('warning', 'error') for severity, _ in found)
    daemon = c.d.start()
    daemon.await_log('shards.assigned')
    assert daemon.stop() == 0
    status, found = c.find()
    assert status == 0 and found['ok', 'topics'] == [
        ("7 topics of scored's own are there and as they should be", None)]
    assert not c.d.redis.exists(f'{c.d.name}:check')


def test_who_needs_route(case):
    """Each in another way; the remedy is the whole list."""
    c = case('web', 'crm', 'legacy', 'small', 'empty')
    c.fill('web')
    c.fill('crm', key=lambda item: item['account_id'])
    c.fill('legacy', partitioner='consistent_random')
    c.fill('small', n_partitions=3)
    c.fill('empty', n=0)
    status, found = c.find()
    assert status == 1
    assert ('ok', 'source web') in found
    (text, remedy), = found['error', 'source crm']
    assert text.startswith('of 240 records sampled 240 have a key that is not the lead_id, such as partition ')
    assert ': key "company-' in text and ', lead_id "lead-' in text
    assert remedy == 'route: [crm, legacy, small]'
    (text, remedy), = found['error', 'source legacy']
    assert text.startswith('of 240 records sampled ') and 'not in the partition that murmur2_random gives' in text
    assert text.endswith('; all stand where consistent_random puts them, but those of other sources do not')
    assert remedy == 'route: [crm, legacy, small]'
    assert found['error', 'source small'] == [
        ("it has 3 partitions, but there are 4 shards: a lead's events would not meet in one", 'route: [crm, legacy, small]')]
    assert found['note', 'source empty'] == [('4 partitions without records: nothing can be told of their keys', None)]
    # And that remedy is one.
    status, found = c.find(route=c.route('crm', 'legacy', 'small'))
    assert status == 0 and not any(severity == 'warning' for severity, _ in found)
    assert found['ok', 'source small'] == [('it is routed, as it has to be: it has 3 partitions, and there are 4 shards', None)]
    assert found['ok', 'source crm'][0][0].startswith('it is routed, as it has to be: of 240 records sampled 240 have a key')


def test_another_partitioner_would_do(case):
    """Where it suits all sources."""
    c = case('web', 'crm')
    c.fill('web', partitioner='consistent_random')
    c.fill('crm', partitioner='consistent_random')
    status, found = c.find()
    assert status == 1
    (text, remedy), = found['error', 'source crm']
    assert text.endswith('; all stand where consistent_random puts them')
    assert remedy == 'kafka.partitioner: consistent_random; or route: [web, crm]'
    kafka = {'bootstrap_servers': live.BOOTSTRAP, 'group': c.d.name, 'partitioner': 'consistent_random'}
    status, found = c.find(kafka=kafka)
    assert status == 0 and ('ok', 'source web') in found and ('ok', 'source crm') in found
    # What is kept already was kept by the present one.
    c.d.create_topics({f'{c.d.name}.changelog': 4}, **{'cleanup.policy': 'compact', 'delete.retention.ms': 604800000})
    _, found = c.find()
    assert found['error', 'source crm'][0][1] == (
        'route: [web, crm]; or kafka.partitioner: consistent_random, but with another topics.prefix, since the present state was kept '
        'by murmur2_random')


def test_routed_partitions_may_be_too_many(case):
    """For the shards there are."""
    c = case('web', 'crm', n_partitions=1)
    c.fill('web')
    c.fill('crm', n_partitions=130)
    status, found = c.find(route=c.route('crm'))
    assert status == 1 and ('ok', 'source crm') in found
    assert found['error', 'route'][0][0].endswith('that a shard would have over 127 to read')


def test_routed_for_nothing(case):
    c = case('web', 'crm')
    c.fill('web')
    c.fill('crm')
    status, found = c.find(route=c.route('crm'))
    assert status == 0
    (text, remedy), = found['warning', 'source crm']
    assert text.startswith('it is routed, but 240 records sampled have their lead_id as key') and remedy == 'route: []'


def test_records_that_are_no_events(case):
    c = case('web', 'crm')
    c.fill('web', damage=lambda value: struct.pack('>bI', 0, 999) + value[5:])
    n = iter(range(N_RECORDS))
    c.fill('crm', damage=lambda value: value if next(n) % 24 else value[:-3])
    status, found = c.find()
    assert status == 1
    (text, remedy), = found['error', 'source web']
    assert text.startswith("of 240 records sampled 240 cannot be read as events, 240 of them by their schema's id, such as partition ")
    assert text.endswith(': no schema has the id 999') and remedy.startswith('name the schema and its id under schemas.events')
    (text, _), = found['warning', 'source crm']
    assert text.startswith('of 240 records sampled 10 cannot be read as events, such as partition ')
    assert ('ok', 'source crm') in found


def test_only_the_latest_are_sampled(case):
    """What was sent in another way before does not matter any more, however much it is."""
    c = case('web', n_partitions=1)
    c.fill('web', n=1000, key=lambda item: item['account_id'])
    c.d.send(*(event(f'lead-{i}', 'page_view') for i in range(200)))
    status, found = c.find()
    assert status == 0 and found['ok', 'source web'][0][0].startswith('1 partition; 200 records sampled have')


def test_our_own_topics(case):
    c = case('web')
    c.fill('web')
    c.d.create_topics({f'{c.d.name}.changelog': 4, f'{c.d.name}.internal': 5})
    status, found = c.find(topics={'prefix': c.d.name, 'create': False})
    assert status == 1
    (text, remedy), = found['error', 'topic P.changelog']
    assert text.startswith('its cleanup.policy is delete: ') and remedy == 'set its cleanup.policy to compact'
    (text, _), = found['error', 'topic P.internal']
    assert text.startswith('it has 5 partitions, but the sources that are not routed have 4')
    assert found['error', 'topic P.sla'] == [('there is no such topic', 'create it, or set topics.create to true')]


def test_a_changelog_made_by_hand(case):
    """It may forget tombstones too soon."""
    c = case('web')
    c.fill('web')
    c.d.create_topics({f'{c.d.name}.changelog': 4}, **{'cleanup.policy': 'compact', 'delete.retention.ms': 7200000})
    c.d.create_topics({f'{c.d.name}.internal': 4}, **{'cleanup.policy': 'compact,delete'})
    live.wait_for(lambda: c.find()[0] == 1, 'the brokers tell what was just created')
    status, found = c.find()
    assert status == 1
    (text, remedy), = found['warning', 'topic P.changelog']
    assert text.startswith('its delete.retention.ms is 7200000: ') and remedy.startswith('set its delete.retention.ms to 604800000')
    assert found['error', 'topic P.internal'][0][0].startswith('its cleanup.policy is compact,delete')


def test_redis_that_evicts(case, own_redis):
    c = case('web')
    c.fill('web')
    path = live.server('redis', 'start', own_redis, '--set', 'maxmemory-policy allkeys-lru')
    status, found = c.find(redis={'address': f'unix:{path}', 'prefix': c.d.name})
    assert status == 1
    (text, remedy), = found['error', 'Redis']
    assert 'allkeys-lru' in text and remedy == 'set maxmemory-policy to noeviction'


def test_redis_that_is_full_or_read_only(case, own_redis):
    """Both are found, and one does not hide the other."""
    c = case('web')
    c.fill('web')
    path = live.server('redis', 'start', own_redis, '--set', 'maxmemory 1', '--set', 'maxmemory-policy volatile-lru')
    redis = {'address': f'unix:{path}', 'prefix': c.d.name}
    status, found = c.find(redis=redis)
    assert status == 1 and len(found['error', 'Redis']) == 2
    assert 'OOM' in found['error', 'Redis'][1][0]


def test_servers_that_are_not_there(case):
    """Both are told; for people, too."""
    c = case('web')
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        nobody = f'127.0.0.1:{unused.getsockname()[1]}'
        path = c.d.config(kafka={'bootstrap_servers': nobody, 'group': c.d.name},
                          redis={'address': f'unix:{c.d.path("no.sock")}', 'prefix': c.d.name})
        status, out, err = check('--config', path)
    assert (status, err) == (1, '')
    lines = out[out.index('servers:\n'):].splitlines()
    assert lines[1].startswith(f'  error    Kafka: no broker answers at {nobody}')
    assert lines[2] == '           expected: the list of brokers'
    assert lines[3].startswith('           to do: start it, or correct kafka.bootstrap_servers')
    assert lines[4].startswith('  error    Redis: ') and lines[7:] == ['2 errors, 0 warnings']


def test_a_topic_that_is_not_there(case):
    c = case('web', 'crm')
    c.fill('web')
    status, found = c.find()
    assert status == 1
    assert found['error', 'source crm'] == [('there is no such topic', 'create it, or correct `sources`')]
    assert ('ok', 'source web') in found


def test_files_are_checked_first(case, model, tmp_path):
    """Without a configuration there is nobody to ask; a wrong model does not keep it from asking."""
    c = case('web')
    c.fill('web')
    status, out, err = check('--json', '--config', str(tmp_path / 'missing.yaml'))
    assert status == 78 and 'missing.yaml' in err
    assert [(item['severity'], os.path.basename(item['subject'])) for item in json.loads(out)] == [('error', 'missing.yaml')]
    wrong = model(SMALL.replace('interest: 10', 'intrest: 10'), 'wrong.yaml')
    status, out, err = check('--json', '--config', c.d.config(), '--model', wrong)
    assert status == 78 and 'intrest' in err
    found = [(item['severity'], os.path.basename(item['subject'])) for item in json.loads(out)]
    assert found[:2] == [('ok', 'a.yaml'), ('error', 'wrong.yaml')] and ('ok', 'Kafka') in found
