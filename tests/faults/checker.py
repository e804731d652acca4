# SPDX-License-Identifier: Apache-2.0
"""What must hold of the topics and of Redis once all is quiet, whatever has happened.

The footers in the changelog say of each batch what it took. Their chain is checked against the source topics; then the engine
runs each batch again from the records themselves (replay_batches), and what it writes is compared byte by byte with what is in
the topics. All of it goes shard by shard and topic by topic, so that a long run fits into memory.
"""
import re
import struct
from collections import Counter, defaultdict, namedtuple

import batches
import live
import load
from batches import TIME_NONE, Place, Replay, ShardLog, of
from workload import MALFORMED

# Outputs of one event.
TOGETHER_MS = 5
PROBLEMS_MAX = 40
KEYS_AT_ONCE = 5000
MARKS = (b'sales_touch', b'\x08form', b'lead_merged', b'lead_forgotten')  # in an event that is looked at here
FUTURE = re.compile(r'is (\d+) ms ahead')

Seen = namedtuple('Seen', 'key value')  # a record, by the hash of its value: all of them would not fit
Sample = namedtuple('Sample', 'at lineage bno next watermark ends')  # of a live shard's meta in Redis; `ends`: of the changelog afterwards


class Checker:
    """Collects problems; `run` returns them."""

    def __init__(self, deployment, config, model_path_of, lateness_ms, compacted):
        self.d, self.config, self.model_path_of, self.lateness_ms = deployment, config, model_path_of, lateness_ms
        self.schema = load.Encoder().schema
        self.compacted = compacted  # which of the output topics are
        self.problems, self.n_problems = [], 0
        self.figures = Counter()
        self.internal = f'{deployment.name}.internal'
        self.letters = {}              # place -> (ms ahead of the clock, stamp): dead letters of the future
        self.reasons = Counter()       # of dead letters
        self.read_at = {}              # place -> when it was read by the clock
        self.written = defaultdict(lambda: defaultdict(list))  # topic, partition -> of shards: what the engine wrote there
        self.order = {}                # place -> shard, batch, number: when an event was taken
        self.events = []               # (place, event): those that matter below
        self.state = {}                # key -> value, of all shards
        self.footers = {}              # lineage -> shard, and of each batch next offset, watermark
        self.last = []                 # the last footers
        self.n_under_way = 0

    def problem(self, what, text):
        self.n_problems += 1
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(f'{what}: {text}')

    def run(self, malformed, acked, samples):
        """`acked`: place -> when the producer was told that it is there. `samples`: what was in Redis meanwhile."""
        self.read_letters()
        told = self.read_told()
        for shard in range(self.d.n_partitions):
            log = ShardLog(self.d, shard)
            self.check_footers(log)
            self.check_chain(log)
            self.note_events(log)
            self.replay(log, told.get(shard, []), acked)
            self.settle(log)
        if not self.n_problems:  # the rest goes by the footers
            self.check_outputs()
            self.check_internal()
            self.check_accounted(malformed)
        self.check_told_once()
        self.check_breaches(acked)
        self.check_samples(samples)
        self.check_view()
        return self.problems

    # --- before all else ---

    def read_letters(self):
        """The wall clock by which an event was too far ahead is told by its dead letter only."""
        places = Counter()
        for message in self.d.stream(f'{self.d.name}.dead-letters'):
            letter = self.d.decode(message)
            place = Place(letter['topic'], letter['partition'], letter['offset'])
            places[place] += 1
            self.reasons[letter['reason']] += 1
            ahead = FUTURE.search(letter['text'])
            if letter['reason'] == 'future' and ahead:
                self.letters[place] = int(ahead[1]), message.timestamp()[1]
        for place, n in places.items():
            if n > 1:
                self.problem('accounted', f'{place} is a dead letter {n} times')

    def read_told(self):
        try:
            return batches.told_to_all(self.d)
        except AssertionError as error:
            self.problem('internal', str(error))
            return {}

    def clock_of(self, topic, partition, row):
        """When a record was read; of most it does not matter, for none is read before it was appended."""
        place = Place(topic, partition, row.offset)
        if place not in self.letters:
            return row.timestamp
        event = decode_event(row.value, self.schema)
        if event is None:
            return row.timestamp
        ahead_ms, told_ms = self.letters[place]
        clock = event['occurred_at'] - ahead_ms
        if not row.timestamp <= clock + 5 or not clock <= told_ms + 5:
            self.problem('accounted', f'{place} was read at {clock}, which is before it was appended or after its dead letter')
        return clock

    # --- a shard ---

    def check_footers(self, log):
        """The changelog's partition is batches, numbered without a gap."""
        name, found = f'shard {log.shard}', log.batches
        if log.rest:
            self.problem('footers', f'{name}: {len(log.rest)} records behind the last footer')
        for index, batch in enumerate(found):
            if batch.footer['bno'] != index + 1:
                self.problem('footers', f'{name}: batch {batch.footer["bno"]} at {batch.offset} where {index + 1} is due')
                break
        if len({batch.footer['lineage'] for batch in found}) > 1:
            self.problem('footers', f'{name}: more than one lineage')
        for batch in found:
            n = batch.footer['counts']['records']
            if n != len(batch.records):
                self.problem('footers', f'{name} batch {batch.footer["bno"]}: {len(batch.records)} records, not {n}')
        self.figures['batches'] += len(found)

    def check_chain(self, log):
        """Each input is read on from where the batch before ended, to its end; nothing goes back in time."""
        before = [-1] * len(log.inputs)
        watermark = accounts_watermark = TIME_NONE
        for index, batch in enumerate(log.batches):
            footer, name = batch.footer, f'shard {log.shard} batch {index + 1}'
            after = log.offsets_of(footer)
            if any(b > a for b, a in zip(before, after)):
                self.problem('chain', f'{name}: offsets go back from {before} to {after}')
            n = sum(end - begin for begin, end in batch.taken)
            if n != footer['counts']['events']:
                self.problem('chain', f'{name}: counts {footer["counts"]["events"]} records where the topics hold {n}')
            begun, ended, accounts = of(footer['begun_watermark']), of(footer['watermark']), of(footer['accounts_watermark'])
            if not watermark <= begun <= ended:
                self.problem('chain', f'{name}: the watermark goes back: {watermark}, at its begin {begun}, at its end {ended}')
            if accounts < accounts_watermark:
                self.problem('chain', f"{name}: the accounts' watermark goes back from {accounts_watermark} to {accounts}")
            if not 0 <= footer['taken'] <= index:
                self.problem('chain', f'{name}: of an owner since batch {footer["taken"]}')
            before, watermark, accounts_watermark = after, ended, accounts
        for i, partition in enumerate(log.partitions[:-1]):
            if not log.is_read(i):
                self.problem('chain', f'shard {log.shard}: {log.inputs[i].topic} [{partition}] is read to {before[i]} of {log.rows[i][-1].offset + 1}')

    def note_events(self, log):
        """Those of the sources that matter to what follows."""
        for i, item in enumerate(log.inputs[:-1]):
            self.figures['events'] += len(log.rows[i])
            for row in log.rows[i]:
                if row.value is None or not any(mark in row.value for mark in MARKS):
                    continue
                event = decode_event(row.value, self.schema)
                if event is not None and (item.is_routed or row.key == event['lead_id'].encode()):
                    place = Place(item.topic, log.partitions[i], row.offset)
                    self.events.append((place, event))
                    self.order[place] = None

    def note_order(self, log, index, answer):
        """When a batch took them."""
        for order, (i, row) in zip(answer.order, log.taken_by(log.batches[index])):
            place = Place(log.inputs[i].topic, log.partitions[i], row.offset)
            if place in self.order and not log.inputs[i].is_routed:
                self.order[place] = (log.shard, index, order)

    def replay(self, log, told, acked):
        """Each batch wrote what the engine makes of its inputs, and its footer says so."""
        replay, n = Replay(log, self.config, self.model_path_of, self.compacted, told, self.clock_of), 0
        for index, answer in enumerate(replay):
            name = f'shard {log.shard} batch {index + 1}'
            n += 1
            self.note_order(log, index, answer)
            for text in answer.problems:
                kind, _, rest = text.partition(': ')
                self.problem(*((kind, f'{name}: {rest}') if kind in ('hash', 'records') else ('replay', f'{name}: {text}')))
            for topic, partition, key, value in answer.written:
                # without a key it may be in any
                self.written[topic][None if key is None else partition].append((log.shard, seen(key, value)))
            for topic, partition, offset, order in answer.sent:
                if topic in self.d.routed:
                    self.order[Place(topic, partition, offset)] = (log.shard, index, order)
            for topic, at_ms in answer.reached:
                self.check_reached(log, index, topic, at_ms, acked)
        for text in replay.problems:
            self.problem('replay', f'shard {log.shard}: {text}')
        if n != len(log.batches):
            self.problem('replay', f'shard {log.shard} batch {n + 1}: not reached of {len(log.batches)}')
        self.figures['batches run again'] += n
        self.figures.update(replay.outcomes)
        n_sources = sum(len(rows) for rows in log.rows[:-1])
        n_outcomes = sum(count for outcome, count in replay.outcomes.items() if outcome != 'message')
        if n_outcomes != n_sources:
            self.problem('accounted', f'shard {log.shard}: {n_sources} source records, {n_outcomes} outcomes')

    def check_reached(self, log, index, topic, at_ms, acked):
        """What a shard says to have sent on of a routed source it has: nothing that is not read was there before that instant."""
        for i, item in enumerate(log.inputs[:-1]):
            if item.topic != topic or log.partitions[i] is None:
                continue
            end = log.batches[index].taken[i][1]
            if end < len(log.rows[i]):
                place = Place(topic, log.partitions[i], log.rows[i][end].offset)
                if acked.get(place, at_ms) < at_ms:
                    self.problem('reached', f'shard {log.shard} batch {index + 1} says to have sent on all of {topic} to {load.instant(at_ms)}, '
                                            f'but {place} was there {at_ms - acked[place]} ms before')

    def settle(self, log):
        """What is to be known of a shard once all has been looked at."""
        for batch in log.batches:
            for row in batch.records:
                self.state[row.key] = row.value
        if log.batches:
            last = log.batches[-1]
            self.footers[last.footer['lineage']] = log.shard, [(batch.offset + 1, batch.footer['watermark']) for batch in log.batches]
            self.last.append(last.footer)
            self.n_under_way += sum(row.key is not None for row in log.rows[-1][last.taken[-1][1]:])

    # --- what others read ---

    def check_outputs(self):
        """A read_committed reader sees what the engine says: nothing else, nothing twice, nothing missing, in that order."""
        for kind in live.OUTPUTS:
            topic = f'{self.d.name}.{kind}'
            found = defaultdict(list)
            for message in self.d.stream(topic):
                self.figures['outputs'] += 1
                found[None if message.key() is None else message.partition()].append(seen(message.key(), message.value()))
            for partition in self.written[topic].keys() | found.keys():
                self.compare('outputs', f'{topic} [{partition}]', partition is not None, self.written[topic][partition], found[partition])

    def check_internal(self):
        """Between shards, too, there is what the engine says. What is told to all of them was looked at with its batch."""
        for partition in range(self.d.n_partitions):
            found = [seen(message.key(), message.value()) for message in self.d.stream(self.internal, [partition]) if message.key() is not None]
            self.figures['messages between shards'] += len(found)
            self.compare('internal', f'{self.internal} [{partition}]', True, self.written[self.internal][partition], found)

    def compare(self, what, name, ordered, expected, found):
        """Of several shards, each has its own order."""
        wants = Counter(record for _, record in expected)
        lacks, extra = wants - Counter(found), Counter(found) - wants
        if lacks or extra:
            self.problem(what, f'{name}: {sum(lacks.values())} of {len(expected)} are missing, {sum(extra.values())} of {len(found)} '
                               f'too many; of {[record.key for record in lacks][:5]}, {[record.key for record in extra][:5]}')
            return
        for shard in {shard for shard, _ in expected if ordered}:
            rest = iter(found)
            if not all(record in rest for of_shard, record in expected if of_shard == shard):
                self.problem(what, f'{name}: those of shard {shard} are in another order')

    def check_accounted(self, malformed):
        """What was sent malformed became a dead letter, with the right reason."""
        for reason in set(MALFORMED.values()):
            if self.reasons[reason] < malformed.get(reason, 0):
                self.problem('accounted', f'{malformed[reason]} records must be {reason}, {self.reasons[reason]} dead letters are')

    def decoded(self, kind):
        """Outputs with their messages, and the lead or account that each is about."""
        for message in self.d.stream(f'{self.d.name}.{kind}'):
            if message.value() is not None:
                output = self.d.decode_value(message.value())
                yield message, output, output['lead_id'] or output['account_id']

    def check_told_once(self):
        """By ids and ordinals alone: outputs count up without a gap in the order of their topic, and no fact is told twice."""
        # Who comes back after having been forgotten begins anew, and what is sent again counts again; so does who was merged into
        # one that was merged into him at once.
        gone = {subject for _, _, subject in self.decoded('retired')} | \
            {event['lead_id'] for _, event in self.events if event['type'] == 'lead_merged'}
        ordinals = defaultdict(list)
        for kind in live.OUTPUTS:
            if kind == 'dead-letters':
                continue
            facts, last = set(), {}
            for message, output, subject in self.decoded(kind):
                fact, n = output['event_id'], output['ordinal']
                headers = dict(message.headers())
                if (message.key().decode(), headers['ce_subject'].decode(), headers['ce_id'].decode()) != (subject, subject, fact):
                    self.problem('ids', f'{kind}: key or headers of {fact} of {subject} are of another')
                if subject in gone:
                    continue
                if fact in facts:
                    self.problem('ids', f'{kind}: {fact} of {subject} is told twice')
                if n <= last.get(subject, 0):
                    self.problem('ids', f'{kind}: ordinal {n} of {subject} follows {last[subject]}')
                facts.add(fact)
                last[subject] = n
                ordinals[subject].append(n)
        for subject, found in ordinals.items():
            if sorted(found) != list(range(1, len(found) + 1)):
                self.problem('ids', f'ordinals of {subject} have gaps: {sorted(found)}')

    # --- verdicts ---

    def check_breaches(self, acked):
        """No breach is told of a clock that a record had stopped in time whose producer knew it there before the verdict's time had come."""
        stops, merged, starts = defaultdict(dict), set(), {}
        for place, event in self.events:
            if event['type'] in ('lead_merged', 'lead_forgotten'):
                merged |= {event['lead_id'], (event['properties'] or {}).get('into')}
            at = self.order[place]
            if at is None:
                continue
            if event['type'] == 'sales_touch':  # the first of the same counts; if that was before the start, none does
                of_lead, found = stops[event['lead_id']], (at, event['occurred_at'], acked.get(place), place)
                of_lead[event['event_id']] = min(found, of_lead.get(event['event_id'], found))
            if event['type'] == 'form':
                key = event['lead_id'], event['event_id']
                starts[key] = min(at, starts.get(key, at))
        late, breached = {}, []
        for message, output, lead in self.decoded('sla'):
            if output['policy'] == 'call' and output['kind'] == 'late':
                late[lead, output['epoch']] = decided_at(message)
            elif output['policy'] == 'call' and output['kind'] == 'breached' and lead not in merged:
                breached.append((lead, output, decided_at(message)))
        for lead, output, told_ms in breached:
            if abs(told_ms - late.get((lead, output['epoch']), 0)) <= TOGETHER_MS:
                continue  # not by time: a call came that was too late, before one that had been in time
            self.figures['breaches'] += 1
            due, started = load.millis(output['due_at']), load.millis(output['started_at'])
            start = starts.get((output['lead_id'], output['start_event_id']))
            for at, occurred, there_ms, place in stops[lead].values():
                if started <= occurred <= due and there_ms is not None and there_ms < due + self.lateness_ms and \
                        start is not None and at > start:
                    self.problem('breach', f'{lead} is breached though it was called {due - occurred} ms before it was due, by {place}, '
                                           f'which was there {due + self.lateness_ms - there_ms} ms before anybody could judge; told at '
                                           f'{load.instant(told_ms)}, due at {output["due_at"]}')

    # --- Redis ---

    def check_samples(self, samples):
        """At no time there was in Redis what was not committed, then or later."""
        for sample in samples:
            shard, footers = self.footers.get(sample.lineage, (None, []))
            self.figures['samples of the view'] += 1
            if not 0 < sample.bno <= len(footers):
                self.problem('ahead', f'at {load.instant(sample.at)} Redis held batch {sample.bno} of {sample.lineage}, which has {len(footers)}')
                continue
            following, watermark = footers[sample.bno - 1]
            if (sample.next, sample.watermark) != (following, of(watermark)):
                self.problem('ahead', f'at {load.instant(sample.at)} Redis held another batch {sample.bno} of {sample.lineage} than was '
                                      f'committed: {sample.next}, {sample.watermark}, not {following}, {watermark}')
            if following > sample.ends[shard]:
                self.problem('ahead', f'at {load.instant(sample.at)} Redis held batch {sample.bno} of {sample.lineage}, whose footer at '
                                      f'{following - 1} was not in the changelog: it ended at {sample.ends[shard]}')

    def final_state(self):
        return {key: value for key, value in self.state.items() if value is not None and not key.startswith(b'model:')}

    def check_view(self):
        """The view holds the changelog's last records and no others, as of the last batch."""
        state = self.final_state()
        self.figures['leads and accounts'] = len(state)
        kept = {}
        for kind, prefix in (('record', 'lead:'), ('account-record', 'account:')):
            keys = {name: key for name, key in self.d.keys(kind).items()}
            names = sorted(keys)
            for at in range(0, len(names), KEYS_AT_ONCE):
                some = names[at:at + KEYS_AT_ONCE]
                kept.update({(prefix + name).encode(): value for name, value in zip(some, self.d.redis.mget([keys[name] for name in some]))})
        if kept != state:
            differ = [key for key in kept.keys() & state.keys() if kept[key] != state[key]]
            self.problem('view', f'of {len(state)} records {len(state.keys() - kept.keys())} are missing, {len(kept.keys() - state.keys())} '
                                 f'are too many, {len(differ)} differ: {sorted(state.keys() ^ kept.keys())[:5]} {differ[:5]}')
        numbers = Counter(footer['bno'] for footer in self.last)
        metas = [self.d.redis.hgetall(key) for key in self.d.shard_keys('meta')]
        if Counter(int(meta[b'bno']) for meta in metas) != numbers or any(meta[b'mode'] != b'live' for meta in metas):
            self.problem('view', f'shards stand at {sorted(int(meta[b"bno"]) for meta in metas)}, not at {sorted(numbers.elements())}, '
                                 f'or are not live')

    def readable(self):
        """The readable fields of the view, by key."""
        found = {}
        for kind in ('lead', 'account'):
            keys = list(self.d.keys(kind + ':').values())
            for at in range(0, len(keys), KEYS_AT_ONCE):
                pipe = self.d.redis.pipeline(transaction=False)
                for key in keys[at:at + KEYS_AT_ONCE]:
                    pipe.hgetall(key)
                found.update(zip(keys[at:at + KEYS_AT_ONCE], pipe.execute()))
        return found

    def check_rebuilt(self, before, after):
        """What was kept up through all that went wrong is what one gets that begins with nothing."""
        self.figures['readable keys'] = len(after)
        if before != after:
            differ = [key for key in before.keys() & after.keys() if before[key] != after[key]]
            sample = differ[0] if differ else None
            fields = sorted(set(before[sample].items()) ^ set(after[sample].items()))[:6] if sample else ''
            self.problem('readable', f'{len(before.keys() - after.keys())} keys too many, {len(after.keys() - before.keys())} missing, '
                                     f'{len(differ)} differ: {sample} {fields}')


def seen(key, value):
    return Seen(key, None if value is None else hash(value))


def decided_at(message):
    return load.millis(dict(message.headers())['scored_decided_at'].decode().replace('Z', '+00:00'))


def decode_event(value, schema):
    """The event, or None for what is not one."""
    if not value or value[:5] != struct.pack('>bI', 0, load.SCHEMA_ID):
        return None
    try:
        event = live.fastavro.schemaless_reader(live.io.BytesIO(value[5:]), schema)
    except (EOFError, ValueError, IndexError, UnicodeDecodeError):
        return None
    return event | {'occurred_at': load.millis(live.plain(event['occurred_at']))}
