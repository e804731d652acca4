#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Load an event log into a source topic.

    load.py --bootstrap HOST:PORT --topic NAME [OPTION]... EVENTS

EVENTS is a file of JSON lines, one lead event each, as `scored replay` reads it; one that ends with .gz is
unpacked, and - is standard input. Each event becomes an Avro record in Confluent's wire format with its lead_id as key,
in the partition that the Java clients' murmur2 gives it; within a partition the order is that of the file.
"""
import argparse
import gzip
import io
import json
import os
import struct
import sys
import time
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone

import fastavro
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMA = os.path.join(ROOT, 'schemas', 'LeadEvent.avsc')
SCHEMA_ID = 100
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MILLISECOND = timedelta(milliseconds=1)


def murmur2(key):
    """Kafka's hash of a key, as org.apache.kafka.common.utils.Utils.murmur2 computes it."""
    multiplier, mask = 0x5bd1e995, 0xffffffff
    h = 0x9747b28c ^ len(key)
    whole = len(key) & ~3
    for (k,) in struct.iter_unpack('<I', key[:whole]):
        k = k * multiplier & mask
        k = (k ^ k >> 24) * multiplier & mask
        h = h * multiplier & mask ^ k
    if whole < len(key):
        h = (h ^ int.from_bytes(key[whole:], 'little')) * multiplier & mask
    h = (h ^ h >> 13) * multiplier & mask
    return h ^ h >> 15


def partition_of(lead_id, n_partitions):
    return (murmur2(lead_id.encode()) & 0x7fffffff) % n_partitions


def millis(instant):
    """An occurred_at of the JSON form as integer milliseconds."""
    if isinstance(instant, int):
        return instant
    return (datetime.fromisoformat(instant) - EPOCH) // MILLISECOND


def instant(ms):
    return (EPOCH + ms * MILLISECOND).isoformat(timespec='milliseconds').replace('+00:00', 'Z')


class Encoder:
    """Events of the JSON form as messages of one writer schema."""

    def __init__(self, schema=SCHEMA, schema_id=SCHEMA_ID):
        if not isinstance(schema, dict):
            with open(schema, encoding='utf-8') as file:
                schema = json.load(file)
        self.schema = fastavro.parse_schema(schema)
        self.header = struct.pack('>bI', 0, schema_id)

    def __call__(self, event):
        record = {key: value for key, value in event.items() if value is not None}
        record['occurred_at'] = millis(event['occurred_at'])
        buffer = io.BytesIO(self.header)
        buffer.seek(0, io.SEEK_END)
        fastavro.schemaless_writer(buffer, self.schema, record)
        return buffer.getvalue()


def read_lines(path, limit=None):
    """The log's lines without their ends; blank ones are left out."""
    with ExitStack() as stack:
        if path == '-':
            file = sys.stdin.buffer
        else:
            file = stack.enter_context((gzip.open if str(path).endswith('.gz') else open)(path, 'rb'))
        n = 0
        for line in file:
            if limit is not None and n >= limit:
                return
            line = line.rstrip(b'\r\n')
            if line.strip():
                n += 1
                yield line


def split(lines, n_partitions, folder):
    """Writes FOLDER/<partition>.jsonl, the input of `scored replay` for each partition; returns the paths."""
    paths = [os.path.join(folder, f'{i}.jsonl') for i in range(n_partitions)]
    with ExitStack() as stack:
        files = [stack.enter_context(open(path, 'wb')) for path in paths]
        for line in lines:
            files[partition_of(json.loads(line)['lead_id'], n_partitions)].write(line + b'\n')
    return paths


