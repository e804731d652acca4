# SPDX-License-Identifier: Apache-2.0
"""A Schema Registry: schemas by id, our own under their subjects, logins, and what happens while it is away."""
import json
import os
import socket
import struct
import subprocess
import uuid

import pytest
from confluent_kafka import Producer

import live
import load
import registry
from live import SMALL, event, wait_for

GUID = uuid.UUID('89791762-2336-4186-9674-299b90a802e2')


@pytest.fixture(scope='module', name='server')
def fixture_server(tmp_path_factory, servers):
    """One for all tests: their subjects are their own."""
    made = registry.Registry(tmp_path_factory.mktemp('registry'))
    yield made
    made.close()


@pytest.fixture(name='own_server')
def fixture_own_server(tmp_path, servers):
    """Makes servers with settings of their own."""
    made = []

    def make(*settings):
        made.append(registry.Registry(tmp_path / f'registry-{len(made)}', *settings))
        return made[-1]
    yield make
    for each in made:
        each.close()


@pytest.fixture(name='front')
def fixture_front(server):
    made = registry.Front(server)
    yield made
    made.close()


class Case:
    """A deployment with a registry."""

    def __init__(self, deploy, model, server, urls=None, **options):
        self.d = deploy(model(SMALL), n_partitions=4, **options)
        self.server = server
        self.keys = {'urls': urls or [server.url], 'timeout': '300ms'}
        self.event_id = server.register(f'{self.d.sources[0]}-value', 'LeadEvent')

    def sections(self, **keys):
        return {'schemas': {'directory': os.path.join(live.ROOT, 'schemas')}, 'registry': self.keys | keys}

    def start(self, instance='a', **keys):
        return self.d.start(instance, **self.sections(**keys))

    def send(self, *events, number=None, source=0, writer=None, headers=None):
        """By our own schema, as it is registered, unless a number or a writer says otherwise."""
        encode = writer or load.Encoder(schema_id=self.event_id if number is None else number)
        producer = Producer({'bootstrap.servers': live.BOOTSTRAP, 'partitioner': 'murmur2_random'})
        for item in events:
            producer.produce(self.d.sources[source], key=item['lead_id'], value=encode(item), headers=headers)
        assert producer.flush(30) == 0

    def learn_outputs(self):
        """From now on they are decoded by what the registry says of their ids."""
        self.d.schemas = {}
        for kind, name in live.OUTPUTS.items():
            latest = self.server.latest(f'{self.d.name}.{kind}-value')
            assert json.loads(latest['schema'])['name'] == name
            self.d.schemas[latest['id']] = json.loads(latest['schema'])

    def await_outputs(self, n, *kinds):
        wait_for(lambda: len(self.d.outputs(*kinds)) >= n, f'{n} outputs', 60)
        return self.d.outputs(*kinds)

    def check(self, **keys):
        """`scored check --live`: its exit status, and what was found: (severity, subject) -> (text, remedy)."""
        path = self.d.config('check', **self.sections(**keys))
        done = subprocess.run([live.PROGRAM, 'check', '--live', '--json', '--config', path], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False, text=True)
        assert not done.stderr
        return done.returncode, {(item['severity'], item['subject']): (item['text'].replace(self.d.name, 'P'), item['remedy'])
                                 for item in json.loads(done.stdout)}


@pytest.fixture(name='case')
def fixture_case(deploy, model, server):
    return lambda **options: Case(deploy, model, server, **options)


def leads_of(*partitions, n=1):
    """Names of leads in each of the partitions, of four."""
    found = {i: [] for i in partitions}
    number = 0
    while any(len(names) < n for names in found.values()):
        name = f'lead-{number}'
        at = load.partition_of(name, 4)
        if at in found and len(found[at]) < n:
            found[at].append(name)
        number += 1
    return [found[i][0] if n == 1 else found[i] for i in partitions]


# --- schemas by id ---------------------------------------------------------------------------------------

