# SPDX-License-Identifier: Apache-2.0
"""The daemon on a real Kafka and a real Redis."""
import json
import os
import random
import signal
import socket
import struct
import time

import fastavro
import redis
from confluent_kafka import Consumer, TopicPartition

import live
import load
from live import FUNNEL, SMALL, Expected, check_outputs, check_view, event, server, wait_for

QUICK_LOG_LEN = 40000


def log_lines():
    """The log's lines, and whether it is the whole real one."""
    path = live.real_log()
    if not path:
        return live.synthetic_log(3000), False
    full = bool(os.environ.get('SCORED_TEST_FULL'))
    return list(load.read_lines(path, None if full else QUICK_LOG_LEN)), full


def test_main_job_survives_kill_and_flush(deploy, tmp_path):
    """Two instances, one killed and started again, Redis emptied: the same as the replays, then the clock goes on."""
    lines, full = log_lines()
    d = deploy(FUNNEL)
    expected = Expected(d, lines, tmp_path)
    chance = random.Random(7)
    history = {'watermark': 'data', 'batch': {'max_events': 400}, 'cache': {'max': '4MiB', 'moments': 200}}
    first, second = d.start('a', **history), d.start('b', **history)
    first.await_log('shards.assigned')
    load.load(live.BOOTSTRAP, d.sources[0], d.n_partitions, lines)
    wait_for(lambda: d.committed() > len(lines) * chance.uniform(0.1, 0.3), 'a part of the log')
    second.kill()
    second = d.start('b', **history)
    wait_for(lambda: d.committed() > len(lines) * chance.uniform(0.5, 0.6), 'half of the log')
    d.redis.flushall()
    d.await_committed(len(lines))
    # shards that had nothing more to do notice the loss when they look, every few seconds
    wait_for(lambda: len(d.keys('record')) == len(expected.leads), 'the view has all leads again')
    assert first.stop() == 0 and second.stop() == 0
    check_outputs(d, expected)
    check_view(d, expected)
    breached = {o['lead_id'] for o in expected.outputs.values()
                if o.get('kind') == 'breached' and o['policy'] == 'speed-to-lead'}
    if full:
        assert len(breached) == 6942

    # By the wall clock what was open is judged, once.
    before = d.outputs('sla')
    open_clocks = {(lead, clock['policy'], clock['epoch']) for lead, line in expected.leads.items()
                   for clock in line['sla'] if not clock['breached']}
    third = d.start('a')

    def told():
        return [o for o in d.outputs('sla') if o['kind'] == 'breached'][sum(o['kind'] == 'breached' for o in before):]
    wait_for(lambda: len(told()) >= len(open_clocks) and not d.lag_of_moments(), 'what was open breaches')
    assert third.stop() == 0
    after = [o for o in d.outputs('sla') if o['event_id'] not in expected.outputs and o['kind'] == 'breached']
    assert len({o['event_id'] for o in after}) == len(after)
    assert open_clocks <= {(o['lead_id'], o['policy'], o['epoch']) for o in after}


def test_bad_records_become_dead_letters(deploy, model):
    """Each with its reason and bytes; the daemon lives and the next event counts."""
    d = deploy(model(SMALL), n_partitions=2)
    encode = load.Encoder()
    good = encode(event('lead-1', 'form'))
    bad = {
        'bad_wire': b'\x07' + good[1:],
        'unknown_schema': struct.pack('>bI', 0, 999) + good[5:],
        'schema': good[:-3],
    }
    length_prefix = good[:5] + b'\xfe\xff\xff\xff\x0f' + good[6:]  # a string of 2 GiB
    daemon = d.start()
    for value in bad.values():
        d.produce(value, 'lead-1')
    d.produce(length_prefix, 'lead-1')
    d.produce(b'', 'lead-1')
    d.produce(encode(event('lead-2', 'form')), 'lead-1')
    wrong = 1 - load.partition_of('lead-1', 2)
    d.produce(encode(event('lead-1', 'form')), 'lead-1', partition=wrong)
    d.send(event('lead-1', 'form', at=int(time.time() * 1000) + 3600000))
    d.send(event('lead-1', 'form'))
    d.await_committed(9)
    letters = d.outputs('dead-letters')
    assert sorted(letter['reason'] for letter in letters) == sorted(
        ['bad_wire', 'unknown_schema', 'schema', 'schema', 'bad_wire', 'misrouted', 'misrouted', 'future'])
    for reason, value in bad.items():
        assert value in [letter['original'] for letter in letters if letter['reason'] == reason]
    assert length_prefix in [letter['original'] for letter in letters]
    stages = d.outputs('stages')
    assert [(s['lead_id'], s['to']) for s in stages] == [('lead-1', 'mql')]
    assert daemon.stop() == 0


