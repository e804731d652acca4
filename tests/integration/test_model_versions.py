# SPDX-License-Identifier: Apache-2.0
"""A new version of the model while the daemon runs, and across restarts."""
import json
import os
import re
import signal

import live
import load
from live import event, wait_for

MODEL = '''
model: versions
version: {version}
scores:
  interest: {{ decay: {decay}, max: 100 }}
rules:
  - {{ id: view, on: [page_view], add: {{ interest: 10 }} }}
tracks:
  lifecycle:
    initial: lead
    stages: [{{ id: lead }}, {{ id: mql }}]
    transitions:
      - {{ id: qualify, from: [lead], to: mql, when: 'interest >= {mark}' }}
sla:
  - {{ id: call, start: {{ on: [demo_requested] }}, stop: {{ on: [sales_touch] }}, target: {target} }}
accounts:
  scores: {{ heat: {{ from: interest, decay: none }} }}
  tracks:
    buying:
      initial: quiet
      stages: [{{ id: quiet }}, {{ id: in_market }}]
      transitions: [{{ id: wake, from: [quiet], to: in_market, when: 'heat >= {heat}' }}]
'''
FIRST = MODEL.format(version=1, decay='none', mark=50, target='1h', heat=1000)
SECOND = MODEL.format(version=2, decay='none', mark=30, target='5m', heat=200)
THIRD = MODEL.format(version=3, decay='{ half_life: 7d }', mark=15, target='5m', heat=100)
HISTORY = {'watermark': 'data'}
BEGIN = 1767225600000  # 2026-01-01
N_LEADS = 60


def rewrite(path, text):
    with open(path + '.new', 'w', encoding='utf-8') as file:
        file.write(text)
    os.rename(path + '.new', path)


def reload(instance, path, text):
    rewrite(path, text)
    instance.process.send_signal(signal.SIGHUP)


def owned(instance):
    """The shards that it has taken last."""
    latest = instance.log().rpartition('event=pipeline.ready')[2].rpartition('event=shards.assigned')[2]
    return sorted(map(int, re.findall(r'event=shard.taken shard=(\d+)', latest)))


def views():
    """Lead i has 1 + i % 5 views, at once."""
    return [event(f'lead-{i}', 'page_view', BEGIN + i * 1000 + k, event_id=f'{i}-{k}', account_id=f'company-{i % 3}')
            for i in range(N_LEADS) for k in range(1 + i % 5)]


def moved(deployment, cause, entity='lead'):
    """Whom stage changes of this cause were told of, as often as told, and by which model version."""
    return sorted((output['lead_id'] or output['account_id'], output['model_version'])
                  for output in deployment.outputs('stages') if output['cause'] == cause and output['entity'] == entity)


def of_views(*counts):
    return sorted(f'lead-{i}' for i in range(N_LEADS) if 1 + i % 5 in counts)


def test_each_version_settles_every_lead_once(deploy, model):
    """By SIGHUP, then after a kill amid the next walk, with Redis emptied: each lead that the new marks move is told once."""
    path = model(FIRST)
    d = deploy(path, n_partitions=4)
    instance = d.start('a', **HISTORY)
    d.send(*views(), event('lead-0', 'demo_requested', BEGIN + 100000, event_id='demo'))
    n = len(views()) + 1
    d.await_quiet(n)
    assert moved(d, 'model') == []

    reload(instance, path, SECOND)
    wait_for(lambda: instance.log().count('event=model.applied') == 4, 'all four shards have the second version')
    # readers see what is committed a little later than who committed it
    wait_for(lambda: len(moved(d, 'model')) >= len(of_views(3, 4)) and len(moved(d, 'model', 'account')) >= 3, 'all is told')
    assert moved(d, 'model') == [(lead, 2) for lead in of_views(3, 4)]
    assert moved(d, 'model', 'account') == [(f'company-{i}', 2) for i in range(3)]

    # an open clock goes on as it was started: an hour, not five minutes
    d.send(event('lead-0', 'sales_touch', BEGIN + 100000 + 30 * 60000, event_id='touch'))
    d.await_quiet(n + 1)
    assert [(o['kind'], o['due_at'] == '2026-01-01T01:01:40.000Z') for o in d.outputs('sla')] == [('met', True)]

    instance.kill()
    d.redis.flushall()
    rewrite(path, THIRD)
    instance = d.start('a', **HISTORY)
    instance.await_log('event=model.changes')
    instance.kill()
    instance = d.start('a', **HISTORY)
    wait_for(lambda: len(moved(d, 'model')) == len(of_views(2, 3, 4)), 'the third version has moved whom it moves')
    wait_for(lambda: instance.log().count('event=model.applied') + instance.log().count('event=shard.taken') >= 4, 'taken')
    d.send(event('lead-0', 'page_view', BEGIN + 4000000, event_id='later'))
    d.await_quiet(n + 2)
    assert moved(d, 'model') == sorted([(lead, 2) for lead in of_views(3, 4)] + [(lead, 3) for lead in of_views(2)])
    assert instance.stop() == 0


