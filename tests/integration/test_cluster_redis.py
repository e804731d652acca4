# SPDX-License-Identifier: Apache-2.0
"""The daemon on a Redis Cluster: each shard at the node of its slot, wherever that moves."""
import json
import os
import re
import subprocess

import pytest
import redis

import live
import registry
from live import FUNNEL, SMALL, Expected, check_outputs, check_view, event, wait_for
from redis_servers import Cluster, running
from test_secure_redis import PASSWORD, acl_line
from test_sentinel_redis import Transcript, load_in_background, scored

N_SLOTS = 16384


class Client(redis.RedisCluster):
    """Of the whole cluster, for what the tests ask of one server elsewhere."""

    def mget(self, keys):
        return self.mget_nonatomic(keys)


@pytest.fixture(scope='module')
def masters(servers, tmp_path_factory):
    """Three of them."""
    with running(Cluster(str(tmp_path_factory.mktemp('c')))) as made:
        yield made


def encrypted(folder, **settings):
    """Three that speak TLS only, among each other, too, and ask for a certificate; theirs are for the name "localhost"."""
    os.mkdir(os.path.join(folder, 'tls'))
    return Cluster(folder, certificates=registry.certificates(os.path.join(folder, 'tls')), **settings)


@pytest.fixture(scope='module')
def tls_masters(servers, tmp_path_factory):
    """They announce themselves by that name, where they speak TLS."""
    settings = {'cluster-announce-hostname': 'localhost', 'cluster-preferred-endpoint-type': 'hostname'}
    with running(encrypted(str(tmp_path_factory.mktemp('c')), **settings)) as made:
        yield made


@pytest.fixture
def replicated(servers, tmp_path_factory):
    """Three, each with a replica."""
    with running(Cluster(str(tmp_path_factory.mktemp('c')), n_replicas=1)) as made:
        yield made


def slot_of(shard, n_shards):
    """As daemon/io/redis/shard_tag.h puts it."""
    return (2 * shard + 1) * N_SLOTS // (2 * n_shards)


def on(deploy, cluster, path, n_partitions):
    d = deploy(path, n_partitions)
    d.redis = Client(host='localhost' if cluster.certificates else '127.0.0.1', port=cluster.ports[0], ssl=bool(cluster.certificates), **cluster.access)
    return d, cluster.section(d)


def check_clean(d, config, instance):
    status, text = scored(d, config, 'verify')
    assert status == 0, (text, instance.log()[-3000:])


def let_in(cluster, d, config):
    """A user with the rights of the README, and those that it says a cluster asks for in addition."""
    with open(os.path.join(live.ROOT, 'README.md'), encoding='utf-8') as file:
        more = re.search(r'A user needs\s+`(.*?)` in addition', file.read())[1].split()
    rules = [rule.replace('~scored:*', f'~{d.name}:*') for rule in acl_line()]
    for which in range(len(cluster.ports)):
        cluster.client(which).execute_command('ACL', 'SETUSER', 'scored', 'reset', 'on', f'>{PASSWORD}', *rules, *more)
        cluster.client(which).execute_command('ACL', 'LOG', 'RESET')
    password = d.path('redis.password')
    with open(password, 'w', encoding='utf-8') as file:
        file.write(PASSWORD + '\n')
    return config | {'username': 'scored', 'password_file': password}


@pytest.mark.parametrize('which', ['masters', pytest.param('tls_masters', marks=pytest.mark.skipif(
    not os.environ.get('SCORED_TEST_FULL'), reason='takes as long as the other once more'))])
def test_each_shard_is_at_its_node(request, which, deploy, model):
    """Main job, and all that reads the view, with the rights of the README; a shard moves, with events on the way."""
    masters = request.getfixturevalue(which)
    d, config = on(deploy, masters, model(SMALL), 6)
    config = let_in(masters, d, config)
    instance = d.start('a', redis=config)
    d.send(*[event(f'lead-{i}', 'form') for i in range(120)])
    d.await_committed(120)
    wait_for(lambda: len(d.keys('record')) == 120, 'all are in the view')
    assert all(masters.client(i).dbsize() > 10 for i in range(3))
    for args in (('lead', 'lead-3'), ('verify',), ('check', '--live'), ('top', '--seconds', '1')):
        status, text = scored(d, config, *args)
        assert status == 0, text

    lead = min(d.keys('record'))
    slot = d.redis.keyslot(d.keys('record')[lead])
    target = (masters.owner(slot) + 1) % 3
    source = masters.begin_move(slot, target)
    masters.move_keys(slot, source, target, 20)
    assert 0 < masters.ask(target, 'CLUSTER', 'COUNTKEYSINSLOT', slot) and 0 < masters.ask(source, 'CLUSTER', 'COUNTKEYSINSLOT', slot)
    status, text = scored(d, config, 'lead', lead)
    assert status == 0, text  # wherever its keys are now
    d.send(*[event(f'lead-{i}', 'form') for i in range(120, 240)])
    instance.await_log('TRYAGAIN')
    while masters.move_keys(slot, source, target):
        pass
    masters.end_move(slot, target)
    d.await_committed(240)
    wait_for(lambda: len(d.keys('record')) == 240, 'all are in the view')
    assert masters.owner(slot) == target and masters.ask(target, 'CLUSTER', 'COUNTKEYSINSLOT', slot) > 20
    wait_for(lambda: len(d.outputs('stages')) == 240, 'all are told')
    check_clean(d, config, instance)
    assert [masters.client(i).execute_command('ACL', 'LOG') for i in range(3)] == [[], [], []]
    assert instance.stop() == 0


