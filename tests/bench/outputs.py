# SPDX-License-Identifier: Apache-2.0
"""What the systems told: their output topics, read and compared."""
import io
import json
import os
from collections import Counter, defaultdict

import fastavro
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from sameness import is_owed

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOLERANCE = 1e-6
WIRE_SIZE = 5


def messages(bootstrap, topic):
    """All that a read_committed reader sees of a topic now."""
    consumer = Consumer({'bootstrap.servers': bootstrap, 'group.id': 'bench.reader', 'isolation.level': 'read_committed',
                         'enable.partition.eof': True, 'enable.auto.commit': False})
    n = len(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, i, 0) for i in range(n)])
    ended = set()
    try:
        while len(ended) < n:
            for message in consumer.consume(10000, 1):
                if not message.error():
                    yield message
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    ended.add(message.partition())
                else:
                    raise KafkaException(message.error())
    finally:
        consumer.close()


class Decoder:
    """Reads records of one schema; instants stay numbers."""

    def __init__(self, name):
        with open(os.path.join(ROOT, 'schemas', f'{name}.avsc'), encoding='utf-8') as file:
            self.schema = fastavro.parse_schema(self._plain(json.load(file)))

    @classmethod
    def _plain(cls, schema):
        """Without logical types, which would make datetimes of longs."""
        if isinstance(schema, dict):
            return {key: cls._plain(value) for key, value in schema.items() if key != 'logicalType'}
        return [cls._plain(item) for item in schema] if isinstance(schema, list) else schema

    def __call__(self, value):
        buffer = io.BytesIO(value)
        buffer.seek(WIRE_SIZE)
        return fastavro.schemaless_reader(buffer, self.schema)


def stage_key(record):
    return (record['lead_id'], record['track'], record['from'], record['to'], record['changed_at'], record['cause'])


def sla_key(record):
    return (record['lead_id'], record['policy'], record['kind'], record['level'], record['due_at'], record['occurred_at'])


def common_time(bootstrap, source):
    """
    The least of the partitions' last instants, in milliseconds. A system that has one time for all partitions has not judged what time
    brings from then on.
    """
    consumer = Consumer({'bootstrap.servers': bootstrap, 'group.id': 'bench.reader', 'enable.auto.commit': False})
    try:
        found = []
        for i in consumer.list_topics(source, timeout=30).topics[source].partitions:
            end = consumer.get_watermark_offsets(TopicPartition(source, i), timeout=30)[1]
            if end == 0:
                return 0
            consumer.assign([TopicPartition(source, i, end - 1)])
            message = consumer.poll(30)
            assert message is not None and not message.error(), f'{source}: its last record cannot be read'
            found.append(message.timestamp()[1])
        return min(found)
    finally:
        consumer.close()


class Told:
    """
    The outputs of one system: for each stage change its total scores, in order; how often each SLA event. What time alone brings from an
    instant on is left out, and nothing else.
    """

    def __init__(self, bootstrap, stages, sla, before_ms):
        self.stages, self.sla = defaultdict(list), Counter()
        self.n_owed = 0  # left out
        decode, moved = Decoder('StageChanged'), set()
        for message in messages(bootstrap, stages):
            record = decode(message.value())
            if record['cause'] == 'time' and record['changed_at'] >= before_ms:
                moved.add((record['lead_id'], record['changed_at']))
                self.n_owed += 1
            else:
                self.stages[stage_key(record)].append(record['scores']['total'])
        decode = Decoder('SlaEvent')
        for message in messages(bootstrap, sla):
            record = decode(message.value())
            if is_owed(record, moved, before_ms):
                self.n_owed += 1
            else:
                self.sla[sla_key(record)] += 1

    @property
    def n_stages(self):
        return sum(map(len, self.stages.values()))

    @property
    def n_sla(self):
        return self.sla.total()


def differences(a, b):
    """Each as a line of text."""
    for key in a.stages.keys() | b.stages.keys():
        ours, theirs = sorted(a.stages.get(key, ())), sorted(b.stages.get(key, ()))
        if len(ours) != len(theirs):
            yield f'stage change {key}: {len(ours)} times and {len(theirs)} times'
        elif any(abs(x - y) > TOLERANCE for x, y in zip(ours, theirs)):
            yield f'stage change {key}: total {ours} and {theirs}'
    for key in a.sla.keys() | b.sla.keys():
        if a.sla[key] != b.sla[key]:
            yield f'SLA event {key}: {a.sla[key]} times and {b.sla[key]} times'