def test_model_with_errors_or_no_new_version_changes_nothing(deploy, model):
    path = model(FIRST)
    d = deploy(path, n_partitions=2)
    instance = d.start('a', **HISTORY)
    instance.await_log('event=pipeline.ready')
    reload(instance, path, SECOND.replace('interest >= 30', 'intrest >= 30'))
    instance.await_log('event=model.refused')
    assert 'did you mean "interest"?' in instance.log()
    reload(instance, path, FIRST.replace('>= 50', '>= 10'))
    instance.await_log('event=model.not_newer')
    d.send(*[event('lead-9', 'page_view', BEGIN + k, event_id=f'{k}') for k in range(4)])
    d.await_quiet(4)
    assert d.outputs('stages') == []
    assert instance.stop() == 0


def test_instance_with_the_version_before_halts_and_goes_on_when_it_has_the_new_one(deploy, model):
    """Shards that move to an instance that has not reloaded yet wait there; none is run under the old model."""
    path = model(FIRST)
    old_path = model(FIRST, 'old.yaml')
    d = deploy(path, n_partitions=2)
    first = d.start('a', **HISTORY)
    d.send(*views())
    n = len(views())
    d.await_quiet(n)
    reload(first, path, SECOND)
    wait_for(lambda: first.log().count('event=model.applied') == 2, 'the first one has the second version')
    second = d.start('b', **HISTORY, model=old_path)
    second.await_log('made by a newer model version')
    reload(second, old_path, SECOND)
    second.await_log('event=shard.taken')
    d.send(*[event(f'new-{i}', 'page_view', BEGIN + 90000 + k, event_id=f'n{i}-{k}') for i in range(10) for k in range(3)])
    d.await_quiet(n + 30)
    assert moved(d, 'model') == [(lead, 2) for lead in of_views(3, 4)]
    assert {o['lead_id'] for o in d.outputs('stages') if (o['lead_id'] or '').startswith('new-')} == {f'new-{i}' for i in range(10)}
    assert first.stop() == 0 and second.stop() == 0


def explained(deployment, kind, name, *options):
    """As of an instant at which all has been settled; None as long as the view lacks it."""
    status, out, err = deployment.explain(kind, name, '--json', '--at', str(BEGIN + 10 * 86400000), *options, **HISTORY)
    assert status == 0 or 'in Redis' in err, err
    return json.loads(out) if status == 0 else None