EVOLVED = {'type': 'record', 'name': 'Touch', 'namespace': 'crm', 'fields': [
    {'name': 'region', 'type': ['null', 'string'], 'default': None},
    {'name': 'type', 'type': {'type': 'enum', 'name': 'Kind', 'symbols': ['form', 'page_view']}},
    {'name': 'lead_id', 'type': 'string'},
    {'name': 'scores', 'type': {'type': 'array', 'items': 'double'}, 'default': []},
    {'name': 'occurred_at', 'type': {'type': 'long', 'logicalType': 'timestamp-micros'}},
    {'name': 'event_id', 'type': 'string'},
]}


def evolved(item):
    return {'region': 'EU', 'scores': [1.5], 'occurred_at': item['occurred_at'] * 1000,
            **{key: item[key] for key in ('type', 'lead_id', 'event_id')}}


def test_events_of_several_schemas_and_outputs_by_the_registrys_ids(case, server):
    c = case()
    source = c.d.sources[0]
    number = server.register(f'{source}.crm-value', EVOLVED)
    c.send(event('lead-1', 'form'), event('lead-2', 'page_view'))
    daemon = c.start()
    c.send(evolved(event('lead-3', 'form')), number=number, writer=registry.Writer(EVOLVED, struct.pack('>bI', 0, number)))
    # One that is made of others: fields of a type of another subject, which refers to a third.
    country = {'type': 'enum', 'name': 'geo.Country', 'symbols': ['DE', 'US']}
    place = {'type': 'record', 'name': 'geo.Place', 'fields': [{'name': 'country', 'type': 'geo.Country'}]}
    whole = {**EVOLVED, 'fields': EVOLVED['fields'] + [{'name': 'place', 'type': 'geo.Place'}]}
    server.register(f'{source}.country', country)
    server.register(f'{source}.place', place, [{'name': 'geo.Country', 'subject': f'{source}.country', 'version': 1}])
    number = server.register(f'{source}.whole-value', whole, [{'name': 'geo.Place', 'subject': f'{source}.place', 'version': 1}])
    write = registry.Writer(whole, struct.pack('>bI', 0, number), [country, place])
    c.send(evolved(event('lead-4', 'form')) | {'place': {'country': 'DE'}}, writer=write)
    # And what no registry knows, or is not Avro, or no event.
    c.send(event('lead-5', 'form'), number=2000000000)
    number = server.register(f'{source}.other-value', {'type': 'record', 'name': 'Other', 'fields': []})
    c.send(event('lead-6', 'form'), number=number)
    c.d.await_committed(6)
    c.learn_outputs()
    assert {item['lead_id'] for item in c.await_outputs(3, 'stages')} == {'lead-1', 'lead-3', 'lead-4'}
    dead = {item['reason']: item['text'] for item in c.await_outputs(2, 'dead-letters')}
    assert dead == {'unknown_schema': 'no schema has the id 2000000000',
                    'schema': f'the schema with the id {number}: the record lacks "event_id", "occurred_at", "lead_id", "type"'}
    assert server.subjects(f'{c.d.name}.') == sorted(
        [f'{kind}-value' for kind in live.OUTPUTS] +
        [name.removeprefix(f'{c.d.name}.') for name in
         (f'{source}-value', f'{source}.crm-value', f'{source}.country', f'{source}.place', f'{source}.whole-value',
          f'{source}.other-value')])
    assert daemon.stop() == 0
    # Commands that read what was written, or what is to be read.
    status, out, err = c.d.explain('lead', 'lead-3', '--history', '--json', **c.sections())
    assert (status, err) == (0, '') and '"mql"' in out
    done = subprocess.run([live.PROGRAM, 'backtest', '--model', c.d.model, '--against', c.d.model, '--stage', 'lifecycle.mql', '--json',
                           '--config', c.d.config('backtest', **c.sections())], stdout=subprocess.PIPE, check=False, timeout=60)
    assert json.loads(done.stdout)['events'] == 4, done.stdout
    status, found = c.check()
    assert status == 1 and found['ok', 'Schema Registry'][0] == 'it answers, and has 5 of our own 5 schemas'
    text, remedy = found['error', f'source {source}']
    assert 'of 6 records sampled 2 cannot be read as events, 1 of them by their schema\'s id' in text and 'or register it' in remedy