@pytest.fixture
def set_on_all(tls_masters):
    """Sets what nodes say of themselves; as it was, afterwards."""
    former = {}

    def set_it(name, value, nodes=range(3)):
        former.setdefault(name, tls_masters.client(0).config_get(name)[name])
        for which in nodes:
            tls_masters.client(which).config_set(name, value)
    yield set_it
    for name, value in former.items():
        set_it(name, value)


def test_nodes_are_called_as_they_announce_themselves(tls_masters, set_on_all, deploy, model):
    """By addresses, for which their certificates are not; not at all; by names of which one lacks; and at another port."""
    d, config = on(deploy, tls_masters, model(SMALL), 3)
    by_name = config | {'server_name': 'localhost'}

    def answers(asked):
        _, text = scored(d, asked, 'check', '--live')
        return text if 'can be written and does not evict' not in text else None

    set_on_all('cluster-preferred-endpoint-type', 'ip')
    assert 'tcp:127.0.0.1:' in answers(config) and 'IP address mismatch' in answers(config)
    assert not answers(by_name)
    set_on_all('cluster-preferred-endpoint-type', 'unknown-endpoint')
    assert not answers(config)
    set_on_all('cluster-preferred-endpoint-type', 'hostname')
    set_on_all('cluster-announce-hostname', '', [2])
    wait_for(lambda: b'?' in [found[2][0] for found in tls_masters.ask(0, 'CLUSTER', 'SLOTS')], 'the name is forgotten')
    assert 'IP address mismatch' in answers(config)
    assert not answers(by_name)
    set_on_all('cluster-announce-hostname', 'localhost')
    port = live.free_port()
    set_on_all('cluster-announce-tls-port', port, [1])
    wait_for(lambda: port in [found[2][1] for found in tls_masters.ask(0, 'CLUSTER', 'SLOTS')], 'the port is announced')
    assert f'tcp:localhost:{port}' in answers(config)


def test_check_names_the_node_that_is_wrong(masters, deploy, model):
    """Each of the three in another way, and all are told."""
    d, config = on(deploy, masters, model(SMALL), 3)
    config = let_in(masters, d, config)
    names = [f'tcp:127.0.0.1:{port}' for port in masters.ports]
    client = [masters.client(i) for i in range(3)]
    former = client[0].config_get('maxmemory-policy')['maxmemory-policy']
    client[0].config_set('maxmemory-policy', 'allkeys-lru')
    ballast = next(f'ballast-{i}' for i in range(1000) if masters.owner(d.redis.keyslot(f'ballast-{i}')) == 1)
    client[1].setrange(ballast, 30_000_000, 'x')  # so that connections do not count
    client[1].config_set('maxmemory', int(client[1].info('memory')['used_memory'] * 1.07))
    client[2].execute_command('ACL', 'SETUSER', 'scored', '-zadd', '-asking')
    try:
        status, text = scored(d, config, 'check', '--live', '--json')
        found = {(item['severity'], item['subject']): item['text'] for item in json.loads(text)}
        assert status == 1
        assert 'allkeys-lru' in found.pop(('error', f'Redis at {names[0]}'))
        assert found.pop(('warning', f'Redis memory at {names[1]}'))
        assert '+asking +zadd are missing' in found.pop(('error', f'Redis rights at {names[2]}'))
        assert not [key for key in found if key[0] in ('error', 'warning') and key[1].startswith('Redis')], found
        assert {('ok', f'Redis role at {name}') for name in names} <= set(found)
    finally:
        client[0].config_set('maxmemory-policy', former)
        client[1].config_set('maxmemory', 0)
        client[1].delete(ballast)


def test_check_names_the_node_that_is_gone(servers, tmp_path_factory, deploy, model):
    with running(Cluster(str(tmp_path_factory.mktemp('c')))) as masters:
        d, config = on(deploy, masters, model(SMALL), 3)
        slot = slot_of(1, 3)
        for which in range(3):
            masters.ask(which, 'CLUSTER', 'DELSLOTS', slot)
        wait_for(lambda: '1 slots of the cluster are served by nobody' in scored(d, config, 'check', '--live')[1], 'it is told')
        masters.kill(2)
        _, text = scored(d, config, 'check', '--live', '--json')
        found = {(item['severity'], item['subject']): item for item in json.loads(text)}
        gone = found['error', f'Redis at tcp:127.0.0.1:{masters.ports[2]}']
        assert 'Connection refused' in gone['text'] and f':{masters.ports[2]}' in gone['remedy']
        assert [('ok', f'Redis role at tcp:127.0.0.1:{masters.ports[i]}') in found for i in range(3)] == [True, True, False]