def test_record_of_an_earlier_version_is_explained_as_it_will_be(deploy, model):
    """By the names in the changelog: the same before the daemon has the new version, and after."""
    path = model(FIRST)
    d = deploy(path, n_partitions=4)
    instance = d.start('a', **HISTORY)
    d.send(*views())
    d.await_quiet(len(views()))
    d.send(*[event(f'lead-{i}', 'demo_requested', BEGIN + 100000 + i, event_id=f'demo-{i}') for i in range(N_LEADS)])
    d.await_quiet(len(views()) + N_LEADS)
    asked = [('lead', f'lead-{i}') for i in range(6)] + [('account', f'company-{i}') for i in range(3)]
    present = {who: wait_for(lambda who=who: explained(d, *who), f'{who} is in Redis') for who in asked}
    assert {explanation['record_model_version'] for explanation in present.values()} == {None}
    rewrite(path, SECOND)
    foreseen = {who: explained(d, *who) for who in asked}
    assert {explanation.pop('record_model_version') for explanation in foreseen.values()} == {1}
    assert {explanation['model_version'] for explanation in foreseen.values()} == {2}
    assert [foreseen['lead', f'lead-{i}']['tracks'][0]['stage'] for i in range(5)] == ['lead', 'lead', 'mql', 'mql', 'mql']
    status, text, err = d.explain('lead', 'lead-2', **HISTORY)
    assert (status, err) == (0, '') and text.startswith('version 2 of the model has not come to it yet: its record is of version 1,')
    instance.process.send_signal(signal.SIGHUP)
    wait_for(lambda: instance.log().count('event=model.applied') == 4, 'all four shards have the second version')
    wait_for(lambda: explained(d, *asked[-1])['record_model_version'] is None, 'the view has the second version')
    for who, explanation in foreseen.items():
        assert wait_for(lambda who=who: explained(d, *who), f'{who} is in Redis') == explanation | {'record_model_version': None}, who
    old_path = model(FIRST, 'old.yaml')
    status, out, err = d.explain('lead', 'lead-2', '--model', old_path, **HISTORY)
    assert (status, out) == (78, '') and 'is of version 2 of the model, not of 1' in err
    assert instance.stop() == 0


def test_names_of_an_earlier_version_are_found_after_its_first_batch(deploy, model):
    """Whose footer does not say yet where they are."""
    path = model(live.SMALL)
    d = deploy(path, n_partitions=1)
    instance = d.start('a', **HISTORY)
    d.send(event('lead-1', 'form', BEGIN))
    wait_for(lambda: d.keys('record'), 'the lead is in Redis')
    assert len([record for record in d.records('changelog')[0] if record.key == b'footer']) == 1
    rewrite(path, live.SMALL.replace('version: 1', 'version: 7'))
    lead = explained(d, 'lead', 'lead-1')
    assert (lead['record_model_version'], lead['model_version']) == (1, 7)
    assert instance.stop() == 0


def test_message_of_a_newer_version_halts_the_shard_that_it_is_for(deploy, model):
    """Its other shards go on, and nobody connects anew for it; once the instance has the version, the message is taken."""
    path, old_path = model(FIRST), model(FIRST, 'old.yaml')
    d = deploy(path, n_partitions=4)
    newer, older = d.start('a', **HISTORY), d.start('b', **HISTORY, model=old_path)
    wait_for(lambda: len(owned(newer)) == 2 and sorted(owned(newer) + owned(older)) == [0, 1, 2, 3], 'two shards each')
    reload(newer, path, SECOND)
    wait_for(lambda: newer.log().count('event=pipeline.ready') == 2, 'the second version')
    wait_for(lambda: len(owned(newer)) == 2 and sorted(owned(newer) + owned(older)) == [0, 1, 2, 3], 'two shards each')
    first, last = owned(newer), owned(older)
    account = next(f'company-{i}' for i in range(99) if load.partition_of(f'company-{i}', 4) == last[0])
    lead = next(f'lead-{i}' for i in range(99) if load.partition_of(f'lead-{i}', 4) == first[0])
    other = next(f'lead-{i}' for i in range(99) if load.partition_of(f'lead-{i}', 4) == last[1])
    d.send(event(lead, 'page_view', BEGIN, event_id='e1', account_id=account))
    older.await_log('event=shard.halted')
    assert 'load the new model here, too' in older.log()
    d.send(*[event(other, 'page_view', BEGIN + k, event_id=f'o{k}') for k in range(5)])
    d.await_committed(6)
    assert [o['lead_id'] for o in d.outputs('stages')] == [other]
    assert 'event=pipeline.restart' not in older.log().partition('event=shard.halted')[2]
    reload(older, old_path, SECOND)
    d.await_quiet(6)
    assert json.loads(d.explain('account', account, '--json')[1])['scores'][0]['value'] == 10
    assert newer.stop() == 0 and older.stop() == 0
