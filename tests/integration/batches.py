# SPDX-License-Identifier: Apache-2.0
"""A shard's batches as its footers say, and what the engine makes of them when they are run again (tests/faults/replay_batches)."""
import json
import os
import struct
import subprocess
import tempfile
import threading
from collections import Counter, namedtuple

import live

TIME_NONE = -(1 << 63)
LEAD, ACCOUNT = 0, 1
MESSAGE_WATERMARK = 0  # of lib/shard/shard_message.h
PREFIXES = {b'lead:': LEAD, b'account:': ACCOUNT}
OUTCOMES = ('applied', 'duplicate', 'ignored', 'rejected', 'elsewhere', None, None, None, None, None, 'dead letter', 'message', 'sent on')
MODELS_MAX = 8  # of before, whose records can be read
REPLAY_TIMEOUT_S = 1800
CHUNK = 1 << 20
COMMAND_MODEL, COMMAND_BATCH, COMMAND_RECORD, COMMAND_SETTLE, COMMAND_END, COMMAND_TOLD = range(1, 7)
ANSWER_WRITTEN, ANSWER_SENT, ANSWER_REACHED, ANSWER_PROBLEM, ANSWER_ENDED, ANSWER_OUTCOMES, ANSWER_ORDER = range(1, 8)

Place = namedtuple('Place', 'topic partition offset')        # of a record
Row = namedtuple('Row', 'offset timestamp key value')       # a record of a topic
Input = namedtuple('Input', 'topic first is_routed')        # as daemon/base/inputs.h has it
Batch = namedtuple('Batch', 'footer offset records taken')  # records: rows of the changelog before the footer; taken: (begin, end) of each input's rows
Answer = namedtuple('Answer', 'order written sent reached problems')  # order: of each record that was taken, its place in the engine's
Replays = namedtuple('Replays', 'outputs messages records')  # of all shards


def inputs_of(deployment):
    """What shards read, in the order in which a batch takes it. The internal topic is the last one."""
    found = []
    for topic in deployment.sources:
        is_routed = topic in deployment.routed
        found += [Input(topic, first, is_routed) for first in range(0, deployment.counts[topic], deployment.n_partitions)]
    return found + [Input(f'{deployment.name}.internal', 0, False)]


def read_rows(deployment, topic, partition):
    """A partition as a read_committed reader sees it."""
    return [Row(m.offset(), m.timestamp()[1], m.key(), m.value()) for m in deployment.stream(topic, [partition])]


def of(ms):
    return TIME_NONE if ms is None else ms


def number(value):
    return struct.pack('>q', value)


def string(value):
    return number(-1) if value is None else number(len(value)) + value


def sender_of(value):
    """The shard that tells all others something, of lib/shard/shard_message.h: behind format, kind and instant."""
    at = 2
    while value[at] & 0x80:
        at += 1
    return value[at + 1]


def entity_of(key):
    """Kind and id of a state record, or None."""
    for prefix, kind in PREFIXES.items():
        if key.startswith(prefix):
            return kind, key[len(prefix):]
    return None


class ShardLog:
    """A shard's inputs and its batches."""

    def __init__(self, deployment, shard):
        self.d, self.shard = deployment, shard
        self.inputs = inputs_of(deployment)
        self.partitions = [self.partition_of(i) for i in self.inputs]
        self.rows = [[] if partition is None else read_rows(deployment, i.topic, partition) for i, partition in zip(self.inputs, self.partitions)]
        self.batches, self.rest = self._cut()

    def partition_of(self, item):
        counts = self.d.counts.get(item.topic, self.d.n_partitions)
        return item.first + self.shard if item.first + self.shard < counts else None

    def _cut(self):
        found, pending = [], []
        stands = [0] * len(self.inputs)  # indexes of rows
        for row in read_rows(self.d, f'{self.d.name}.changelog', self.shard):
            if row.key != b'footer':
                pending.append(row)
                continue
            footer = json.loads(row.value)
            taken = []
            for i, offset in enumerate(self.offsets_of(footer)):
                begin = end = stands[i]
                while end < len(self.rows[i]) and self.rows[i][end].offset < offset:
                    end += 1
                taken.append((begin, end))
                stands[i] = end
            found.append(Batch(footer, row.offset, pending, taken))
            pending = []
        return found, pending

    def offsets_of(self, footer):
        """Where each input stands; -1 if nothing was read yet."""
        stands = {(item['topic'], item.get('partition', self.shard)): item['offset'] for item in footer['inputs']}
        return [stands.get((i.topic, partition), -1) for i, partition in zip(self.inputs, self.partitions)]

    def taken_by(self, batch):
        """The records that a batch took, one input after the other: input, row."""
        for i, (begin, end) in enumerate(batch.taken):
            for at in range(begin, end):
                yield i, self.rows[i][at]

    def is_read(self, i):
        return not self.batches or self.batches[-1].taken[i][1] == len(self.rows[i])

    def is_taken(self, index):
        """The shard was taken over before the batch."""
        if index == 0:
            return False
        taken = self.batches[index].footer['taken']
        return taken == index and self.batches[index - 1].footer['taken'] != index

    def walked(self, index):
        """What a new model's walk came by in the batch: offsets from, to."""
        footer = self.batches[index].footer['model']
        before = self.batches[index - 1].footer['model'] if index else footer
        if footer['version'] != before['version']:
            begin, end = 0, self.batches[index - 1].offset
        elif before['walk_end']:
            begin, end = max(before['walk_next'], 0), before['walk_end']
        else:
            return 0, 0
        return begin, max(footer['walk_next'], 0) if footer['walk_end'] else end