def test_guid_in_a_header(deploy, model, server, front):
    """As newer clients send it; the server at hand gives out none, so one is put in front of it."""
    c = Case(deploy, model, server, urls=[front.url])
    front.answers[f'/schemas/guids/{GUID}'] = (200, {'schema': json.dumps(registry.own_schema('LeadEvent')), 'guid': str(GUID)})
    plain = load.Encoder()

    def bare(item):
        return plain(item)[5:]
    number = struct.pack('>bI', 0, c.event_id)
    daemon = c.start()
    c.send(event('lead-1', 'form'), writer=bare, headers=[('__value_schema_id', b'\1' + GUID.bytes), ('other', b'x')])
    c.send(event('lead-2', 'form'), writer=bare, headers=[('__value_schema_id', number)])
    c.send(event('lead-3', 'form'), writer=lambda item: b'\1' + GUID.bytes + bare(item))
    # Not a header of ours: the value speaks for itself, and does not.
    c.send(event('lead-4', 'form'), headers=[('__value_schema_id', b'\7')])
    c.send(event('lead-5', 'form'), writer=bare, headers=[('__value_schema_id', b'\1' + uuid.UUID(int=5).bytes)])
    front.answers[f'/schemas/guids/{uuid.UUID(int=5)}'] = (404, {'error_code': 40403, 'message': 'Schema not found'})
    c.d.await_committed(5)
    c.learn_outputs()
    assert {item['lead_id'] for item in c.await_outputs(4, 'stages')} == {'lead-1', 'lead-2', 'lead-3', 'lead-4'}
    (dead,) = c.await_outputs(1, 'dead-letters')
    assert dead['text'] == f'no schema has the GUID {uuid.UUID(int=5)}'
    assert dead['original'].startswith(b'\1' + uuid.UUID(int=5).bytes)  # as it can be sent again
    assert daemon.stop() == 0
    status, found = c.check()
    assert ('ok', 'Schema Registry') in found and '1 cannot be read as events' in str(found)
    assert status in (0, 1)


# --- our own schemas -------------------------------------------------------------------------------------

def test_registering_may_be_forbidden(case, server):
    c = case()
    daemon = c.start(register=False)
    assert daemon.process.wait(30) == 78
    assert f'the registry does not have it under the subject {c.d.name}.stages-value: register it, or set' in daemon.log()
    assert server.subjects(f'{c.d.name}.') == ['events-value']
    status, found = c.check(register=False)
    assert status == 1 and found['error', 'schema StageChanged'] == (
        'the registry does not have it under the subject P.stages-value', 'register it, or set registry.register to true')
    status, found = c.check()
    assert status == 0 and found['note', 'schema DeadLetter'][0] == (
        'it is not under the subject P.dead-letters-value yet: `scored run` registers it')
    assert server.subjects(f'{c.d.name}.') == ['events-value']
    numbers = {kind: server.register(f'{c.d.name}.{kind}-value', name) for kind, name in live.OUTPUTS.items()}
    daemon = c.start(register=False)
    c.send(event('lead-1', 'form'))
    c.learn_outputs()
    (stage,) = c.await_outputs(1, 'stages')
    assert stage['to'] == 'mql'
    assert c.d.messages(f'{c.d.name}.stages')[0].value()[:5] == struct.pack('>bI', 0, numbers['stages'])
    assert daemon.stop() == 0


def test_schema_that_is_not_compatible_is_not_registered(case, server):
    c = case()
    subject = f'{c.d.name}.sla-value'
    server.register(subject, {'type': 'record', 'name': 'SlaEvent', 'namespace': 'io.scored', 'fields': [{'name': 'x', 'type': 'int'}]})
    status, found = c.check()
    assert status == 1
    text, remedy = found['error', 'schema SlaEvent']
    assert text.startswith('the registry does not take it under the subject P.sla-value: not compatible with the latest version there: ')
    assert "'event_id'" in text and 'see which version stands there' in remedy
    daemon = c.start()
    assert daemon.process.wait(30) == 78
    assert f'SlaEvent.avsc: the registry does not take it under the subject {subject}: not compatible' in daemon.log()
    assert server.latest(subject)['version'] == 1


