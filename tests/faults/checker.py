# SPDX-License-Identifier: Apache-2.0
"""What must hold of the topics and of Redis once all is quiet, whatever has happened.

The footers in the changelog say of each batch what it took. Their chain is checked against the source topics; then the engine
runs each batch again from the records themselves (replay_batches), and what it writes is compared byte by byte with what is in
the topics.
"""
import hashlib
import json
import os
import re
import struct
import subprocess
import time
from collections import Counter, defaultdict, namedtuple

import live
import load
from workload import MALFORMED

TIME_NONE = -(1 << 63)
LEAD, ACCOUNT = 0, 1
PREFIXES = {b'lead:': LEAD, b'account:': ACCOUNT}
OUTCOMES = {0: 'applied', 1: 'duplicate', 2: 'ignored', 3: 'rejected', 4: 'elsewhere', 10: 'dead letter', 11: 'message'}
# A record whose stamp is so shortly before the instant that was proved may not have been appended yet when the end was asked for.
APPEND_GRACE_MS = 100
# Outputs of one event.
TOGETHER_MS = 5
REPLAY_TIMEOUT_S = 300
PROBLEMS_MAX = 40

Batch = namedtuple('Batch', 'footer offset records')  # records: (offset, key, value) of the changelog before the footer
Answer = namedtuple('Answer', 'written told_at told outcomes watermark accounts_watermark n_outputs')