class Replay:
    """Runs the batches of a shard again. Iterating gives an answer for each; then there are the outcomes."""

    def __init__(self, log, config, model_path_of, compacted=(), told=(), clock_of=None):
        """`told`: what the shard has told all others, in order. `clock_of`: of topic, partition, row, when it was read, if that matters."""
        self.log, self.model_path_of, self.told = log, model_path_of, told
        self.clock_of = clock_of or (lambda topic, partition, row: row.timestamp)
        self.outcomes = {}
        self.problems = []  # of no batch
        d = log.d
        self.errors = tempfile.TemporaryFile()  # pylint: disable=consider-using-with
        command = [os.path.join(live.BUILD, 'tests', 'faults', 'replay_batches'), config, str(log.shard), str(d.n_partitions),
                   ','.join(str(d.counts[source]) for source in d.sources), *compacted]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, bufsize=CHUNK)
        self.timer = threading.Timer(REPLAY_TIMEOUT_S, self.process.kill)
        self.timer.daemon = True
        self.timer.start()
        self.writer = threading.Thread(target=self._write, daemon=True)
        self.writer.start()

    def __iter__(self):
        yield from self._answers()
        self.writer.join()
        self.timer.cancel()
        self.process.stdout.close()
        if self.process.wait() != 0:
            self.errors.seek(0)
            self.problems.append(f'the engine stops with {self.process.returncode}: {self.errors.read().decode()[-300:]}')
        self.errors.close()

    # --- commands ---

    def _write(self):
        try:
            with self.process.stdin as file:
                file.write(number(COMMAND_TOLD) + number(len(self.told)) + b''.join(string(value) for value in self.told))
                for command in self._commands():
                    file.write(command)
        except BrokenPipeError:
            pass  # it says why

    def _model(self, version, state):
        before = [self.model_path_of(past) for past in range(max(1, version - MODELS_MAX), version)]
        yield number(COMMAND_MODEL) + string(self.model_path_of(version).encode()) + number(len(before))
        yield b''.join(string(path.encode()) for path in before)
        yield number(len(state))
        for (kind, name), value in state.items():
            yield number(kind) + string(name) + string(value)

    def _settle(self, index):
        begin, end = self.log.walked(index)
        walked = []
        for batch in self.log.batches if end > begin else []:
            walked += [entity_of(row.key) for row in batch.records if begin <= row.offset < end and row.value is not None and entity_of(row.key)]
        for kind, name in sorted(walked, key=lambda item: item[0]):
            yield number(COMMAND_SETTLE) + number(kind) + string(name)

    def _commands(self):
        log, state, version = self.log, {}, None
        partitions = log.partitions
        pack = struct.Struct('>6q').pack
        for index, batch in enumerate(log.batches):
            footer = batch.footer
            if footer['model']['version'] != version:
                version = footer['model']['version']
                yield from self._model(version, state)
            stands = {item['topic']: item for item in footer['inputs'] if 'partition' not in item}
            sources = [stands.get(topic, {}) for topic in log.d.sources]
            yield number(COMMAND_BATCH) + number(int(log.is_taken(index))) + number(of(footer['begun_watermark'])) + \
                b''.join(number(of(item.get('proved'))) + number(of(item.get('newest'))) for item in sources)
            for i, row in log.taken_by(batch):
                key, value = row.key, row.value
                yield pack(COMMAND_RECORD, i, row.offset, row.timestamp, self.clock_of(log.inputs[i].topic, partitions[i], row),
                           -1 if key is None else len(key)) + (key or b'') + string(value)
            yield from self._settle(index)
            counts = footer['counts']
            yield number(COMMAND_END) + number(of(footer['watermark'])) + number(of(footer['accounts_watermark'])) + \
                number(counts['outputs']) + number(counts['written']) + string(footer['hash'].encode()) + number(len(batch.records))
            for row in batch.records:
                yield string(row.key) + string(row.value)
                entity = entity_of(row.key)
                if entity and row.value is None:
                    state.pop(entity, None)
                elif entity:
                    state[entity] = row.value

    # --- answers ---

    def _answers(self):
        read, unpack, names = self.process.stdout.read, struct.Struct('>q').unpack, {}

        def take_number():
            return unpack(read(8))[0]

        def take_string():
            size = take_number()
            return None if size < 0 else read(size)
        order, written, sent, reached, problems = (), [], [], [], []
        while True:
            what = read(8)
            if len(what) < 8:
                self.problems += problems
                return
            what = unpack(what)[0]
            if what == ANSWER_WRITTEN:
                topic = take_string()
                topic = names.setdefault(topic, topic.decode())
                partition = take_number()
                key = take_string()
                written.append((topic, partition, key, take_string()))
            elif what == ANSWER_SENT:
                sent.append((take_string().decode(), take_number(), take_number(), take_number()))
            elif what == ANSWER_REACHED:
                reached.append((take_string().decode(), take_number()))
            elif what == ANSWER_PROBLEM:
                problems.append(take_string().decode(errors='replace'))
            elif what == ANSWER_ENDED:
                take_number()
                yield Answer(order, written, sent, reached, problems)
                order, written, sent, reached, problems = (), [], [], [], []
            elif what == ANSWER_ORDER:
                n = take_number()
                order = struct.unpack(f'>{n}q', read(8 * n))
            elif what == ANSWER_OUTCOMES:
                counts = [take_number() for _ in range(take_number())]
                self.outcomes = {name: n for name, n in zip(OUTCOMES, counts) if n}