def test_writer_schema_may_evolve(deploy, model, tmp_path):
    """Fields added, dropped and reordered, int for long."""
    schema = {'type': 'record', 'name': 'Other', 'fields': [
        {'name': 'lead_id', 'type': 'string'},
        {'name': 'added', 'type': {'type': 'array', 'items': 'long'}},
        {'name': 'type', 'type': {'type': 'enum', 'name': 'Type', 'symbols': ['form', 'page_view']}},
        {'name': 'properties', 'type': {'type': 'map', 'values': ['null', 'int', 'string']}},
        {'name': 'occurred_at', 'type': {'type': 'long', 'logicalType': 'timestamp-micros'}},
        {'name': 'event_id', 'type': 'string'},
    ]}
    path = tmp_path / 'other.avsc'
    path.write_text(json.dumps(schema))
    d = deploy(model(SMALL), n_partitions=2)
    d.schema_files[7] = str(path)
    encode = load.Encoder(schema, 7)
    at = int(time.time() * 1000)
    record = event('lead-9', 'form', at=at, number=5) | {'added': [1, 2, 3]}
    buffer = encode(record | {'occurred_at': at * 1000})
    daemon = d.start()
    d.produce(buffer, 'lead-9')
    d.await_committed(1)
    assert [(o['lead_id'], o['changed_at']) for o in d.outputs('stages')] == [('lead-9', load.instant(at))]
    assert daemon.stop() == 0


def test_outputs_can_be_routed_by_their_headers(deploy, model):
    d = deploy(model(SMALL), n_partitions=2)
    daemon = d.start()
    d.send(event('lead-1', 'profile_updated', country='DE', crm_id=9007199254740993), event('lead-1', 'form', source='ads'),
           event('lead-1', 'sales_accepted'), event('lead-2', 'form'))
    d.await_committed(4)
    messages = {m.key().decode(): m for m in d.messages(f'{d.name}.stages')}
    routed, unrouted = messages['lead-1'], messages['lead-2']
    output, headers = d.decode(routed), dict(routed.headers())
    assert headers['ce_type'] == b'io.scored.StageChanged' and headers['ce_specversion'] == b'1.0'
    assert headers['ce_id'].decode() == output['event_id'] and headers['ce_subject'] == b'lead-1'
    assert headers['ce_time'].decode() == output['changed_at'] and headers['content-type'] == b'application/avro'
    assert headers['scored_route'] == b'emea' and output['route'] == 'emea'
    assert 'scored_route' not in dict(unrouted.headers())
    assert output['carried'] == {'profile.crm_id': 9007199254740993}
    refused = d.outputs('refused')
    assert [(r['stage'], r['requirement']) for r in refused] == [('mql', 'present(event.rep)')]
    assert daemon.stop() == 0


def test_view_is_readable_and_forgets(deploy, model):
    d = deploy(model(SMALL), n_partitions=2)
    daemon = d.start()
    d.send(event('lead-1', 'profile_updated', employees=500), event('lead-1', 'form', account_id='acme'),
           event('gone-lead', 'form'))
    wait_for(lambda: len(d.keys('lead')) == 2, 'both leads in the view')
    fields = {k.decode(): v.decode() for k, v in d.redis.hgetall(d.keys('lead')['lead-1']).items()}
    assert fields['stage:lifecycle'] == 'mql' and fields['account'] == 'acme' and fields['score:fit'] == '20'
    assert fields['sla:call'].count('/') == 2
    info = {k.decode(): v.decode() for k, v in d.redis.hgetall(f'{d.name}:info').items()}
    assert info['shards'] == '2' and info['half_life:interest'] == str(7 * 86400000) and info['model'] == 'small'
    d.send(event('gone-lead', 'lead_forgotten'))
    wait_for(lambda: len(d.keys('lead')) == 1, 'the lead is erased')
    for key in d.redis.scan_iter(f'{d.name}:*'):
        assert b'gone-lead' not in key and b'gone-lead' not in d.redis.dump(key)
    assert [o['lead_id'] for o in d.outputs('retired')] == ['gone-lead']
    assert daemon.stop() == 0
    d.redis.flushall()
    again = d.start()
    again.await_log('view.caught_up')
    wait_for(lambda: len(d.keys('lead')) == 1, 'the view is rebuilt without it')
    assert again.stop() == 0


