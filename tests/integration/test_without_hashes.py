# SPDX-License-Identifier: Apache-2.0
"""redis.hashes: false. Nothing that asks for present values misses them, and switching leaves none of them behind, nor out."""
import json
import random
import re
import subprocess

import pytest

import live
import load
from live import event, wait_for
from test_readers import DAY, MODEL, N_PARTITIONS, SMALL, as_dict, entity, has_all, instants, random_log


def hashes(d):
    """{key: fields} of all leads and accounts that have any."""
    keys = [key for kind in ('lead:', 'account:') for key in d.keys(kind).values()]
    return {key: d.redis.hgetall(key) for key in keys}


def ids(d, kind):
    return sorted(d.keys('record:' if kind == 'lead' else 'account-record:'))


def lists(d, now):
    """What each function that lists something replies, of each shard."""
    for tag in d.call('tags', 0):
        base = f'{d.name}:{{{tag.decode()}}}:'
        for board in ('total', 'behaviour', 'net', 'odd'):
            yield d.call('leads', 1, base + 'rank:' + board, 50, now)
        for score in ('heat', 'reach', 'calm'):
            yield d.call('accounts', 1, base + 'account-rank:' + score, 50, now)
        yield d.call('clocks', 1, base + 'moments', 100)


def all_replies(d):
    """Of all functions, of all leads and accounts, at some instants."""
    moments = instants(d, 3)
    return {
        **{(kind, name): [entity(d, kind, name, now) for now in moments] for kind in ('lead', 'account') for name in [*ids(d, kind), 'nobody']},
        'lists': [list(lists(d, now)) for now in moments],
    }


def explained(d):
    """What `scored lead` and `scored account` say, by the configuration that is in force."""
    some = random.Random(2).sample(ids(d, 'lead'), 3) + ['lead-58']
    return [d.explain(kind, name, '--json', '--at', load.instant(d.last + DAY), redis=d.settings)
            for kind, names in (('lead', some), ('account', ids(d, 'account')[:2])) for name in names]


def top_goes(d):
    done = subprocess.run([live.PROGRAM, 'top', '--config', d.config('top', redis=d.settings), '--seconds', '1'], timeout=60, check=False)
    return done.returncode == 0


def run(d, has_hashes):
    d.settings = {'address': f'unix:{live.REDIS}', 'prefix': d.name, 'hashes': has_hashes}
    return d.start('a', watermark='data', redis=d.settings)


def await_each(instance, line):
    """Of each shard."""
    wait_for(lambda: instance.log().count(line) == N_PARTITIONS, f'{line} of each shard')


def stop(instance):
    assert instance.stop() == 0


def verified(d, **changes):
    return d.verify(redis=d.settings | changes)


@pytest.fixture(name='d')
def deployed(deploy, model):
    """With the log of the readers' tests, not started yet."""
    d = deploy(model(MODEL), N_PARTITIONS)
    log = list(random_log(11))
    d.n, d.last = len(log), max(item['occurred_at'] for item in log)
    d.call = lambda name, *args: d.redis.execute_command('FCALL_RO', f'{d.name}_{name}', *args)
    d.send(*log)
    return d


