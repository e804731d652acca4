#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the peers say what scored says?

    compare.py --program SCORED [--events N] [--leads N] [--seed N] [--late SHARE] [--kill] [--peer NAME]...

Makes a log of lead events, has `scored replay` judge it with the benchmark's model, partition by partition, and compares
what the peers make of the same events: `logic` (the library that both share, without a framework), `kafka-streams` and
`flink`, the latter two through a real Kafka. All fields are compared; numbers to 1e-6.

Flink has one event time for all partitions, the least of them. What time alone brings after the least of the partitions'
last events may therefore be missing at the end of a log, but nothing else; how much that was is said.

With --kill each peer is killed while it is at work, and started again when the rest of the log is there. Flink does not keep its time in its
checkpoints; but as all partitions have events left, time is as far in the end as without, and the comparison is the same.
"""
import argparse
import heapq
import io
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path[:0] = [os.path.join(ROOT, 'tests', 'integration'), os.path.join(ROOT, 'tests', 'bench')]

import fastavro  # noqa: E402
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

import load  # noqa: E402
from sameness import compare_leads  # noqa: E402

MODEL = os.path.join(ROOT, 'tests', 'bench', 'model.yaml')
BEGIN_MS = 1735689600000
DAY_MS = 24 * 3600 * 1000
LATEST_MS = 1 << 62
SHOWN = 10
PEERS = ['logic', 'kafka-streams', 'flink']
TIMES = {'StageChanged': ['changed_at', 'previous_entered_at', 'next_change_at'],
         'SlaEvent': ['started_at', 'due_at', 'occurred_at', 'stopped_at']}

# --- events -----------------------------------------------------------------------------------------------

ACTIVITIES = {
    'page_view': 40, 'email_opened': 12, 'email_clicked': 8, 'content_downloaded': 5, 'webinar_attended': 3, 'booth_visited': 2,
    'chat_started': 2, 'trial_started': 2, 'trial_activated': 1, 'feature_used': 6, 'teammate_invited': 1, 'api_called': 4,
    'demo_requested': 2, 'contact_requested': 1, 'profile_updated': 5, 'unsubscribed': 1,
    'sales_touch': 1, 'sales_accepted': 1, 'sales_rejected': 1, 'sales_meeting': 1, 'sales_opportunity': 1}
HANDS_RAISED = {'demo_requested', 'contact_requested', 'trial_started'}
NEXT_STEPS = {'sales_touch': ['sales_accepted', 'sales_accepted', 'sales_rejected'],
              'sales_accepted': ['sales_meeting', 'sales_meeting', 'sales_rejected'], 'sales_meeting': ['sales_opportunity']}
URLS = ['https://www.example.com/', 'https://www.example.com/pricing', 'https://www.example.com/PRICING/enterprise',
        'https://www.example.com/compare/us', 'https://www.example.com/compare', 'https://www.example.com/docs/api/auth',
        'https://www.example.com/docs/compare/pricing', 7, None]
SENIORITIES = ['staff', 'manager', 'director', 'vp', 'c_level', 'owner', None]
SOURCES = ['organic', 'paid_search', 'partner', '', None, None]


def properties_of(rng, kind):
    if kind == 'page_view':
        return {'url': rng.choice(URLS), 'seconds': rng.choice([3, 119, 120, 121.5, 119.9999999999, '200', None])}
    if kind == 'webinar_attended':
        return {'minutes': rng.choice([5, 30, 60, 90, 44.5, None])}
    if kind == 'api_called':
        return {'calls': rng.choice([1, 99, 100, 250])}
    if kind == 'profile_updated':
        every = {'employees': rng.choice([5, 999, 1000, 1000.5, 20000, 'many', None]), 'seniority': rng.choice(SENIORITIES),
                 'country': rng.choice(['DE', 'FR', None]), 'is_customer': rng.choice([True, False])}
        return {name: value for name, value in every.items() if rng.random() < 0.6}
    return {'rep': 'sales.person@company.example'} if kind.startswith('sales_') else {}


def make_events(options):
    """JSON lines. Event times rise but for the late ones; leads by Zipf's law; sales follow up on hands raised."""
    rng = random.Random(options.seed)
    kinds, weights = list(ACTIVITIES), list(ACTIVITIES.values())
    latest, follow_ups = [], []  # the latter: arrives at, in order of decision, occurred at, lead, type
    span_ms = options.days * DAY_MS
    for n in range(options.events):
        at_ms = BEGIN_MS + span_ms * n // options.events
        kind, lead = rng.choices(kinds, weights)[0], int(options.leads ** rng.random())
        if follow_ups and follow_ups[0][0] <= at_ms:
            arrives_ms, _, occurred_ms, lead, kind = heapq.heappop(follow_ups)
            at_ms = at_ms if occurred_ms == arrives_ms else occurred_ms
        elif rng.random() < options.late:
            at_ms -= int(rng.expovariate(1 / (5 * 3600 * 1000)))
        if kind in HANDS_RAISED:
            occurred_ms = at_ms + int(rng.expovariate(1 / (2 * 3600 * 1000)))
            arrives_ms = occurred_ms if rng.random() >= 5 * options.late else occurred_ms + int(rng.expovariate(1 / DAY_MS))
            heapq.heappush(follow_ups, (arrives_ms, n, occurred_ms, lead, 'sales_touch'))
        elif kind in NEXT_STEPS and rng.random() < 0.7:
            arrives_ms = at_ms + int(rng.expovariate(1 / DAY_MS))
            heapq.heappush(follow_ups, (arrives_ms, n, arrives_ms, lead, rng.choice(NEXT_STEPS[kind])))
        event = {'event_id': str(uuid.UUID(int=rng.getrandbits(128), version=4)) if rng.random() < 0.9 else f'crm:{n}',
                 'occurred_at': at_ms, 'lead_id': f'lead-{lead:08}',
                 'account_id': f'acct-{lead % 97}' if rng.random() < 0.3 else None, 'type': kind,
                 'source': rng.choice(SOURCES), 'campaign': None, 'topic': None, 'properties': properties_of(rng, kind)}
        if latest and rng.random() < 0.03:
            event = rng.choice(latest)  # sent again
        latest = latest[-200:] + [event]
        yield event