def test_lead_says_why_it_is_where_it_is(deploy, model):
    """From its record in Redis and the output topics, and what it says when there is nothing to say."""
    d = deploy(model(SMALL), n_partitions=4)
    assert d.explain('lead', 'lead-1')[0] == 69  # no daemon has been here
    daemon = d.start()
    d.send(event('lead-1', 'profile_updated', employees=500), event('lead-1', 'form', event_id='asked'),
           event('lead-1', 'sales_accepted', event_id='bare'), event('lead-2', 'form'))
    wait_for(lambda: len(d.outputs('sla')) >= 2, 'both clocks breach')
    wait_for(lambda: len(d.keys('lead')) == 2, 'both leads in the view')
    outputs = [o for o in d.outputs() if o['lead_id'] == 'lead-1']
    status, out, err = d.explain('lead', 'lead-1', '--json', '--history')
    assert (status, err) == (0, '')
    lead, *history = map(json.loads, out.splitlines())
    scores = {score['score']: score for score in lead['scores']}
    assert scores['fit']['value'] == 20 and 9.9 < scores['interest']['value'] <= 10
    assert scores['interest']['contributions'][0]['event_id'] == 'asked'
    track, = lead['tracks']
    assert track['stage'] == 'mql' and track['transitions'][0]['on'] == ['sales_accepted']
    assert track['transitions'][0]['require']['parts'][0]['holds'] is None
    assert lead['sla'][0]['policy'] == 'call' and lead['sla'][0]['left_ms'] < 0
    assert [o.pop('output') for o in history] == ['StageChanged', 'Refused', 'SlaEvent']
    assert history == sorted(outputs, key=lambda o: o['ordinal'])
    # for people
    status, out, err = d.explain('lead', 'lead-1', '--history', '--limit', '1')
    assert (status, err) == (0, '') and 'track lifecycle: mql since' in out and 'call breached' in out
    assert 'without 2 older ones' in out
    # its keys
    status, out, _ = d.explain('lead', 'lead-1', '--key')
    record, fields, meta = out.split()
    assert status == 0 and d.redis.type(record) == b'string' and d.redis.type(fields) == b'hash' and d.redis.exists(meta)
    # what does not fit
    assert d.explain('lead', 'nobody')[0] == 1
    assert d.explain('account', 'acme')[0] == 78  # the model has none
    assert d.explain('lead', 'lead-1', '--at', '2020-01-01T00:00:00Z')[0] == 64
    newer = model(SMALL.replace('version: 1', 'version: 2'), 'newer.yaml')
    status, out, err = d.explain('lead', 'lead-1', '--model', newer)
    assert (status, err) == (0, '') and out.startswith('version 2 of the model has not come to it yet: its record is of version 1,')
    other = model(SMALL.replace('model: small', 'model: large'), 'other.yaml')
    status, _, err = d.explain('lead', 'lead-1', '--model', other)
    assert status == 78 and 'model is small, not large' in err
    assert d.explain('lead', 'lead-1', redis={'address': 'unix:/nonexistent/redis.sock', 'prefix': d.name})[0] == 69
    assert daemon.stop() == 0


def test_breach_waits_for_the_backlog_and_falls_when_due(deploy, model):
    """A touch that lies unread in the topic keeps a deadline from being called missed."""
    d = deploy(model(SMALL), n_partitions=1)
    past = int(time.time() * 1000) - 60000
    d.send(event('in-time', 'form', at=past), event('in-time', 'sales_touch', at=past + 500),
           event('missed', 'form', at=past))
    daemon = d.start()
    wait_for(lambda: len(d.outputs('sla')) >= 2, 'both verdicts', 30)
    verdicts = {(o['lead_id'], o['kind']) for o in d.outputs('sla')}
    assert verdicts == {('in-time', 'met'), ('missed', 'breached')}
    d.send(event('now', 'form'))
    wait_for(lambda: any(o['lead_id'] == 'now' and o['kind'] == 'breached' for o in d.outputs('sla')), 'a breach', 30)
    assert daemon.stop() == 0


def test_sales_topic_of_its_own_holds_verdicts_back(deploy, model):
    """Two sources: a touch in the second counts though the first is long read; silence of one holds nothing up."""
    d = deploy(model(SMALL), n_partitions=2, sources=('marketing', 'sales'))
    past = int(time.time() * 1000) - 60000
    d.send(event('called', 'form', at=past), event('missed', 'form', at=past), event('called', 'page_view'))
    seller, sell = d.open_transaction(source=1)  # or the touch might be read before its form, and would stop nothing
    sell(event('called', 'sales_touch', at=past + 900))
    daemon = d.start()
    d.await_committed(3)
    seller.commit_transaction(30)
    wait_for(lambda: len(d.outputs('sla')) >= 2, 'both verdicts', 30)
    assert {(o['lead_id'], o['kind']) for o in d.outputs('sla')} == {('called', 'met'), ('missed', 'breached')}
    assert daemon.stop() == 0