def test_what_is_moving_is_not_dropped_by_half(masters, deploy, model):
    """A shard's view is rebuilt while its slot moves: what is at the other node already goes, too."""
    d, config = on(deploy, masters, model(SMALL), 2)
    instance = d.start('a', redis=config)
    d.send(*[event(f'lead-{i}', 'page_view') for i in range(20)])  # of which time makes nothing more
    d.await_committed(20)
    wait_for(lambda: len(d.keys('record')) == 20, 'all are in the view')
    meta = d.shard_keys('meta')[0]
    slot = d.redis.keyslot(meta)
    ghost = meta.replace(b'meta', b'record:ghost')
    d.redis.set(ghost, 'of a lead that nobody knows')
    target = (masters.owner(slot) + 1) % 3
    source = masters.begin_move(slot, target)
    masters.ask(source, 'MIGRATE', '127.0.0.1', masters.ports[target], '', 0, 5000, 'KEYS', ghost)
    masters.ask(source, 'HSET', meta, 'bno', 0, 'updated_at', 0)  # so old that it cannot be caught up with
    instance.await_log('event=view.rebuild')
    instance.await_log('event=takeover.waiting for=redis')
    while masters.move_keys(slot, source, target):
        pass
    masters.end_move(slot, target)
    wait_for(lambda: d.redis.hget(meta, 'mode') == b'live', 'the shard is live')
    assert not d.redis.exists(ghost)
    check_clean(d, config, instance)
    assert instance.stop() == 0


def reshard(cluster, source, target, n):
    """As an operator does it."""
    subprocess.run(['redis-cli', '--cluster', 'reshard', f'127.0.0.1:{cluster.ports[0]}', '--cluster-from', cluster.node_id(source), '--cluster-to',
                    cluster.node_id(target), '--cluster-slots', str(n), '--cluster-yes'], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.skipif(not os.environ.get('SCORED_TEST_FULL'), reason='takes a minute')
def test_resharding_and_failover_under_load(replicated, deploy, tmp_path):
    """All shards move to another node, then one node dies: as the replays."""
    t = Transcript()
    lines = live.eventful_log(1500)
    d, config = on(deploy, replicated, FUNNEL, 8)
    expected = Expected(d, lines, tmp_path)
    instance = d.start('a', redis=config, watermark='data', batch={'max_events': 100}, cache={'max': '1MiB', 'moments': 200})
    instance.await_log('shards.assigned')
    status, text = scored(d, config, 'check', '--live')
    assert status == 0 and text.count("it follows, and has the master's limits") == 3, text
    thread = load_in_background(d, lines, len(lines) / 60)
    t.note(f'{len(lines)} events of {len(expected.leads)} leads at {len(lines) / 60:.0f} a second, 8 shards on 3 masters')
    wait_for(lambda: d.committed() > len(lines) * 0.05, 'a part')
    before = d.committed()
    reshard(replicated, replicated.owner(0), 2, 1100)  # shard 0's slot is 1024
    t.note(f'redis-cli has moved 1100 slots to {replicated.ports[2]}, from event {before} to {d.committed()}')
    for shard in range(1, 8):
        before, slot = d.committed(), slot_of(shard, 8)
        source, target = replicated.owner(slot), (replicated.owner(slot) + 1) % 3
        replicated.move(slot, target, 5)
        t.note(f'shard {shard} moved from {replicated.ports[source]} to {replicated.ports[target]}, from event {before} to {d.committed()}')
        wait_for(lambda reached=before + 700: d.committed() > reached, 'some more')
    assert d.committed() < len(lines) * 0.9
    victim = replicated.owner(slot_of(7, 8))
    replicated.kill(victim)
    t.note(f'{replicated.ports[victim]} killed after {d.committed()} events')
    wait_for(lambda: any(i != victim and replicated.ask(i, 'ROLE')[0] == b'master' and replicated.owner(slot_of(7, 8)) == i
                         for i in range(3, 6)), 'its replica takes its place')
    t.note(f'its slots are served by {replicated.ports[replicated.owner(slot_of(7, 8))]}')
    thread.join()
    d.await_committed(len(lines))
    d.redis = Client(host='127.0.0.1', port=replicated.ports[0 if victim else 1])
    wait_for(lambda: len(d.keys('record')) == len(expected.leads), 'the view has all leads')
    t.note(f'all committed; the log tells of {instance.log().count("event=pipeline.paused")} pauses')
    status, text = scored(d, config, 'verify')
    t.note(f'scored verify: status {status}: {text.strip().splitlines()[-1]}')
    assert status == 0, text
    assert instance.stop() == 0
    check_outputs(d, expected)
    check_view(d, expected)
    t.note(f'{expected.count()} outputs and {len(expected.leads)} leads are, field by field, those of the replays')