def told_to_all(deployment):
    """What each shard has told all others, in order. All partitions must have been told the same, in the same order by each."""
    topic, found = f'{deployment.name}.internal', []
    for partition in range(deployment.n_partitions):
        told = {}
        for row in read_rows(deployment, topic, partition):
            if row.key is None:
                told.setdefault(sender_of(row.value), []).append(row.value)
        found.append(told)
    for partition, told in enumerate(found):
        assert told == found[0], f'partition {partition} of the internal topic is told otherwise than the first'
    return found[0]


def replay_shards(deployment):
    """
    Of history (`watermark: data`): what the shards must have told and said to each other, and must keep. All outputs, each shard's
    in their order; how often each message (whom for, bytes) was sent; key -> record.
    """
    config = deployment.config('replay', watermark='data')
    told = told_to_all(deployment)
    kinds = {f'{deployment.name}.{kind}': name for kind, name in live.OUTPUTS.items()}
    outputs, messages, records = [], Counter(), {}
    for shard in range(deployment.n_partitions):
        log = ShardLog(deployment, shard)
        assert [batch.footer['bno'] for batch in log.batches] == list(range(1, len(log.batches) + 1))
        assert all(log.is_read(i) or all(row.key is None for row in log.rows[i][log.batches[-1].taken[i][1]:]) for i in range(len(log.inputs)))
        replay = Replay(log, config, lambda _: deployment.model, told=told.get(shard, []))
        answers = list(replay)
        assert len(answers) == len(log.batches), (shard, replay.problems)
        assert not replay.problems and not any(answer.problems for answer in answers)
        for topic, _, key, value in (written for answer in answers for written in answer.written):
            if topic in kinds and value is not None:
                outputs.append(deployment.decode_value(value) | {'output': kinds[topic]})
            elif topic not in kinds:
                messages[key.decode(), value] += 1
        records |= {row.key.decode(): row.value for batch in log.batches for row in batch.records if entity_of(row.key)}
    return Replays(outputs, messages, {key: value for key, value in records.items() if value is not None})