def test_all_that_is_told_is_told_without_them(d):
    """Switched off and on again: the same replies, the same hashes, and none where there should be none."""
    first = run(d, True)
    d.await_quiet(d.n)
    d.await_all_told()
    wait_for(lambda: has_all(d), 'Redis has all that is in the changelog')
    kept, replies, told = hashes(d), all_replies(d), explained(d)
    assert len(kept) > 45 and all(kept.values())
    assert d.redis.hget(f'{d.name}:info', 'hashes') == b'1'
    stop(first)

    second = run(d, False)
    await_each(second, 'event=view.caught_up')
    assert 'redis.hashes has changed' in second.log()
    assert hashes(d) == {}
    assert all_replies(d) == replies and explained(d) == told and top_goes(d)
    assert d.redis.hget(f'{d.name}:info', 'hashes') == b'0'
    assert verified(d)[0] == 0
    assert verified(d, hashes=True)[0] == 0  # it goes by how the view was written

    # What comes now: of new ones, and of one that is forgotten and one that is merged.
    d.send(event('lead-new', 'form', d.last + 1), event('lead-1', 'lead_forgotten', d.last + 1), event('lead-2', 'lead_merged', d.last + 1, into='lead-new'))
    d.await_quiet(d.n + 3)
    wait_for(lambda: has_all(d), 'Redis has that, too')
    assert hashes(d) == {} and entity(d, 'lead', 'lead-1', d.last) is None and entity(d, 'lead', 'lead-2', d.last) == {'merged_into': 'lead-new'}
    assert verified(d)[0] == 0
    replies = all_replies(d)
    stop(second)

    third = run(d, False)  # as it was: nothing is to be done
    await_each(third, 'event=shard.taken')
    assert 'view.rebuild' not in third.log()
    stop(third)

    # A program that knows of hashes only writes those of what changes, and puts its own list of boards where ours was.
    stray = d.keys('record:')['lead-3'].replace(b':record:', b':lead:')
    d.redis.hset(stray, 'left', 'over')
    d.redis.hset(stray.replace(b'lead:lead-3', b'meta'), 'boards', 'total\n')
    status, found = verified(d)
    assert status == 1 and json.dumps(found).count('a program that does not know redis.hashes') == 1
    fourth = run(d, True)
    await_each(fourth, 'event=view.caught_up')
    assert fourth.log().count('redis.hashes has changed') == N_PARTITIONS - 1
    again = hashes(d)
    untouched = {key for key in kept if not re.search(rb':(lead-1|lead-58|lead-2|lead-new|company-\d)$', key)}
    assert {key: again[key] for key in untouched} == {key: kept[key] for key in untouched}
    assert all_replies(d) == replies and verified(d)[0] == 0


def test_a_record_of_another_model_version_is_said_to_be_unread(deploy, model):
    """There is no hash to fall back on."""
    d = deploy(model(SMALL.format(version=1)), 1)
    settings = {'address': f'unix:{live.REDIS}', 'prefix': d.name, 'hashes': False}
    first = d.start('a', redis=settings)
    d.send(event('lead-1', 'page_view'))
    d.await_committed(1)
    wait_for(lambda: d.keys('record:'), 'the lead is in Redis')
    assert first.stop() == 0
    key = d.keys('record')['lead-1']
    record = d.redis.get(key)
    second = d.start('b', redis=settings, model=model(SMALL.format(version=2), 'second.yaml'))
    second.await_log('event=model.applied')
    assert second.stop() == 0
    d.redis.set(key, record)
    base = key.decode().removesuffix('record:lead-1')
    assert as_dict(d.redis.execute_command('FCALL_RO', f'{d.name}_lead', 1, base + 'lead:lead-1')) == {
        'unread': 'the record is not of version 2 of the model small'}
    assert d.redis.execute_command('FCALL_RO', f'{d.name}_leads', 1, base + 'rank:interest') == [0, [], 1]
    d.redis.zadd(base + 'moments', {'lead-1': 1})
    assert d.redis.execute_command('FCALL_RO', f'{d.name}_clocks', 1, base + 'moments') == [0, [], 1]


def test_a_redis_without_functions_is_warned_of(own_redis, deploy, model, monkeypatch):
    """Only where nothing else can be read."""
    monkeypatch.setattr(live, 'REDIS', live.server('redis', 'start', own_redis))
    d = deploy(model(SMALL.format(version=1)), 1)

    def warned(has_hashes):
        path = d.config('check', redis={'address': f'unix:{live.REDIS}', 'hashes': has_hashes})
        done = subprocess.run([live.PROGRAM, 'check', '--live', '--json', '--config', path], stdout=subprocess.PIPE, timeout=60, check=False)
        assert done.returncode == 0, done.stdout
        return [finding['severity'] for finding in json.loads(done.stdout) if finding['subject'] == 'reader functions'] == ['warning']
    assert not warned(False)
    d.redis.execute_command('ACL', 'SETUSER', 'default', '-function|load')
    assert warned(False) and not warned(True)