class Checker:
    """Collects problems; `run` returns them."""

    def __init__(self, deployment, config, model_path_of, lateness_ms, compacted):
        self.d, self.config, self.model_path_of, self.lateness_ms = deployment, config, model_path_of, lateness_ms
        self.schema = load.Encoder().schema
        self.compacted = compacted  # which of the output topics are
        self.problems, self.n_problems = [], 0
        self.figures = Counter()
        self.topics = deployment.sources + [f'{deployment.name}.internal']

    def problem(self, what, text):
        self.n_problems += 1
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(f'{what}: {text}')

    def run(self, malformed):
        self.read()
        for shard in range(self.d.n_partitions):
            self.batches[shard] = self.cut(shard)
        if not self.n_problems:  # the rest goes by the footers
            for shard in range(self.d.n_partitions):
                self.check_chain(shard)
            self.read_clocks()
            self.answers = [self.replay(shard) for shard in range(self.d.n_partitions)]
            for shard in range(self.d.n_partitions):
                self.check_batches(shard)
            self.check_outputs()
            self.check_internal()
            self.check_accounted(malformed)
        self.check_told_once()
        self.check_breaches()
        self.check_view()
        return self.problems

    # --- the topics ---

    def read(self):
        d = self.d
        self.inputs = [[{} for _ in self.topics] for _ in range(d.n_partitions)]  # shard, topic -> offset -> message
        for t, topic in enumerate(self.topics):
            for message in d.messages(topic):
                self.inputs[message.partition()][t][message.offset()] = message
        self.changelog = [[] for _ in range(d.n_partitions)]
        for message in d.messages(f'{d.name}.changelog'):
            self.changelog[message.partition()].append(message)
        self.outputs = {kind: d.messages(f'{d.name}.{kind}') for kind in live.OUTPUTS}
        self.batches = [[] for _ in range(d.n_partitions)]
        self.answers = []
        self.told = [[] for _ in range(d.n_partitions)]  # watermark messages, by the hashes

    def cut(self, shard):
        """The changelog's partition as batches."""
        found, pending = [], []
        for message in self.changelog[shard]:
            if message.key() == b'footer':
                found.append(Batch(json.loads(message.value()), message.offset(), pending))
                pending = []
            else:
                pending.append((message.offset(), message.key(), message.value()))
        if pending:
            self.problem('footers', f'shard {shard}: {len(pending)} records behind the last footer')
        numbers = [batch.footer['bno'] for batch in found]
        if numbers != list(range(1, len(found) + 1)):
            wrong = next(i for i, n in enumerate(numbers) if n != i + 1)
            self.problem('footers', f'shard {shard}: batch {numbers[wrong]} at {found[wrong].offset} where {wrong + 1} is due')
        if len({batch.footer['lineage'] for batch in found}) > 1:
            self.problem('footers', f'shard {shard}: more than one lineage')
        for batch in found:
            if batch.footer['counts']['records'] != len(batch.records):
                n = batch.footer['counts']['records']
                self.problem('footers', f'shard {shard} batch {batch.footer["bno"]}: {len(batch.records)} records, not {n}')
        self.figures['batches'] += len(found)
        return found

    def offsets_of(self, footer):
        stands = {item['topic']: item['offset'] for item in footer['inputs'] if not item.get('routed')}
        return [stands.get(topic, -1) for topic in self.topics]

    def taken_by(self, shard, index):
        """The records that a batch took: (topic, message), in the order of the engine."""
        batch = self.batches[shard][index]
        before = self.offsets_of(self.batches[shard][index - 1].footer) if index else [0] * len(self.topics)
        for t, (begin, end) in enumerate(zip(before, self.offsets_of(batch.footer))):
            for offset in range(max(begin, 0), max(end, 0)):
                if offset in self.inputs[shard][t]:
                    yield t, self.inputs[shard][t][offset]

    def check_chain(self, shard):
        """Each input is read on from where the batch before ended, to its end; nothing goes back in time."""
        before = [0] * len(self.topics)
        watermark = accounts_watermark = TIME_NONE
        for index, batch in enumerate(self.batches[shard]):
            footer, name = batch.footer, f'shard {shard} batch {index + 1}'
            after = self.offsets_of(footer)
            if any(b > a for b, a in zip(before, after)):
                self.problem('chain', f'{name}: offsets go back from {before} to {after}')
            n = sum(1 for _ in self.taken_by(shard, index))
            if n != footer['counts']['events']:
                self.problem('chain', f'{name}: counts {footer["counts"]["events"]} records where the topics hold {n}')
            for was, is_now, what in ((watermark, of(footer['watermark']), 'watermark'),
                                      (watermark, of(footer['begun_watermark']), 'watermark at its begin'),
                                      (of(footer['begun_watermark']), of(footer['watermark']), 'watermark'),
                                      (accounts_watermark, of(footer['accounts_watermark']), "accounts' watermark")):
                if is_now < was:
                    self.problem('chain', f'{name}: the {what} goes back from {was} to {is_now}')
            if not 0 <= footer['taken'] <= index:
                self.problem('chain', f'{name}: of an owner since batch {footer["taken"]}')
            before, watermark, accounts_watermark = after, of(footer['watermark']), of(footer['accounts_watermark'])
        for t, topic in enumerate(self.d.sources):
            end = max(self.inputs[shard][t], default=-1) + 1
            if max(before[t], 0) != end:
                self.problem('chain', f'shard {shard}: {topic} is read to {before[t]} of {end}')

    # --- the engine ---

    def walked(self, shard, index):
        """What a new model's walk came by in the batch: offsets from, to."""
        batches = self.batches[shard]
        footer = batches[index].footer['model']
        before = batches[index - 1].footer['model'] if index else footer
        begins = footer['version'] != before['version']
        if begins:
            begin, end = 0, batches[index - 1].offset
        elif before['walk_end']:
            begin, end = max(before['walk_next'], 0), before['walk_end']
        else:
            return 0, 0
        return begin, max(footer['walk_next'], 0) if footer['walk_end'] else end

    def commands(self, shard):
        """What replay_batches is to do."""
        out, state, version = [], {}, None
        # a shard that has none of a version yet learns them from the others when they write to it
        skeletons = {key: value for batches in self.batches for batch in batches for _, key, value in batch.records if key.startswith(b'model:')}
        now_ms = int(time.time() * 1000)
        changelog = [(offset, key, value) for batch in self.batches[shard] for offset, key, value in batch.records]
        for index, batch in enumerate(self.batches[shard]):
            footer = batch.footer
            if footer['model']['version'] != version:
                version = footer['model']['version']
                out.append(number(1) + string(self.model_path_of(version).encode()) + number(len(skeletons)))
                out += [string(value) for value in skeletons.values()]
                out.append(number(len(state)))
                out += [number(kind) + string(key) + string(value) for (kind, key), value in state.items()]
            taken = index > 0 and footer['taken'] == index and self.batches[shard][index - 1].footer['taken'] != index
            out.append(number(2) + number(int(taken)) + number(of(footer['begun_watermark'])))
            inputs = {item['topic']: item for item in footer['inputs']}
            for topic in self.d.sources:
                out.append(number(of(inputs[topic]['proved'])) + number(of(inputs[topic]['newest'])))
            for t, message in self.taken_by(shard, index):
                clock_ms = self.clocks.get((message.topic(), shard, message.offset()), now_ms)
                out.append(number(3) + number(t) + number(message.offset()) + number(message.timestamp()[1]) + number(clock_ms) +
                           string(message.key()) + string(message.value()))
            begin, end = self.walked(shard, index)
            walked = [(kind, key[len(prefix):]) for offset, key, value in changelog if begin <= offset < end and value is not None
                      for prefix, kind in PREFIXES.items() if key.startswith(prefix)] if end > begin else []
            out += [number(4) + number(kind) + string(name) for kind, name in sorted(walked, key=lambda item: item[0])]
            out.append(number(5) + number(of(footer['watermark'])) + number(of(footer['accounts_watermark'])))
            for _, key, value in batch.records:
                for prefix, kind in PREFIXES.items():
                    if key.startswith(prefix):
                        if value is None:
                            state.pop((kind, key[len(prefix):]), None)
                        else:
                            state[kind, key[len(prefix):]] = value
        return b''.join(out)

    def read_clocks(self):
        """The wall clock by which an event was too far ahead is told by its dead letter only: topic, partition, offset -> instant."""
        self.clocks = {}
        for message in self.outputs['dead-letters']:
            letter = self.d.decode(message)
            if letter['reason'] != 'future' or letter['topic'] not in self.d.sources:
                continue
            original = self.inputs[letter['partition']][self.topics.index(letter['topic'])].get(letter['offset'])
            event = decode_event(original, self.schema) if original else None
            ahead = re.search(r'is (\d+) ms ahead', letter['text'])
            if event and ahead:
                clock = event['occurred_at'] - int(ahead[1])
                self.clocks[letter['topic'], letter['partition'], letter['offset']] = clock
                if not original.timestamp()[1] <= clock + 5 or not clock <= message.timestamp()[1] + 5:
                    self.problem('accounted', f'{letter["topic"]} [{letter["partition"]}] {letter["offset"]} was read at {clock}, which is '
                                              'before it was appended or after its dead letter')

    def replay(self, shard):
        program = os.path.join(live.BUILD, 'tests', 'faults', 'replay_batches')
        try:
            done = subprocess.run([program, self.config, str(shard), str(self.d.n_partitions), *self.compacted],
                                  input=self.commands(shard), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                                  timeout=REPLAY_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.problem('replay', f'shard {shard}: the engine does not end')
            return []
        if done.returncode != 0:
            self.problem('replay', f'shard {shard}: the engine stops: {done.stderr.decode()[-300:]}')
        return list(answers(done.stdout))

    def check_batches(self, shard):
        """Each batch wrote what the engine makes of its inputs, and its footer says so."""
        for index, batch in enumerate(self.batches[shard]):
            name = f'shard {shard} batch {index + 1}'
            if index >= len(self.answers[shard]):
                self.problem('replay', f'{name}: not reached')
                return
            answer, footer = self.answers[shard][index], batch.footer
            if self.hash_of(answer, False) == footer['hash']:
                tells = False
            elif self.hash_of(answer, True) == footer['hash']:
                tells = True
            else:
                self.problem('hash', f'{name}: what the engine makes of it is not what the footer has the hash of; '
                                     f'taken {footer["taken"]}, model {footer["model"]["version"]}')
                self.explain(shard, index)
                return  # what follows is built on it
            if tells:
                self.told[shard].append(answer.told)
            self.figures['batches run again'] += 1
            if answer.n_outputs != footer['counts']['outputs']:
                self.problem('footers', f'{name}: {answer.n_outputs} outputs, not {footer["counts"]["outputs"]}')
            if (answer.watermark, answer.accounts_watermark) != (of(footer['watermark']), of(footer['accounts_watermark'])):
                self.problem('replay', f'{name}: time is not where the footer says')
            written = [(key, value) for topic, _, key, value in answer.written if topic == self.changelog_name()]
            if written != [(key, value) for _, key, value in batch.records]:
                self.problem('records', f'{name}: the changelog holds other records')

    def changelog_name(self):
        return f'{self.d.name}.changelog'

    def hash_of(self, answer, tells):
        digest = hashlib.sha256()
        written = list(answer.written)
        if tells and answer.told is not None:
            written[answer.told_at:answer.told_at] = [(self.topics[-1], i, None, answer.told) for i in range(self.d.n_partitions)]
        for topic, _, key, value in written:
            for field in (topic.encode(), key, value):
                digest.update(struct.pack('=Q', (1 << 64) - 1 if field is None else len(field)) + (field or b''))
        return digest.hexdigest()[:32]

    def explain(self, shard, index):
        """Where the changelog's records of a batch differ from the engine's."""
        answer, batch = self.answers[shard][index], self.batches[shard][index]
        expected = [(key, value) for topic, _, key, value in answer.written if topic == self.changelog_name()]
        found = [(key, value) for _, key, value in batch.records]
        only = [key for key, value in found if (key, value) not in expected][:5]
        lacks = [key for key, value in expected if (key, value) not in found][:5]
        order = '' if only or lacks else '; the same records' + (', in the same order' if found == expected else ', in another order')
        self.problems.append(f'  the changelog holds {len(found)} records, the engine {len(expected)}; '
                             f'different: {only}, of the engine: {lacks}{order}; the footer: {json.dumps(batch.footer)}')

    # --- what others read ---

    def written_to(self, topic):
        """What the engine wrote to a topic, by shard and partition."""
        for shard, found in enumerate(self.answers):
            for answer in found:
                for name, partition, key, value in answer.written:
                    if name == topic:
                        yield shard, partition, key, value

    def check_outputs(self):
        """A read_committed reader sees what the engine says: nothing else, nothing twice, nothing missing, in that order."""
        for kind, messages in self.outputs.items():
            topic = f'{self.d.name}.{kind}'
            expected, found = defaultdict(list), defaultdict(list)
            for shard, partition, key, value in self.written_to(topic):
                expected[None if key is None else partition].append((shard, (key, value)))
            for message in messages:
                self.figures['outputs'] += 1
                # without a key it may be in any
                found[None if message.key() is None else message.partition()].append((message.key(), message.value()))
            for partition in expected.keys() | found.keys():
                self.compare(kind, f'{topic} [{partition}]', partition is not None, expected[partition], found[partition])

    def compare(self, kind, name, ordered, expected, found):
        """Of several shards, each has its own order."""
        wants = Counter(record for _, record in expected)
        lacks, extra = wants - Counter(found), Counter(found) - wants
        if lacks or extra:
            self.problem('outputs', f'{name}: {sum(lacks.values())} of {len(expected)} are missing, {sum(extra.values())} of {len(found)} '
                                    f'too many: {self.show(kind, lacks)} {self.show(kind, extra)}')
            return
        for shard in {shard for shard, _ in expected if ordered}:
            rest = iter(found)
            if not all(record in rest for of_shard, record in expected if of_shard == shard):
                self.problem('outputs', f'{name}: those of shard {shard} are in another order')

    def show(self, kind, counter):
        for key, value in counter:
            if value is None:
                return f'{key} null'
            number_ = live.SCHEMA_IDS[live.OUTPUTS[kind]]
            return str(live.plain(live.fastavro.schemaless_reader(live.io.BytesIO(value[5:]), self.d.schemas[number_])))[:300]
        return ''

    def check_internal(self):
        """Between shards, too, there is what the engine says."""
        expected = [Counter() for _ in range(self.d.n_partitions)]
        for _, partition, key, value in self.written_to(self.topics[-1]):
            expected[partition][key, value] += 1
        for told in self.told:
            for value in told:
                for partition in range(self.d.n_partitions):
                    expected[partition][None, value] += 1
        for partition in range(self.d.n_partitions):
            found = Counter((m.key(), m.value()) for m in self.inputs[partition][-1].values())
            self.figures['messages between shards'] += sum(found.values())
            if found != expected[partition]:
                self.problem('internal', f'partition {partition}: {sum((expected[partition] - found).values())} messages are missing, '
                                         f'{sum((found - expected[partition]).values())} too many')

    def check_accounted(self, malformed):
        """Every source record was taken once, and one thing came of it."""
        reasons = Counter()
        for shard in range(self.d.n_partitions):
            outcomes = [OUTCOMES[outcome] for answer in self.answers[shard] for outcome in answer.outcomes]
            self.figures.update(outcome for outcome in outcomes)
            n = sum(len(self.inputs[shard][t]) for t in range(len(self.d.sources)))
            if sum(outcome != 'message' for outcome in outcomes) != n:
                self.problem('accounted', f'shard {shard}: {n} source records, {sum(o != "message" for o in outcomes)} outcomes')
            self.figures['events'] += n
        letters = [self.d.decode(message) for message in self.outputs['dead-letters']]
        reasons.update(letter['reason'] for letter in letters)
        places = Counter((letter['topic'], letter['partition'], letter['offset']) for letter in letters)
        for place, n in places.items():
            if n > 1:
                self.problem('accounted', f'{place} is a dead letter {n} times')
        for reason in set(MALFORMED.values()):
            if reasons[reason] < malformed.get(reason, 0):
                self.problem('accounted', f'{malformed[reason]} records must be {reason}, {reasons[reason]} dead letters are')

    def decoded(self, kind):
        """Outputs with their messages, and the lead or account that each is about."""
        for message in self.outputs[kind]:
            if message.value() is not None:
                output = self.d.decode(message)
                yield message, output, output['lead_id'] or output['account_id']

    def check_told_once(self):
        """By ids and ordinals alone: outputs count up without a gap in the order of their topic, and no fact is told twice."""
        # Who comes back after having been forgotten begins anew, and what is sent again counts again; so does who was merged into
        # one that was merged into him at once.
        gone = {subject for _, _, subject in self.decoded('retired')} | self.merged()
        ordinals = defaultdict(list)
        for kind in live.OUTPUTS:
            if kind == 'dead-letters':
                continue
            seen, last = set(), {}
            for message, output, subject in self.decoded(kind):
                fact, n = output['event_id'], output['ordinal']
                headers = dict(message.headers())
                if (message.key().decode(), headers['ce_subject'].decode(), headers['ce_id'].decode()) != (subject, subject, fact):
                    self.problem('ids', f'{kind}: key or headers of {fact} of {subject} are of another')
                if subject in gone:
                    continue
                if fact in seen:
                    self.problem('ids', f'{kind}: {fact} of {subject} is told twice')
                if n <= last.get(subject, 0):
                    self.problem('ids', f'{kind}: ordinal {n} of {subject} follows {last[subject]}')
                seen.add(fact)
                last[subject] = n
                ordinals[subject].append(n)
        for subject, found in ordinals.items():
            if sorted(found) != list(range(1, len(found) + 1)):
                self.problem('ids', f'ordinals of {subject} have gaps: {sorted(found)}')

    def events(self):
        """Those of the sources that are events: shard, source, offset, message, event."""
        for shard in range(self.d.n_partitions):
            for t in range(len(self.d.sources)):
                for offset, message in self.inputs[shard][t].items():
                    event = decode_event(message, self.schema)
                    if event is not None and message.key() == event['lead_id'].encode():
                        yield shard, t, offset, message, event

    def merged(self):
        """Leads that an event merges into another."""
        return {event['lead_id'] for _, _, _, _, event in self.events() if event['type'] == 'lead_merged'}

    # --- verdicts ---

    def check_breaches(self):
        """No breach is told of a clock that a record had stopped in time which was in the log before the verdict's time had come."""
        position, stops, merged, starts = {}, defaultdict(list), set(), {}
        for shard in range(self.d.n_partitions):
            for index in range(len(self.batches[shard])):
                for order, (t, message) in enumerate(self.taken_by(shard, index)):
                    position[shard, t, message.offset()] = (index, order)
        for shard, t, offset, message, event in self.events():
            at = position.get((shard, t, offset))
            if event['type'] in ('lead_merged', 'lead_forgotten'):
                merged |= {event['lead_id'], (event['properties'] or {}).get('into')}
            if event['type'] == 'sales_touch':
                stops[event['lead_id']].append((event['occurred_at'], message.timestamp()[1], at, shard, t, offset))
            if event['type'] == 'form':
                starts.setdefault((event['lead_id'], event['event_id']), at)
        late = {(lead, output['epoch']): decided_at(message) for message, output, lead in self.decoded('sla')
                if output['policy'] == 'call' and output['kind'] == 'late'}
        for message, output, lead in self.decoded('sla'):
            if output['kind'] != 'breached' or output['policy'] != 'call' or lead in merged:
                continue
            if abs(decided_at(message) - late.get((lead, output['epoch']), 0)) <= TOGETHER_MS:
                continue  # not by time: a call came that was too late, before one that had been in time
            self.figures['breaches'] += 1
            due, started = load.millis(output['due_at']), load.millis(output['started_at'])
            start = starts.get((output['lead_id'], output['start_event_id']))
            for occurred, appended, at, shard, t, offset in stops[output['lead_id']]:
                if started <= occurred <= due and appended < due + self.lateness_ms - APPEND_GRACE_MS and \
                        start is not None and at is not None and at > start:
                    self.problem('breach', f'{output["lead_id"]} is breached though it was called {due - occurred} ms before it was due, '
                                           f'by {self.d.sources[t]} [{shard}] {offset}, appended {due + self.lateness_ms - appended} ms '
                                           f'before anybody could judge; told at '
                                           f'{load.instant(decided_at(message))}, due at {output["due_at"]}')

    # --- Redis ---

    def final_state(self):
        state = {}
        for batches in self.batches:
            for batch in batches:
                for _, key, value in batch.records:
                    state[key] = value
        return {key: value for key, value in state.items() if value is not None and not key.startswith(b'model:')}

    def check_view(self):
        """The view holds the changelog's last records and no others, as of the last batch."""
        state = self.final_state()
        self.figures['leads and accounts'] = len(state)
        kept = {}
        for kind, prefix in (('record', 'lead:'), ('account-record', 'account:')):
            keys = {name: key for name, key in self.d.keys(kind).items()}
            names = sorted(keys)
            values = self.d.redis.mget([keys[name] for name in names]) if names else []
            kept.update({(prefix + name).encode(): value for name, value in zip(names, values)})
        if kept != state:
            differ = [key for key in kept.keys() & state.keys() if kept[key] != state[key]]
            self.problem('view', f'of {len(state)} records {len(state.keys() - kept.keys())} are missing, {len(kept.keys() - state.keys())} '
                                 f'are too many, {len(differ)} differ: {sorted(state.keys() ^ kept.keys())[:5]} {differ[:5]}')
        numbers = Counter(batches[-1].footer['bno'] for batches in self.batches if batches)
        metas = [self.d.redis.hgetall(key) for key in self.d.shard_keys('meta')]
        if Counter(int(meta[b'bno']) for meta in metas) != numbers or any(meta[b'mode'] != b'live' for meta in metas):
            self.problem('view', f'shards stand at {sorted(int(meta[b"bno"]) for meta in metas)}, not at {sorted(numbers.elements())}, '
                                 f'or are not live')

    def readable(self):
        """The readable fields of the view, by key."""
        found = {}
        for kind in ('lead', 'account'):
            for key in self.d.keys(kind + ':').values():
                found[key] = self.d.redis.hgetall(key)
        return found

    def n_under_way(self):
        """Messages between shards that nobody had taken when all were stopped: they change something as soon as somebody runs."""
        return sum(offset >= self.offsets_of(batches[-1].footer)[-1] and message.key() is not None
                   for shard, batches in enumerate(self.batches) if batches for offset, message in self.inputs[shard][-1].items())

    def check_rebuilt(self, before, after):
        """What was kept up through all that went wrong is what one gets that begins with nothing."""
        self.figures['readable keys'] = len(after)
        if before != after:
            differ = [key for key in before.keys() & after.keys() if before[key] != after[key]]
            sample = differ[0] if differ else None
            fields = sorted(set(before[sample].items()) ^ set(after[sample].items()))[:6] if sample else ''
            self.problem('readable', f'{len(before.keys() - after.keys())} keys too many, {len(after.keys() - before.keys())} missing, '
                                     f'{len(differ)} differ: {sample} {fields}')


# --- frames ----------------------------------------------------------------------------------------------


def of(ms):
    return TIME_NONE if ms is None else ms


def number(value):
    return struct.pack('>q', value)


def decided_at(message):
    return load.millis(dict(message.headers())['scored_decided_at'].decode().replace('Z', '+00:00'))


def string(value):
    return number(-1) if value is None else number(len(value)) + value


def answers(data):
    """What replay_batches printed, batch by batch."""
    at = 0

    def take_number():
        nonlocal at
        at += 8
        return struct.unpack_from('>q', data, at - 8)[0]

    def take_string():
        nonlocal at
        size = take_number()
        if size < 0:
            return None
        at += size
        return data[at - size:at]
    written, outcomes, told_at, told = [], [], 0, None
    while at < len(data):
        what = take_number()
        if what == 1:
            topic = take_string().decode()
            partition = take_number()
            key = take_string()
            written.append((topic, partition, key, take_string()))
        elif what == 2:
            outcomes.append(take_number())
        elif what == 3:
            told_at, told = len(written), take_string()
        else:
            watermark, accounts_watermark = take_number(), take_number()
            yield Answer(written, told_at, told, outcomes, watermark, accounts_watermark, take_number())
            written, outcomes = [], []


def decode_event(message, schema):
    """The event, or None for what is not one."""
    value = message.value()
    if not value or value[:5] != struct.pack('>bI', 0, load.SCHEMA_ID):
        return None
    try:
        event = live.fastavro.schemaless_reader(live.io.BytesIO(value[5:]), schema)
    except (EOFError, ValueError, IndexError, UnicodeDecodeError):
        return None
    return event | {'occurred_at': load.millis(live.plain(event['occurred_at']))}