# --- what scored says -------------------------------------------------------------------------------------


def replay(options, path):
    """The outputs of one partition."""
    done = subprocess.run([options.program, 'replay', '--model', MODEL, path], stdout=subprocess.PIPE, check=True)
    outputs = []
    for line in done.stdout.splitlines():
        output = json.loads(line)
        for name in TIMES[output['output']]:
            output[name] = None if output[name] is None else load.millis(output[name])
        outputs.append(output)
    return outputs


# --- what the peers say -----------------------------------------------------------------------------------


class Decoder:
    def __init__(self):
        self.schemas = {}
        for schema_id, name in ((1, 'StageChanged'), (2, 'SlaEvent')):
            with open(os.path.join(ROOT, 'schemas', f'{name}.avsc'), encoding='utf-8') as file:
                self.schemas[schema_id] = name, fastavro.parse_schema(json.load(file))

    def __call__(self, message):
        magic, schema_id = struct.unpack_from('>bI', message)
        name, schema = self.schemas[schema_id]
        assert magic == 0
        output = fastavro.schemaless_reader(io.BytesIO(message[5:]), schema)
        for reason in output.get('reasons', ()):
            reason['occurred_at'] = load.instant((reason['occurred_at'] - load.EPOCH) // load.MILLISECOND)
        for field in TIMES[name]:
            output[field] = None if output[field] is None else (output[field] - load.EPOCH) // load.MILLISECOND
        return {'output': name, **output}


def run_logic(options, events, folder):
    encoder, decoder = load.Encoder(), Decoder()
    outputs = []
    for partition in events:
        source, target = os.path.join(folder, 'events.bin'), os.path.join(folder, 'outputs.bin')
        with open(source, 'wb') as file:
            for event in partition:
                message = encoder(event)
                file.write(struct.pack('>I', len(message)) + message)
        libs = os.path.join(ROOT, '.cache', 'peers', 'scoring')
        subprocess.run(['java', '-cp', f'{libs}/scoring.jar:{libs}/libs/*', 'io.scored.bench.scoring.ReplayMain', source, target], check=True)
        with open(target, 'rb') as file:
            content, at = file.read(), 0
        while at < len(content):
            length = struct.unpack_from('>I', content, at)[0]
            outputs.append(decoder(content[at + 4:at + 4 + length]))
            at += 4 + length
    return outputs


def read_topic(bootstrap, topic, n_partitions):
    """All that is committed."""
    consumer = Consumer({'bootstrap.servers': bootstrap, 'group.id': 'compare', 'isolation.level': 'read_committed',
                         'enable.auto.commit': False, 'enable.partition.eof': True})
    messages = []
    for partition in range(n_partitions):
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
        while (message := consumer.poll(10)) is None or not message.error():
            if message is None:
                raise TimeoutError(f'{topic}/{partition} has no end')
            messages.append((message.key().decode(), message.value()))
        if message.error().code() != KafkaError._PARTITION_EOF:
            raise KafkaException(message.error())
        high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)[1]
        if message.offset() != high:
            raise RuntimeError(f'{topic}/{partition}: a transaction is open')
    consumer.close()
    return messages


