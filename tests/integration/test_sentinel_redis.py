# SPDX-License-Identifier: Apache-2.0
"""The daemon on a Redis whose master changes: sentinels say who it is."""
import json
import os
import signal
import subprocess
import threading
import time

import pytest

import live
import load
from live import FUNNEL, SMALL, Expected, check_outputs, check_view, event, wait_for
from redis_servers import Sentinels, running


@pytest.fixture
def watched(servers, tmp_path_factory):
    with running(Sentinels(str(tmp_path_factory.mktemp('s')))) as made:
        yield made


def scored(d, config, *args):
    done = subprocess.run([live.PROGRAM, *args, '--config', d.config('asks', redis=config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=120, check=False, text=True)
    return done.returncode, done.stdout


def verified(d, config):
    """Once nothing is on the move any more: who had asked the former master is told that it is lost, EX_UNAVAILABLE."""
    def answer():
        found = scored(d, config, 'verify')
        return found if found[0] != os.EX_UNAVAILABLE else None
    return wait_for(answer, 'Redis stays')


def cut_replication(watched, master):
    """The replica hears no more of the master, and stays behind; sentinels and the daemon, who are connected, go on."""
    client = watched.client(master)
    client.config_set('requirepass', 'x')
    client = live.redis.Redis(port=watched.ports[master], password='x')
    client.client_kill_filter(_type='replica')
    wait_for(lambda: client.info('replication')['connected_slaves'] == 0, 'no replica')


def test_a_replica_that_was_behind_is_caught_up(watched, deploy, model):
    """The master dies under load after its replica has lost touch: followed, and nothing is lost, twice or false."""
    d = deploy(model(SMALL), 4)
    config = watched.section(d)
    d.redis = watched.client(0)
    instance = d.start('a', redis=config)
    d.send(*[event(f'lead-{i}', 'form') for i in range(100)])
    d.await_committed(100)
    wait_for(lambda: len(d.keys('record')) == 100, 'all are in the view')
    cut_replication(watched, 0)
    d.redis = live.redis.Redis(port=watched.ports[0], password='x')
    d.send(*[event(f'lead-{i}', 'form') for i in range(100, 200)])
    d.await_committed(200)
    wait_for(lambda: len(d.keys('record')) == 200, 'the master has them, the replica has not')
    watched.signal(0, signal.SIGKILL)
    d.send(*[event(f'lead-{i}', 'form') for i in range(200, 300)])
    wait_for(lambda: watched.is_master(1), 'the failover')
    d.redis = watched.client(1)
    d.send(*[event(f'lead-{i}', 'form') for i in range(300, 400)])
    d.await_committed(400)
    wait_for(lambda: len(d.keys('record')) == 400, 'all are in the view of the new master')
    assert 'event=view.catch_up' in instance.log()
    stages = d.outputs('stages')
    assert sorted(o['lead_id'] for o in stages) == sorted(f'lead-{i}' for i in range(400))
    for args in (('verify',), ('lead', 'lead-150'), ('check', '--live')):
        status, text = scored(d, config, *args)
        assert status == 0, (text, instance.log()[-3000:])
    assert instance.stop() == 0
    status, text = scored(d, watched.section(d, master='nobody'), 'check', '--live')
    assert status != 0 and 'it knows no master "nobody"' in text, text


def test_check_tells_of_a_replica_that_should_not_become_the_master(watched, deploy, model):
    d = deploy(model(SMALL), 2)
    config, replica = watched.section(d), watched.client(1)

    def found():
        _, text = scored(d, config, 'check', '--live', '--json')
        return [(item['severity'], item['text']) for item in json.loads(text) if item['subject'] == f'Redis replica tcp:127.0.0.1:{watched.ports[1]}']
    assert found() == [('ok', "it follows, and has the master's limits")]
    replica.config_set('maxmemory-policy', 'volatile-ttl')
    replica.config_set('maxmemory', 100 << 20)
    policy, memory = found()
    assert policy[0] == 'warning' and policy[1].startswith('its maxmemory-policy is volatile-ttl')
    assert memory == ('warning', "its maxmemory is 100 MiB, less than its master's")


class Transcript:
    """What happened when, as lines."""

    def __init__(self):
        self.begun = time.monotonic()
        self.lines = []

    def note(self, text):
        self.lines.append(f'{time.monotonic() - self.begun:7.1f} s  {text}')
        print(self.lines[-1], flush=True)


def load_in_background(d, lines, rate):
    thread = threading.Thread(target=load.load, args=(live.BOOTSTRAP, d.sources[0], d.n_partitions, lines, rate))
    thread.start()
    return thread


@pytest.mark.skipif(not os.environ.get('SCORED_TEST_FULL'), reason='takes a minute')
def test_failovers_under_load(watched, deploy, tmp_path):
    """Three of them: to a replica that is behind, to one that is not, and from a master that hangs and comes back. Then as the replays."""
    t = Transcript()
    lines = live.eventful_log(1500)
    d = deploy(FUNNEL)
    config = watched.section(d)
    expected = Expected(d, lines, tmp_path)
    instance = d.start('a', redis=config, watermark='data', batch={'max_events': 100}, cache={'max': '1MiB', 'moments': 200})
    instance.await_log('shards.assigned')
    thread = load_in_background(d, lines, len(lines) / 40)
    t.note(f'{len(lines)} events of {len(expected.leads)} leads at {len(lines) / 40:.0f} a second')
    wait_for(lambda: d.committed() > len(lines) * 0.1, 'a tenth')

    cut_replication(watched, 0)
    t.note('the replica has lost touch')
    # soon: who has had no link for ten times the sentinels' down-after-milliseconds is not made a master
    before = d.committed()
    wait_for(lambda: d.committed() > before + 100, 'more that the replica has not')
    watched.signal(0, signal.SIGKILL)
    t.note(f'master {watched.ports[0]} killed after {d.committed()} events')
    wait_for(lambda: watched.is_master(1), 'the first failover')
    t.note(f'master {watched.ports[1]} by the sentinels, behind')
    instance.await_log('event=view.caught_up')
    t.note(f'caught up: {instance.log().count("event=view.caught_up")} of 8 shards')
    watched.start(0, replica_of=1)
    wait_for(lambda: watched.client(1).info('replication')['connected_slaves'] == 1, 'a replica')
    wait_for(lambda: all(watched.knows_all(i) for i in range(3)), 'which the sentinels know')
    wait_for(lambda: d.committed() > len(lines) * 0.5, 'a half')

    watched.signal(1, signal.SIGSTOP)
    t.note(f'master {watched.ports[1]} hangs after {d.committed()} events')
    wait_for(lambda: watched.is_master(0), 'the second failover')
    t.note(f'master {watched.ports[0]} by the sentinels')
    wait_for(lambda: d.committed() > len(lines) * 0.75, 'three quarters')
    watched.signal(1, signal.SIGCONT)
    wait_for(lambda: watched.client(1).info('replication')['role'] == 'slave', 'the former master is demoted')
    t.note(f'{watched.ports[1]} is back and demoted')
    wait_for(lambda: watched.client(0).info('replication')['connected_slaves'] == 1, 'a replica')
    wait_for(lambda: all(watched.knows_all(i) for i in range(3)), 'which the sentinels know')
    wait_for(watched.failover, 'a replica that a sentinel takes for fit')
    wait_for(lambda: watched.is_master(1), 'the third failover')
    t.note(f'master {watched.ports[1]} by an operator')

    thread.join()
    d.await_committed(len(lines))
    d.redis = watched.client(1)
    wait_for(lambda: len(d.keys('record')) == len(expected.leads), 'the view has all leads')
    t.note('all committed')
    status, text = verified(d, config)
    t.note(f'scored verify: status {status}: {text.strip().splitlines()[-1]}')
    assert status == 0, text
    assert instance.stop() == 0
    check_outputs(d, expected)
    check_view(d, expected)
    t.note(f'{expected.count()} outputs and {len(expected.leads)} leads are, field by field, those of the replays')