class Loader:
    """Produces events; close() tells whether all of them arrived."""

    def __init__(self, bootstrap, topic, n_partitions, encoder=None):
        self.topic = topic
        self.n_partitions = n_partitions
        self.encoder = encoder or Encoder()
        self.partitions = {}  # of the leads
        self.error = None
        self.producer = Producer({
            'bootstrap.servers': bootstrap,
            'enable.idempotence': True,  # keeps the order through retries
            'partitioner': 'murmur2_random',
            'linger.ms': 20,
            'queue.buffering.max.messages': 200000,
            'compression.type': 'lz4',
        })

    def delivered(self, error, message):
        lead_id = message.key().decode()
        if error is not None:
            self.error = self.error or KafkaException(error)
        elif message.partition() != self.partitions[lead_id]:
            self.error = self.error or ValueError(f'lead {lead_id} went to partition {message.partition()}')

    def send(self, event):
        lead_id = event['lead_id']
        if lead_id not in self.partitions:
            self.partitions[lead_id] = partition_of(lead_id, self.n_partitions)
        value = self.encoder(event)
        while True:
            try:
                self.producer.produce(self.topic, key=lead_id, value=value, on_delivery=self.delivered)
                break
            except BufferError:
                self.producer.poll(0.1)
        self.producer.poll(0)

    def close(self):
        if self.producer.flush(60) > 0:
            raise TimeoutError(f'{self.topic}: not all events could be delivered')
        if self.error:
            raise self.error


def load(bootstrap, topic, n_partitions, lines, rate=None, encoder=None):
    """Sends the lines, at most `rate` a second; returns each lead's partition."""
    loader = Loader(bootstrap, topic, n_partitions, encoder)
    begun = time.monotonic()
    for n, line in enumerate(lines):
        if rate:
            ahead = n / rate - (time.monotonic() - begun)
            if ahead > 0:
                loader.producer.poll(ahead)
        loader.send(json.loads(line))
    loader.close()
    return loader.partitions


def count_partitions(admin, topic):
    """How many the topic has; None: there is no such topic."""
    found = admin.list_topics(topic, timeout=10).topics[topic]
    return len(found.partitions) or None


def prepare_topic(bootstrap, topic, n_wanted):
    admin = AdminClient({'bootstrap.servers': bootstrap})
    n = count_partitions(admin, topic)
    if n is None:
        if not n_wanted:
            sys.exit(f'{topic} does not exist; --partitions would create it')
        admin.create_topics([NewTopic(topic, n_wanted)])[topic].result(30)
        return n_wanted
    if n_wanted and n != n_wanted:
        sys.exit(f'{topic} exists with {n} partitions')
    return n


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bootstrap', required=True, metavar='HOST:PORT')
    parser.add_argument('--topic', required=True)
    parser.add_argument('--partitions', type=int, metavar='N', help='create the topic with N of them if need be')
    parser.add_argument('--rate', type=float, metavar='N', help='events a second; default: as fast as it goes')
    parser.add_argument('--limit', type=int, metavar='N', help='only the first N events')
    parser.add_argument('--schema', default=SCHEMA, metavar='FILE', help='writer schema')
    parser.add_argument('--schema-id', type=int, default=SCHEMA_ID, metavar='N')
    parser.add_argument('--assignment', metavar='FILE', help='write "lead_id<TAB>partition" of all leads')
    parser.add_argument('--split', metavar='DIR', help="write DIR/<partition>.jsonl, each partition's events")
    parser.add_argument('events', metavar='EVENTS')
    options = parser.parse_args()

    n_partitions = prepare_topic(options.bootstrap, options.topic, options.partitions)
    lines = read_lines(options.events, options.limit)
    if options.split:
        lines = list(lines)
        os.makedirs(options.split, exist_ok=True)
        split(lines, n_partitions, options.split)
    encoder = Encoder(options.schema, options.schema_id)
    partitions = load(options.bootstrap, options.topic, n_partitions, lines, options.rate, encoder)
    if options.assignment:
        with open(options.assignment, 'w', encoding='utf-8') as file:
            file.writelines(f'{lead_id}\t{partition}\n' for lead_id, partition in sorted(partitions.items()))
    n_leads = [0] * n_partitions
    for partition in partitions.values():
        n_leads[partition] += 1
    for partition, n in enumerate(n_leads):
        print(f'partition {partition}: {n} leads')


if __name__ == '__main__':
    main()