def test_stops_and_goes_on(deploy, model):
    """SIGTERM commits and leaves; what comes meanwhile is worked off by the next start."""
    d = deploy(model(SMALL), n_partitions=4)
    daemon = d.start()
    d.send(*[event(f'lead-{i}', 'form') for i in range(50)])
    d.await_committed(50)
    assert daemon.stop(10) == 0
    assert 'pipeline.stopped' in daemon.log()
    d.send(*[event(f'lead-{i}', 'sales_accepted', rep='r') for i in range(50)])
    daemon = d.start()
    d.await_committed(100)
    assert daemon.stop(10) == 0
    stages = d.outputs('stages')
    assert sorted((s['lead_id'], s['to']) for s in stages) == sorted(
        (f'lead-{i}', stage) for i in range(50) for stage in ('mql', 'sal'))
    changelog = d.admin.list_topics(f'{d.name}.changelog').topics[f'{d.name}.changelog']
    assert len(changelog.partitions) == 4


def test_redis_away_pauses_and_resumes(deploy, model, own_redis):
    """Away, Redis holds reading up; nothing is lost or told twice."""
    path = server('redis', 'start', own_redis)
    d = deploy(model(SMALL), n_partitions=2)
    daemon = d.start(redis={'address': f'unix:{path}', 'prefix': d.name}, view={'max_pending': 1})
    d.send(*[event(f'lead-{i}', 'form') for i in range(20)])
    d.await_committed(20)
    server('redis', 'stop', own_redis, '--kill')
    d.send(*[event(f'more-{i}', 'form') for i in range(20)])
    daemon.await_log('pipeline.paused')
    server('redis', 'start', own_redis)
    d.await_committed(40)
    daemon.await_log('pipeline.resumed')
    stages = d.outputs('stages')
    assert len(stages) == 40 and len({s['event_id'] for s in stages}) == 40
    assert daemon.stop() == 0


def test_redis_that_hangs_holds_up_nobody_who_is_in_memory(deploy, model, own_redis):
    """What it has been sent it does not answer; stage changes come out all the same, and it has all of them in the end."""
    path = server('redis', 'start', own_redis)
    with open(os.path.join(own_redis, 'pid'), encoding='ascii') as file:
        pid = int(file.read())
    d = deploy(model(SMALL), n_partitions=2)
    daemon = d.start(redis={'address': f'unix:{path}', 'prefix': d.name})
    leads = [f'lead-{i}' for i in range(20)]
    d.send(*[event(lead, 'page_view') for lead in leads])
    d.await_committed(20)
    os.kill(pid, signal.SIGSTOP)
    try:
        for i, lead in enumerate(leads):  # one after the other, so that these are many batches
            d.send(event(lead, 'form'))
            d.await_committed(21 + i)
        assert {s['lead_id'] for s in d.outputs('stages')} == set(leads)
        daemon.await_log('view.away')  # the first write was given up
        assert 'pipeline.paused' not in daemon.log()
    finally:
        os.kill(pid, signal.SIGCONT)
    client = redis.Redis(unix_socket_path=path)
    wait_for(lambda: [client.hget(key, 'stage:lifecycle') for key in client.scan_iter(f'{d.name}:*:lead:*')].count(b'mql') == 20,
             'the view has them')
    assert len(d.outputs('stages')) == 20
    assert daemon.stop() == 0


def test_watchdog_is_told_while_redis_is_away(deploy, model, own_redis, tmp_path_factory, monkeypatch, in_background):
    """The loop goes round while it waits for Redis: the service is not to be killed for it."""
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = str(tmp_path_factory.mktemp('n') / 's')
    manager.bind(path)
    monkeypatch.setenv('NOTIFY_SOCKET', path)
    monkeypatch.setenv('WATCHDOG_USEC', '200000')
    told = []

    def listen():
        while b'STOPPING=1' not in told:
            told.append(manager.recv(1000))
    reader = in_background(listen)
    redis_path = server('redis', 'start', own_redis)
    d = deploy(model(SMALL), n_partitions=1)
    daemon = d.start(redis={'address': f'unix:{redis_path}', 'prefix': d.name}, view={'max_pending': 1})
    d.send(event('lead-1', 'form'))
    d.await_committed(1)
    server('redis', 'stop', own_redis, '--kill')
    d.send(*[event(f'more-{i}', 'form') for i in range(20)])
    daemon.await_log('pipeline.paused')
    before = told.count(b'WATCHDOG=1')
    wait_for(lambda: told.count(b'WATCHDOG=1') >= before + 10, 'the watchdog is told', 30)
    assert daemon.stop() == 0
    reader.result(30)
    manager.close()