# --- logins ----------------------------------------------------------------------------------------------

def logged_in(deploy, model, server, **keys):
    """A check with these keys: what it says of the registry."""
    d = deploy(model(SMALL), n_partitions=1)
    c = Case.__new__(Case)
    c.d, c.server, c.keys = d, server, {'urls': [server.url], 'timeout': '2s'}
    _, found = c.check(**keys)
    (said,) = ((severity, text) for (severity, subject), (text, _) in found.items() if subject == 'Schema Registry')
    return said


def write(path, text):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    return str(path)


def test_password(deploy, model, own_server, tmp_path):
    server = own_server({'auth': {'enabled': True, 'methods': ['basic'],
                                  'bootstrap': {'enabled': True, 'username': 'scored', 'password': 'opensesame', 'email': 'a@b.example'}}})
    good = write(tmp_path / 'good', 'opensesame\n')
    assert logged_in(deploy, model, server, username='scored', password_file=good)[0] == 'ok'
    severity, text = logged_in(deploy, model, server, username='scored', password_file=write(tmp_path / 'bad', 'barley\n'))
    assert severity == 'error' and 'HTTP 401: it does not accept who asks' in text and 'barley' not in text
    assert 'HTTP 401' in logged_in(deploy, model, server)[1]


def test_bearer_token_is_read_anew_for_each_request(deploy, model, own_server, tmp_path):
    private, public = registry.signing_key(tmp_path)
    server = own_server({'auth': {'enabled': True, 'methods': ['jwt'], 'jwt': {'algorithm': 'RS256', 'public_key_file': public}}})
    path = write(tmp_path / 'token', registry.token(private, 'scored')[:-8] + '\n')
    assert 'HTTP 401' in logged_in(deploy, model, server, token_file=path)[1]
    # A daemon waits with that for a better one.
    c = Case.__new__(Case)
    c.d, c.server, c.keys = deploy(model(SMALL), n_partitions=1), server, {'urls': [server.url]}
    daemon = c.start(token_file=path)
    daemon.await_log('event=registry.away')
    write(path, registry.token(private, 'scored') + '\n')
    daemon.await_log('event=schema.registered')
    daemon.await_log('event=pipeline.ready')
    assert daemon.stop() == 0
    assert logged_in(deploy, model, server, token_file=path)[0] == 'ok'


def test_certificates_of_both(deploy, model, own_server, tmp_path):
    paths = registry.certificates(tmp_path)
    server = own_server({'tls': {'enabled': True, 'cert_file': paths['server.pem'], 'key_file': paths['server.key'],
                                 'ca_file': paths['ca.pem'], 'client_auth': 'verify'}})
    assert server.url.startswith('https://')
    ours = {'ca_file': paths['ca.pem'], 'certificate_file': paths['client.pem']}
    assert logged_in(deploy, model, server, **ours, key_file=paths['client.key'])[0] == 'ok'
    locked = ours | {'key_file': paths['locked.key']}
    assert logged_in(deploy, model, server, **locked, key_password_file=write(tmp_path / 'password', 'opensesame\n'))[0] == 'ok'
    severity, text = logged_in(deploy, model, server, **locked, key_password_file=write(tmp_path / 'wrong', 'barley\n'))
    assert severity == 'error' and 'barley' not in text
    assert logged_in(deploy, model, server, ca_file=paths['ca.pem'])[0] == 'error'
    severity, text = logged_in(deploy, model, server, **(ours | {'ca_file': paths['client.pem']}), key_file=paths['client.key'])
    assert severity == 'error' and 'certificate' in text


# --- away ------------------------------------------------------------------------------------------------

