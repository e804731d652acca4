# SPDX-License-Identifier: Apache-2.0
"""A deployment of scored on a real Kafka and a real Redis: topics, processes, what they told, and what they keep."""
import gzip
import io
import json
import os
import random
import signal
import socket
import struct
import subprocess
import time
import uuid
from collections import namedtuple
from datetime import datetime, timezone

import fastavro
import redis
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import load

ROOT = load.ROOT
PROGRAM = os.environ.get('SCORED_TEST_PROGRAM', os.path.join(ROOT, '.cache', 'test', 'daemon', 'scored'))
BUILD = os.environ.get('SCORED_TEST_BUILD', os.path.join(ROOT, '.cache', 'test'))
BOOTSTRAP = os.environ.get('SCORED_TEST_BOOTSTRAP', '')
REDIS = os.environ.get('SCORED_TEST_REDIS', '').removeprefix('unix:')
OUTPUTS = {'stages': 'StageChanged', 'sla': 'SlaEvent', 'refused': 'Refused', 'retired': 'LeadRetired',
           'dead-letters': 'DeadLetter'}
FUNNEL = os.path.join(ROOT, 'tests', 'integration', 'funnel.yaml')
SCHEMA_IDS = {name: i for i, name in enumerate(OUTPUTS.values(), start=1)}
# Told for a while after a broker has started again.
NO_COORDINATOR = {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
Record = namedtuple('Record', 'key value headers offset')  # bytes, bytes or None, a list of pairs, a number


SMALL = '''
model: small
version: 1
scores: { interest: { decay: { half_life: 7d } }, fit: { decay: none } }
derived: { total: 'interest + fit' }
rules: [ { id: any, on: [page_view, form], add: { interest: 10 } } ]
profile_rules: [ { id: big, when: 'profile.employees >= 100', add: { fit: 20 } } ]
routes: [ { id: emea, when: 'profile.country == "DE"' } ]
tracks:
  lifecycle:
    initial: lead
    stages: [ { id: lead }, { id: mql, owner: sales }, { id: sal } ]
    transitions:
      - { id: ask, from: [lead], to: mql, on: [form] }
      - { id: accept, from: [mql], to: sal, on: [sales_accepted], require: 'present(event.rep)' }
sla: [ { id: call, start: { on: [form] }, stop: { on: [sales_touch] }, target: 1s } ]
carry: { profile: [crm_id], event: [rep] }
'''


def library_version(name):
    """Of what the program runs with."""
    done = subprocess.run([PROGRAM, 'version', '--json'], stdout=subprocess.PIPE, check=True)
    return tuple(int(number) for number in json.loads(done.stdout)['libraries'][name].split('.'))


def server(kind, action, folder, *options):
    """Starts or stops a server of the kind in the folder; its address, if it starts."""
    done = subprocess.run([os.path.join(ROOT, 'tests', 'env', kind), action, folder, *options], stdout=subprocess.PIPE,
                          check=True, text=True)
    return done.stdout.strip()


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_for(condition, what, seconds=120):
    """Awaits a condition; its truth is the result. `what`: a text, or what makes one once it has failed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f'not within {seconds} s: {what() if callable(what) else what}')


def real_log():
    """The real event log, or None."""
    path = os.path.join(os.environ.get('SCORED_TEST_DATA', ''), 'bpic12.jsonl.gz')
    return path if os.path.exists(path) else None


def synthetic_log(n_leads, seed=1):
    """Lines like the real log's: forms, what sales does in its hours, and rejections; some late, some twice."""
    chance = random.Random(seed)
    events = []
    for number in range(n_leads):
        lead = f'{170000 + number * 3}'
        at = 1317400000000 + chance.randrange(40 * 86400) * 1000 + chance.randrange(1000)
        events.append((at, lead, 'form_submitted', {'amount_requested': str(chance.randrange(1, 40) * 500)}))
        for _ in range(chance.randrange(0, 14)):
            at += int(chance.expovariate(1 / 30000000)) + 1
            kind = chance.choice(['state_changed', 'marketing_qualified', 'sales_touch', 'sales_touch_completed',
                                  'sales_accepted', 'offer_sent', 'offer_returned', 'sales_qualified'])
            events.append((at, lead, kind, {'resource': str(chance.randrange(100, 120))}))
        if chance.random() < 0.5:
            events.append((at + chance.randrange(86400000), lead, chance.choice(['sales_rejected', 'lead_closed']), {}))
    events.sort()
    lines = []
    for i, (at, lead, kind, properties) in enumerate(events):
        lines.append(json.dumps({'event_id': str(uuid.UUID(int=seed << 64 | i)), 'occurred_at': at, 'lead_id': lead,
                                 'type': kind, 'properties': properties}).encode())
        if chance.random() < 0.01:
            lines.append(lines[chance.randrange(len(lines))])
    return lines


def eventful_log(n_leads, seed=1):
    """A log with everything that the funnel's model looks at: profiles, sources, companies, robots, leads forgotten."""
    chance = random.Random(seed)
    lines = []
    for line in synthetic_log(n_leads, seed):
        item = json.loads(line)
        item['source'] = chance.choice([None, None, 'partner', 'ads'])
        item['account_id'] = chance.choice([None, None, f'company-{chance.randrange(50)}'])
        item['properties'] |= chance.choice([{}, {'automated': 'true'}, {'is_bot': chance.random() < 0.2}])
        lines.append(item)
        if chance.random() < 0.1:
            patch = chance.choice([{'seniority': chance.choice(['vp', 'staff', None])}, {'employees': chance.randrange(1000)},
                                   {'country': chance.choice(['DE', 'US'])}, {'crm_id': chance.randrange(10**6)}])
            lines.append(item | {'event_id': str(uuid.UUID(int=chance.getrandbits(128))), 'type': 'profile_updated',
                                 'properties': patch})
        elif chance.random() < 0.01:
            lines.append(item | {'event_id': str(uuid.UUID(int=chance.getrandbits(128))), 'type': 'lead_forgotten',
                                 'properties': {}})
    for _ in range(len(lines) // 50):  # late ones
        i = chance.randrange(len(lines) - 300)
        lines.insert(i + chance.randrange(300), lines.pop(i))
    return [json.dumps(item).encode() for item in lines]


def event(lead_id, kind, at=None, **fields):
    """An event of now, unless `at` says otherwise; `fields` beyond the schema's are properties."""
    own = {key: fields.pop(key) for key in ('event_id', 'account_id', 'source', 'campaign', 'topic') if key in fields}
    return {'event_id': str(uuid.uuid4()), 'occurred_at': int(time.time() * 1000) if at is None else at,
            'lead_id': lead_id, 'type': kind, 'properties': fields} | own


def plain(value):
    """A decoded Avro value in the JSON form of a replay."""
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat(timespec='milliseconds').replace('+00:00', 'Z')
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


class Instance:
    """A running `scored run`."""

    def __init__(self, deployment, name, config):
        self.log_path = deployment.path(f'{name}.{len(deployment.instances)}.log')
        with open(self.log_path, 'wb') as file:
            self.process = subprocess.Popen([PROGRAM, 'run', '--config', config], stderr=file)

    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as file:
            return file.read()

    def await_log(self, text, seconds=60):
        def found():
            assert text in self.log() or self.process.poll() is None, f'ended without "{text}":\n{self.log()[-3000:]}'
            return text in self.log()
        wait_for(found, lambda: f'"{text}" in the log:\n{self.log()[-3000:]}', seconds)

    def stop(self, seconds=30):
        """SIGTERM, once it listens; the exit status."""
        self.await_log('event=start ')
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Deployment:
    """Topics, a group and a Redis prefix of its own."""

    def __init__(self, folder, model, n_partitions=8, sources=('events',), prepare=True, counts=None, routed=()):
        """`counts`: partitions of those sources that have not n_partitions. `routed`: those that `route` is to name."""
        self.folder = str(folder)
        self.name = 't' + uuid.uuid4().hex[:10]
        self.model = model
        self.n_partitions = n_partitions
        self.sources = [f'{self.name}.{source}' for source in sources]
        self.counts = {f'{self.name}.{source}': (counts or {}).get(source, n_partitions) for source in sources}
        self.routed = [f'{self.name}.{source}' for source in routed]
        self.instances = []
        self.asker = None
        self.schema_files = {100: load.SCHEMA}
        self.admin = AdminClient({'bootstrap.servers': BOOTSTRAP})
        self.redis = redis.Redis(unix_socket_path=REDIS)
        self.schemas = {number: fastavro.schema.load_schema(os.path.join(ROOT, 'schemas', f'{name}.avsc'))
                        for name, number in SCHEMA_IDS.items()}
        if prepare:
            self.create_topics(self.counts)

    def path(self, name):
        return os.path.join(self.folder, name)

    def create_topics(self, topics, **properties):
        new = [NewTopic(name, n, config=properties) for name, n in topics.items()]  # as many replicas as the brokers want
        for future in self.admin.create_topics(new).values():
            future.result(30)

    def config(self, instance='a', **changes):
        """Writes a configuration; `changes` are whole sections or top-level keys. Its path."""
        sections = {
            'model': self.model,
            'sources': self.sources,
            'instance': instance,
            'watermark': 'wall',
            'kafka': {'bootstrap_servers': BOOTSTRAP, 'group': self.name,
                      'properties': {'session.timeout.ms': 6000}},
            'topics': {'prefix': self.name},
            'schemas': {'directory': os.path.join(ROOT, 'schemas'), 'events': self.schema_files},
            'redis': {'address': f'unix:{REDIS}', 'prefix': self.name},
        } | ({'route': self.routed} if self.routed else {}) | changes
        path = self.path(f'{instance}.yaml')
        with open(path, 'w', encoding='utf-8') as file:
            for key, value in sections.items():  # JSON is YAML, but for the numbers that are keys
                text = json.dumps(value)
                if key == 'schemas':
                    text = text.replace(json.dumps(self.schema_files),
                                        '{' + ', '.join(f'{k}: {json.dumps(v)}' for k, v in self.schema_files.items()) + '}')
                file.write(f'{key}: {text}\n')
        return path

    def start(self, instance='a', **changes):
        self.instances.append(Instance(self, instance, self.config(instance, **changes)))
        return self.instances[-1]

    def close(self):
        for instance in self.instances:
            instance.kill()
        if self.asker:
            self.asker.close()

    def send(self, *events, source=0):
        """Sends events in order and waits until they are in the topic."""
        loader = load.Loader(BOOTSTRAP, self.sources[source], self.n_partitions)
        for item in events:
            loader.send(item)
        loader.close()

    def produce(self, value, key, partition=None, source=0):
        """Bytes as they are."""
        producer = Producer({'bootstrap.servers': BOOTSTRAP})
        at = load.partition_of(key, self.n_partitions) if partition is None else partition
        producer.produce(self.sources[source], key=key, value=value, partition=at)
        assert producer.flush(30) == 0

    def open_transaction(self, source=0):
        """A producer in the midst of a transaction, and what sends an event in it, keyed by its lead."""
        producer = Producer({'bootstrap.servers': BOOTSTRAP, 'transactional.id': f'{self.name}.{uuid.uuid4().hex}',
                             'transaction.timeout.ms': 600000, 'partitioner': 'murmur2_random'})
        producer.init_transactions(30)
        producer.begin_transaction()
        encode = load.Encoder()

        def send(item):
            producer.produce(self.sources[source], key=item['lead_id'], value=encode(item))
            assert producer.flush(30) == 0
        return producer, send

    def open_offset(self, partition, offset, source=0):
        """A producer in the midst of a transaction that has an offset of the group, as the group's own always are under load."""
        producer = Producer({'bootstrap.servers': BOOTSTRAP, 'transactional.id': f'{self.name}.{uuid.uuid4().hex}',
                             'transaction.timeout.ms': 600000})
        producer.init_transactions(30)
        producer.begin_transaction()
        asker = Consumer({'bootstrap.servers': BOOTSTRAP, 'group.id': self.name})
        producer.send_offsets_to_transaction([TopicPartition(self.sources[source], partition, offset)], asker.consumer_group_metadata(), 30)
        asker.close()
        return producer

    def stream(self, topic, partitions=None, begin=None):
        """All that a read_committed reader sees of a topic's partitions now, from the offsets `begin`; of each in order."""
        consumer = Consumer({'bootstrap.servers': BOOTSTRAP, 'group.id': self.name + '.reader',
                             'isolation.level': 'read_committed', 'enable.partition.eof': True,
                             'enable.auto.commit': False, 'auto.offset.reset': 'error',
                             'fetch.wait.max.ms': 10})  # an end is told at once
        partitions = range(load.count_partitions(self.admin, topic) or 0) if partitions is None else partitions  # none: not created yet
        consumer.assign([TopicPartition(topic, i, begin[i] if begin else 0) for i in partitions])
        ended, deadline = set(), time.monotonic() + 60
        while len(ended) < len(partitions):
            assert time.monotonic() < deadline, f'{topic} cannot be read to its end'
            for message in consumer.consume(1000, 0.05):
                if not message.error():
                    yield message
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    ended.add(message.partition())  # told again where more was written meanwhile
                else:
                    raise KafkaException(message.error())
                deadline = time.monotonic() + 60
        consumer.close()

    def messages(self, topic):
        """All that a read_committed reader sees of a topic now, partition by partition."""
        return list(self.stream(topic))

    def topic_records(self, topic):
        """A topic as a read_committed reader sees it now: each partition's records in their order, raw."""
        partitions = [[] for _ in range(self.n_partitions)]
        for message in self.messages(topic):
            partitions[message.partition()].append(
                Record(message.key(), message.value(), message.headers() or [], message.offset()))
        return partitions

    def records(self, kind):
        """`<prefix>.internal` or `.changelog`."""
        return self.topic_records(f'{self.name}.{kind}')

    def decode(self, message):
        return self.decode_value(message.value())

    def decode_value(self, value):
        number = struct.unpack('>bI', value[:5])[1]
        return plain(fastavro.schemaless_reader(io.BytesIO(value[5:]), self.schemas[number]))

    def outputs(self, *kinds):
        """Decoded records of the output topics named, or of all."""
        return [self.decode(message) for kind in kinds or OUTPUTS
                for message in self.messages(f'{self.name}.{kind}') if message.value() is not None]

    def committed(self):
        """The committed offsets of the sources, summed, once the group has a coordinator."""
        # Errors are raised. One who reads what is committed would have to wait for an instant at which no transaction is open.
        self.asker = self.asker or Consumer({'bootstrap.servers': BOOTSTRAP, 'group.id': self.name, 'log_level': 0,
                                             'isolation.level': 'read_uncommitted'})
        partitions = [TopicPartition(source, i) for source, n in self.counts.items() for i in range(n)]

        def ask():
            try:
                return self.asker.committed(partitions, timeout=30)
            except KafkaException as error:
                if error.args[0].code() not in NO_COORDINATOR:
                    raise
        return sum(max(partition.offset, 0) for partition in wait_for(ask, 'a coordinator'))

    def await_committed(self, n, seconds=300):
        wait_for(lambda: self.committed() >= n, f'{n} events committed', seconds)

    def keys(self, kind):
        """Keys of P:{T}:KIND…, by what follows."""
        found = {}
        for key in self.redis.scan_iter(f'{self.name}:{{*}}:{kind}*', count=5000):
            found[key.decode().split('}:' + kind, 1)[1].lstrip(':')] = key
        return found

    def watermarks(self):
        """Of the shards that have one, in milliseconds."""
        found = (self.redis.hget(key, 'watermark') for key in self.shard_keys('meta'))
        return [int(value) for value in found if value]

    def shard_keys(self, kind):
        """The keys P:{T}:KIND, one a shard that has it."""
        return list(self.redis.scan_iter(f'{self.name}:{{*}}:{kind}', count=5000))

    def lag_of_moments(self):
        """Leads whose next moment is past, by the view's index."""
        now = time.time() * 1000
        return sum(self.redis.zcount(key, '-inf', now - 5000) for key in self.shard_keys('moments'))

    def explain(self, kind, name, *options, **changes):
        """`scored lead` or `scored account`: its exit status, standard output and standard error."""
        config = self.config('explain', **changes)
        done = subprocess.run([PROGRAM, kind, name, '--config', config, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=60, check=False, text=True)
        return done.returncode, done.stdout, done.stderr

    def skip(self, topic, partition, to, *options):
        """`scored skip`: its exit status, standard output and standard error."""
        command = [PROGRAM, 'skip', '--config', self.config('skip'), '--topic', topic, '--partition', str(partition), '--to', str(to), *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False, text=True)
        return done.returncode, done.stdout, done.stderr

    def verify(self, *options, **changes):
        """`scored verify`: its exit status, and what it found."""
        command = [PROGRAM, 'verify', '--json', '--config', self.config('verify', **changes), *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, check=False, text=True)
        assert done.returncode in (0, 1) and not done.stderr, (done.returncode, done.stderr)
        return done.returncode, json.loads(done.stdout)

    def await_quiet(self, n):
        """
        All n source records, and all that they caused between shards, are committed. An instance that was killed has to be back by
        then: until its transaction has ended, readers do not see what comes after that.
        """
        self.await_committed(n)

        def is_quiet():
            # What is committed first: what that caused is there afterwards.
            topic = f'{self.name}.internal'
            committed = self.asker.committed([TopicPartition(topic, i) for i in range(self.n_partitions)], timeout=30)
            ends = {}
            for message in self.messages(topic):
                ends[message.partition()] = message.offset() + 1
            return all(partition.offset >= ends.get(partition.partition, 0) for partition in committed)
        wait_for(is_quiet, 'the internal topic is read to its end')

    def await_all_told(self):
        """Where time goes by the events: shards have told each other how far they are, which each does once a second at most."""
        ends, since = None, time.monotonic()

        def is_still():
            nonlocal ends, since
            found = {message.partition(): message.offset() for message in self.messages(f'{self.name}.internal')}
            if found != ends:
                ends, since = found, time.monotonic()
            return time.monotonic() - since > 2.5
        wait_for(is_still, 'nothing more comes into the internal topic')

    def dump_view(self, at_ms, kind='lead'):
        """Every lead's or account's packed record in Redis as `scored replay` dumps it: id -> line."""
        keys = self.keys('record' if kind == 'lead' else 'account-record')
        ids = sorted(keys)
        values = self.redis.mget([keys[lead] for lead in ids]) if ids else []
        frames = b''.join(struct.pack('>q', len(lead.encode())) + lead.encode() + struct.pack('>q', len(value)) + value +
                          struct.pack('>q', at_ms(lead)) for lead, value in zip(ids, values))
        done = subprocess.run([os.path.join(BUILD, 'tests', 'integration', 'dump_view'), self.model], input=frames,
                              stdout=subprocess.PIPE, check=True)
        return {line[f'{kind}_id']: line for line in map(json.loads, done.stdout.splitlines())}


def replay(model, events_path, *options, dump=None):
    """Output lines of `scored replay`."""
    command = [PROGRAM, 'replay', '--model', model, *options]
    if dump:
        command += ['--dump-leads', dump]
    done = subprocess.run(command + [events_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode in (0, 1), done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


class Expected:
    """What the replays of each partition's events say, up to the instant `until` if one is given."""

    def __init__(self, deployment, lines, folder, until=None):
        self.leads = {}
        self.outputs = {}  # by event_id, which only comes again for events sent again after their lead was forgotten
        self.orders = {}   # of one kind and lead, in their order
        kinds = {name: kind for kind, name in OUTPUTS.items()}
        options = ['--until', load.instant(until)] if until is not None else []
        for path in load.split(lines, deployment.n_partitions, str(folder)):
            dump = f'{path}.dump'
            for output in replay(deployment.model, path, *options, dump=dump):
                kind = kinds[output.pop('output')]
                self.outputs[output['event_id']] = output
                self.orders.setdefault((kind, output['lead_id']), []).append(output)
            for lead in read_json_lines(dump):
                self.leads[lead['lead_id']] = lead

    def count(self):
        return sum(map(len, self.orders.values()))


def check_outputs(deployment, expected):
    """What a read_committed reader sees is what is expected: field by field, once, and each lead's in its order."""
    orders = {}
    for kind in ('stages', 'sla', 'refused', 'retired'):
        for message in deployment.messages(f'{deployment.name}.{kind}'):
            output = deployment.decode(message)
            assert message.key().decode() == output['lead_id']
            orders.setdefault((kind, output['lead_id']), []).append(output)
    assert orders.keys() == expected.orders.keys()
    for key, outputs in orders.items():
        assert outputs == expected.orders[key], key


def check_view(deployment, expected):
    """Every lead's record in Redis is as expected, to the bit, and there are no others."""
    leads = deployment.dump_view(lambda lead: load.millis(expected.leads[lead]['at']) if lead in expected.leads else 0)
    assert leads.keys() == expected.leads.keys()
    for lead_id, lead in leads.items():
        assert lead == expected.leads[lead_id]


def read_json_lines(path):
    with (gzip.open if path.endswith('.gz') else open)(path, 'rb') as file:
        return [json.loads(line) for line in file]