def test_operators_reset_halts_until_remedied(deploy, model):
    d = deploy(model(SMALL), n_partitions=1)
    daemon = d.start()
    d.send(*[event(f'lead-{i}', 'form') for i in range(5)])
    d.await_committed(5)
    assert daemon.stop() == 0

    def reset(offset):
        consumer = Consumer({'bootstrap.servers': live.BOOTSTRAP, 'group.id': d.name})
        consumer.commit(offsets=[TopicPartition(d.sources[0], 0, offset)], asynchronous=False)
        consumer.close()
    reset(2)
    daemon = d.start()
    daemon.await_log('shard.halted')
    assert '--to-offset 5' in daemon.log()
    assert daemon.stop() == 0
    reset(5)
    daemon = d.start()
    d.send(event('lead-9', 'form'))
    d.await_committed(6)
    assert daemon.stop() == 0
    assert len(d.outputs('stages')) == 6


def test_refuses_to_start(deploy, model, own_redis):
    """Sources that don't pair up, a changelog that is not compacted, an internal topic that is, a Redis that evicts: status 78."""
    d = deploy(model(SMALL), sources=('one', 'two'), prepare=False)
    d.create_topics({d.sources[0]: 2})
    d.create_topics({d.sources[1]: 3})
    assert d.start('unpaired').process.wait(30) == 78
    d.sources.pop()
    d.create_topics({f'{d.name}.changelog': 2}, **{'cleanup.policy': 'delete'})
    kept = d.start('kept')
    assert kept.process.wait(30) == 78 and 'compact' in kept.log()
    d.create_topics({f'{d.name}c.internal': 2}, **{'cleanup.policy': 'compact'})
    merged = d.start('merged', topics={'prefix': d.name + 'c'})
    assert merged.process.wait(30) == 78 and 'lost before they are read' in merged.log()
    path = server('redis', 'start', own_redis, '--set', 'maxmemory-policy allkeys-lru')
    evicting = d.start('evicting', topics={'prefix': d.name + 'b'}, redis={'address': f'unix:{path}', 'prefix': 'x'})
    assert evicting.process.wait(30) == 78 and 'noeviction' in evicting.log()


def test_deleted_records_halt_their_shard_until_they_are_skipped(deploy, model):
    """The other shard goes on; `scored skip` moves the halted one ahead, and only ahead, while nobody is at work."""
    d = deploy(model(SMALL), n_partitions=2)
    topic, gone = d.sources[0], 0
    lost = [f'lead-{i}' for i in range(99) if load.partition_of(f'lead-{i}', 2) == gone]
    kept = [f'lead-{i}' for i in range(99) if load.partition_of(f'lead-{i}', 2) != gone]
    daemon = d.start()
    d.send(event(lost[0], 'form'), event(kept[0], 'form'))
    d.await_committed(2)
    assert d.skip(topic, gone, 1)[0] == 1  # there is nothing ahead
    assert daemon.stop() == 0
    d.send(*[event(lead, 'form') for lead in lost[1:6]])
    d.admin.delete_records([TopicPartition(topic, gone, 4)])[TopicPartition(topic, gone, 4)].result(30)
    daemon = d.start()
    daemon.await_log('event=shard.halted')
    d.send(event(kept[1], 'form'))
    d.await_committed(3)
    status, _, error = d.skip(topic, gone, 'first')
    assert (status, 'stop all of its processes first' in error) == (1, True)
    assert 'event=pipeline.restart' not in daemon.log()
    assert daemon.stop() == 0
    assert d.skip(topic, gone, 0)[0] == 1 and d.skip(topic, gone, 7)[0] == 1
    assert d.skip('nothing', gone, 5)[0] == 64
    status, output, _ = d.skip(topic, gone, 'first')
    assert status == 0 and 'goes on at offset 4; the records from 1 on are left out' in output
    daemon = d.start()
    daemon.await_log('event=shard.skipped')
    d.await_committed(6 + 2)
    assert sorted(o['lead_id'] for o in d.outputs('stages')) == sorted(kept[:2] + [lost[0]] + lost[4:6])
    assert daemon.stop() == 0
    daemon = d.start()  # it is an offset like others again
    d.send(event(lost[9], 'form'))
    d.await_committed(6 + 3)
    assert 'event=shard.skipped' not in daemon.log()
    assert daemon.stop() == 0