def nobody():
    """A URL where nobody listens."""
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        return f'http://127.0.0.1:{unused.getsockname()[1]}'


def test_next_url_is_asked(deploy, model, server, front):
    """Where the first does not answer, or answers like no registry, or knows less."""
    other = registry.Front(server)
    try:
        c = Case(deploy, model, server, urls=[nobody(), front.url, other.url])
        number = f'/schemas/ids/{c.event_id}'
        front.answers = {number: (404, {'error_code': 40403, 'message': 'Schema not found'})}
        c.send(event('lead-1', 'form'))
        daemon = c.start()
        c.d.await_committed(1)
        assert number in front.asked and number in other.asked
        c.learn_outputs()
        assert c.d.outputs('stages') and not c.d.outputs('dead-letters')
        front.answers = {}
        second = server.register(f'{c.d.sources[0]}.crm-value', EVOLVED | {'doc': 'second'})
        other.answers = {f'/schemas/ids/{second}': (503, 'away')}
        c.send(evolved(event('lead-2', 'form')), writer=registry.Writer(EVOLVED, struct.pack('>bI', 0, second)))
        c.d.await_committed(2)
        assert len(c.await_outputs(2, 'stages')) == 2 and 'registry.away' not in daemon.log()
        assert daemon.stop() == 0
    finally:
        other.close()


def test_known_schemas_go_on_and_others_wait_while_it_is_away(deploy, model, own_server):
    """The registry hangs for longer than a member of the group may be silent; and the member that waits hands over to another."""
    server = own_server()
    c = Case(deploy, model, server)
    limits = {'kafka': {'bootstrap_servers': live.BOOTSTRAP, 'group': c.d.name,
                        'properties': {'session.timeout.ms': 2000, 'heartbeat.interval.ms': 500, 'max.poll.interval.ms': 2000}}}
    number = server.register(f'{c.d.sources[0]}.crm-value', EVOLVED)
    here, there = leads_of(0, 1, n=3)
    daemons = [c.d.start(name, **c.sections(), **limits) for name in 'ab']
    for daemon in daemons:
        daemon.await_log('event=shards.assigned')
    c.send(*(event(lead, 'form') for lead in (*leads_of(2, 3), here[0], there[0])))
    c.d.await_committed(4)
    wait_for(lambda: all('event=schema.learnt' in daemon.log() for daemon in daemons), 'both know the first schema')
    c.learn_outputs()
    server.hang()
    c.send(evolved(event(here[1], 'form')), writer=registry.Writer(EVOLVED, struct.pack('>bI', 0, number)))
    c.send(event(here[2], 'form'))  # behind it
    c.send(*(event(lead, 'form') for lead in there[1:]))
    c.d.await_committed(6)

    def waiting():
        return [daemon for daemon in daemons if 'event=source.unreadable' in daemon.log()]
    (first,) = wait_for(waiting, 'it is told that a partition waits')  # which is two seconds later
    assert 'event=registry.away' in first.log()
    c.send(event(there[0], 'page_view'))
    c.d.await_committed(7)
    assert 'max.poll' not in first.log()
    assert first.stop(10) == 0
    wait_for(lambda: len(waiting()) == 2, 'the other one waits for it now')
    assert c.d.committed() == 7
    assert len(c.d.outputs('stages')) == 6 and not c.d.outputs('dead-letters')
    server.go_on()
    c.d.await_committed(9)
    (last,) = (daemon for daemon in daemons if daemon is not first)
    assert {item['lead_id'] for item in c.await_outputs(8, 'stages')} >= set(here + there)
    assert len(c.d.outputs('stages')) == 8 and not c.d.outputs('dead-letters')
    assert last.stop() == 0
    assert 'event=registry.back' in last.log() and 'event=source.readable' in last.log()