def cut(events, begin, end, of):
    """From one fraction to another of each partition."""
    return [partition[len(partition) * begin // of:len(partition) * end // of] for partition in events]


def count(events):
    return sum(map(len, events))


def send(bootstrap, events):
    loader = load.Loader(bootstrap, 'events', len(events))
    for partition in events:
        for event in partition:
            loader.send(event)
    loader.close()


def kill_at_work(command, bootstrap, events):
    """
    A peer that has half of the events to read gets some more whenever it has read what there was, as it may have committed by then, and
    is killed while still more come in small pieces. The rest is there when it is started again.
    """
    send(bootstrap, cut(events, 0, 8, 16))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        n = 8  # sixteenths that are sent
        for line in process.stdout:
            if not line.startswith('{') or json.loads(line).get('progress', {}).get('events', 0) < count(cut(events, 0, n, 16)):
                continue
            if n < 11:
                send(bootstrap, cut(events, n, n + 1, 16))
                n += 1
                continue
            for piece in range(16 * n, 16 * (n + 1)):
                send(bootstrap, cut(events, piece, piece + 1, 256))
                if piece == 16 * n + 8:
                    if process.poll() is not None:
                        break
                    process.kill()
            else:
                send(bootstrap, cut(events, n + 1, 16, 16))
                return
    raise RuntimeError('it ended before it could be killed')


def run_peer(options, name, events, folder):
    env = os.path.join(ROOT, 'tests', 'env', 'kafka')
    broker = os.path.join(folder, f'kafka-{name}')
    bootstrap = subprocess.run([env, 'start', broker], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    try:
        admin = AdminClient({'bootstrap.servers': bootstrap})
        topics = {topic: len(events) for topic in ('events', 'stages', 'sla')}
        for future in admin.create_topics([NewTopic(topic, n) for topic, n in topics.items()]).values():
            future.result(30)
        command = [os.path.join(HERE, name, 'run'), '--bootstrap', bootstrap, '--source', 'events', '--stages', 'stages', '--sla', 'sla',
                   '--app-id', f'compare-{name}', '--partitions', str(len(events)), '--state-dir', os.path.join(folder, f'state-{name}'),
                   '--stop-after-idle', '5']
        if options.kill:
            kill_at_work(command, bootstrap, events)
        else:
            send(bootstrap, events)
        subprocess.run(command, check=True, stdout=sys.stderr)
        decoder = Decoder()
        messages = [message for topic in ('stages', 'sla') for message in read_topic(bootstrap, topic, len(events))]
        outputs = []
        for key, value in messages:
            output = decoder(value)
            assert output['lead_id'] == key
            outputs.append(output)
        return outputs
    finally:
        subprocess.run([env, 'stop', broker, '--kill'], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--program', required=True, metavar='SCORED')
    parser.add_argument('--events', type=int, default=20000, metavar='N')
    parser.add_argument('--leads', type=int, default=1000, metavar='N')
    parser.add_argument('--days', type=int, default=120, metavar='N', help='which the log spans')
    parser.add_argument('--seed', type=int, default=1, metavar='N')
    parser.add_argument('--late', type=float, default=0.02, metavar='SHARE', help='of events that come late')
    parser.add_argument('--partitions', type=int, default=4, metavar='N')
    parser.add_argument('--kill', action='store_true', help='kill each peer while it is at work, and start it again')
    parser.add_argument('--peer', action='append', choices=PEERS, help='default: all')
    options = parser.parse_args()

    folder = tempfile.mkdtemp(prefix='peers-')
    events = [[] for _ in range(options.partitions)]
    for event in make_events(options):
        events[load.partition_of(event['lead_id'], options.partitions)].append(event)
    wanted = []
    for partition in events:
        path = os.path.join(folder, 'events.jsonl')
        with open(path, 'w', encoding='utf-8') as file:
            file.writelines(json.dumps(event) + '\n' for event in partition)
        wanted += replay(options, path)
    # of the least of all partitions; after a restart of what nobody can have read before
    unread = cut(events, 3, 4, 4) if options.kill else events
    horizon_ms = min(max(event['occurred_at'] for event in partition) for partition in unread)
    failed = False
    for name in options.peer or PEERS:
        got = run_logic(options, events, folder) if name == 'logic' else run_peer(options, name, events, folder)
        differences, n_owed = compare_leads(wanted, got, horizon_ms if name == 'flink' else LATEST_MS)
        failed |= bool(differences)
        for line in differences[:SHOWN]:
            print(line, file=sys.stderr)
        kinds = {}
        for output in got:
            kind = output.get('kind') or output['cause']
            kinds[kind] = kinds.get(kind, 0) + 1
        print(f'{name}: {options.events} events, {len(wanted)} outputs wanted, {len(got)} got, '
              f'{n_owed} owed by time, {len(differences)} differences; '
              + ', '.join(f'{kind} {kinds[kind]}' for kind in sorted(kinds)))
    shutil.rmtree(folder)
    return failed


if __name__ == '__main__':
    sys.exit(main())