def test_it_stops_in_time_while_it_waits(case, server, front):
    c = case(urls=[front.url])
    number = f'/schemas/ids/{c.event_id}'
    front.answers = {number: (500, {'error_code': 50001, 'message': 'Error in the backend data store'})}
    daemon = c.start()
    c.send(event('lead-1', 'form'))
    daemon.await_log('event=source.unreadable')
    assert daemon.stop(10) == 0
    # Before it has begun, too.
    front.answers = {f'/subjects/{c.d.name}.stages-value': (503, '')}
    daemon = c.start()
    daemon.await_log('event=registry.away')
    assert daemon.stop(10) == 0 and 'pipeline.ready' not in daemon.log()
    front.answers = {}
    daemon = c.start()
    c.d.await_committed(1)
    c.learn_outputs()
    assert len(c.d.outputs('stages')) == 1 and not c.d.outputs('dead-letters')
    assert daemon.stop() == 0


def test_nothing_but_its_word_makes_a_dead_letter(case, server, front):
    """A page that is no registry's, a refusal, an answer that cannot be read; one after the other."""
    c = case(urls=[front.url])
    number = f'/schemas/ids/{c.event_id}'
    answers = [(404, '<html>no such page</html>'), (404, {'error_code': 404, 'message': 'HTTP 404 Not Found'}), (403, ''),
               (429, {'error_code': 42901, 'message': 'slowly'}), (200, '{'), (200, {'schema': 7}), (302, ''), (400, 'what?')]
    front.answers = {number: answers[0]}
    daemon = c.start()
    c.send(event('lead-1', 'form'))
    for answer in answers:
        front.answers = {number: answer}
        before = len(front.asked)
        wait_for(lambda: len(front.asked) >= before + 2, 'it is asked again', 60)  # pylint: disable=cell-var-from-loop
    assert c.d.committed() == 0
    front.answers = {}
    c.d.await_committed(1)
    c.learn_outputs()
    assert len(c.d.outputs('stages')) == 1 and not c.d.outputs('dead-letters')
    assert daemon.stop() == 0


def test_event_that_another_shard_sent_waits_where_it_arrives(deploy, model, server, front):
    c = Case(deploy, model, server, urls=[front.url], sources=('events', 'web'), routed=('web',))
    number = f'/schemas/ids/{c.event_id}'
    daemon = c.start()
    daemon.await_log('event=pipeline.ready')
    item = event('lead-1', 'form')
    c.send(item, source=1)
    c.learn_outputs()
    c.await_outputs(1, 'stages')
    assert daemon.stop() == 0
    # The message once more, with the same event under another id; and a process that does not know its schema yet.
    (sent,) = [record for records in c.d.records('internal') for record in records if item['event_id'].encode() in record.value]
    again = str(uuid.uuid4())
    front.answers = {number: (503, '')}
    daemon = c.start()
    daemon.await_log('event=shards.assigned')
    producer = Producer({'bootstrap.servers': live.BOOTSTRAP})
    producer.produce(f'{c.d.name}.internal', key=sent.key, value=sent.value.replace(item['event_id'].encode(), again.encode()),
                     partition=load.partition_of('lead-1', 4))
    assert producer.flush(30) == 0
    daemon.await_log('event=source.unreadable')
    assert f'topic={c.d.name}.internal' in daemon.log()
    front.answers = {}
    daemon.await_log('event=source.readable')
    assert daemon.stop() == 0 and 'applied=1 ' in daemon.log().split('event=pipeline.stopped')[1]
    assert not c.d.outputs('dead-letters')


def test_files_are_known_without_being_asked_for(case, server, front):
    """Those of schemas.events; the registry is asked about our own only."""
    c = case(urls=[front.url])
    front.answers = {f'/schemas/ids/{c.event_id}': (500, '')}
    sections = c.sections()
    c.d.schema_files = {c.event_id: load.SCHEMA}
    sections['schemas'] = sections['schemas'] | {'events': c.d.schema_files}
    daemon = c.d.start('a', **sections)
    c.send(event('lead-1', 'form'))
    c.d.await_committed(1)
    assert not any(path.startswith('/schemas/ids/') for path in front.asked)
    assert daemon.stop() == 0
