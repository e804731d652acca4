# SPDX-License-Identifier: Apache-2.0
"""
Events at a rate: forms and the calls that follow them, companies, profiles; some late, twice, malformed; leads merged and forgotten. What is
asked for beyond that is visits: page views of many leads. And transactions, of which some are aborted.
"""
import heapq
import random
import threading
import time
import uuid
from collections import Counter

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

import load
from batches import Place
from live import wait_for

N_LEADS = 150          # that are about at one time
N_ACCOUNTS = 25
EVENTS, CRM, WEB = 0, 1, 2  # the sources; WEB is routed, and not always there
RICH_RATE = 200        # events a second that are not visits, at most
N_VISITORS = 2000      # that are about at one time
N_VISITED = 60         # companies
SCHEMA_UNKNOWN = b'\0\0\0\x03\xe7'
# What is wrong with a record, and the reason that its dead letter must give.
MALFORMED = {'empty': 'bad_wire', 'no wire format': 'bad_wire', 'unknown schema': 'unknown_schema', 'cut off': 'schema',
             'wrong key': 'misrouted', 'no key': 'misrouted', 'wrong partition': 'misrouted', 'future': 'future',
             'merge into nothing': 'bad_merge'}


class Workload:
    """Sends from a thread of its own until told to stop. `counts`: of each source, how many partitions."""

    def __init__(self, bootstrap, sources, counts, n_partitions, rate, seed):
        self.sources, self.counts, self.n_partitions, self.rate = sources, counts, n_partitions, rate
        self.chance = random.Random(f'workload {seed}')
        self.encode = load.Encoder()
        self.bootstrap = bootstrap
        self.producer = Producer({'bootstrap.servers': bootstrap, 'enable.idempotence': True, 'linger.ms': 5, 'log_level': 3,
                                  'queue.buffering.max.messages': 1000000, 'delivery.timeout.ms': 600000})
        self.planned = []      # (instant, number, source, event): what follows later
        self.n_planned = 0
        self.n_leads = N_LEADS
        self.n_visitors = N_VISITORS
        self.homes = {}        # lead -> partition
        self.recent = []       # (source, event): to be sent once more
        self.gone = []         # merged or forgotten
        self.malformed = {}    # reason -> how many
        self.acked = {}        # place -> when it was known to be there: of calls, and of all that is routed
        self.n_sent = 0
        self.error = None
        self.holding = False   # what reads it is too far behind
        self.stopping = threading.Event()
        self.transactions = Transactions(self, seed)
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()
        self.transactions.thread.start()

    def stop(self):
        """All that was sent is in the topics afterwards, and an event is the last record of each partition: no marker of a transaction."""
        self.stopping.set()
        self.thread.join()
        self.transactions.thread.join()
        self.transactions.end()
        self._await_markers()
        for source in range(len(self.sources)):
            self._send_last(source)
        left = self.producer.flush(120)
        if left or self.error:
            raise RuntimeError(f'{left} events could not be delivered: {self.error}')

    def _await_markers(self):
        """A transaction's markers can come after the answer to its end: then all is decided up to where the partition ends."""
        certain, all_there = (Consumer({'bootstrap.servers': self.bootstrap, 'group.id': 'none', 'isolation.level': level})
                              for level in ('read_committed', 'read_uncommitted'))
        partitions = [TopicPartition(source, i) for source, n in zip(self.sources, self.counts) for i in range(n)]
        wait_for(lambda: all(certain.get_watermark_offsets(p, timeout=30)[1] == all_there.get_watermark_offsets(p, timeout=30)[1]
                             for p in partitions), 'all transactions are decided')
        certain.close()
        all_there.close()

    def let_go(self):
        self.producer = self.transactions.producer = None

    def _send_last(self, source):
        left = set(range(self.counts[source]))
        while left:
            lead = self._lead()
            at = self.home_of(source, lead)
            if at in left:
                left.remove(at)
                self._produce(source, lead, self.encode(self._event(lead, 'page_view')), at, False)
            self.n_leads += 1

    # --- records ---

    def _delivered(self, error, message):
        del message
        if error is not None:
            self.error = self.error or error

    def acknowledged(self, error, message):
        self._delivered(error, message)
        if error is None:
            self.acked[Place(message.topic(), message.partition(), message.offset())] = int(time.time() * 1000)

    def _produce(self, source, key, value, partition, noted):
        noted = noted or source == WEB
        self.producer.produce(self.sources[source], key=key, value=value, partition=partition,
                              on_delivery=self.acknowledged if noted else self._delivered)
        self.n_sent += 1

    def home_of(self, source, lead):
        """The lead's partition of the source; of one that is routed, it goes anywhere."""
        if source == WEB:
            return self.chance.randrange(self.counts[WEB])
        if lead not in self.homes:
            self.homes[lead] = load.partition_of(lead, self.n_partitions)
        return self.homes[lead]

    def _send(self, source, event):
        lead = event['lead_id']
        self._produce(source, lead, self.encode(event), self.home_of(source, lead), event['type'] == 'sales_touch')

    def _event(self, lead, kind, at=None, **properties):
        account = None
        if kind in ('page_view', 'form') and self.chance.random() < 0.6:
            # most leads stay with one company, some change it
            number = hash_of(lead) if self.chance.random() < 0.95 else self.chance.randrange(N_ACCOUNTS)
            account = f'company-{number % N_ACCOUNTS}'
        return {'event_id': str(uuid.UUID(int=self.chance.getrandbits(128))), 'lead_id': lead, 'account_id': account,
                'occurred_at': int(time.time() * 1000) if at is None else at, 'type': kind, 'properties': properties}

    def _malformed(self, lead):
        source = self._any_source()
        what = self.chance.choice([what for what, reason in MALFORMED.items() if source != WEB or reason != 'misrouted'])
        partition = self.home_of(source, lead)
        key, event = lead, self._event(lead, 'page_view')
        if what == 'future':
            event['occurred_at'] += 10 * 86400 * 1000
        if what == 'merge into nothing':
            event['type'] = 'lead_merged'
        value = self.encode(event)
        if what == 'empty':
            value = None
        elif what == 'no wire format':
            value = b'\x02' + value[1:]  # 1 begins a schema's GUID
        elif what == 'unknown schema':
            value = SCHEMA_UNKNOWN + value[5:]
        elif what == 'cut off':
            value = value[:-3]
        elif what == 'wrong key':
            key = lead + 'x'
        elif what == 'no key':
            key = None
        elif what == 'wrong partition':
            partition = (partition + 1) % self.n_partitions
        self.malformed[MALFORMED[what]] = self.malformed.get(MALFORMED[what], 0) + 1
        self._produce(source, key, value, partition, False)

    # --- what happens ---

    def _any_source(self):
        return self.chance.randrange(len(self.sources))

    def _or_web(self, source):
        """That source, or the one that is routed."""
        return WEB if len(self.sources) > WEB and self.chance.random() < 0.4 else source

    def _lead(self):
        return f'lead-{self.n_leads - self.chance.randrange(N_LEADS)}'

    def _plan(self, after_s, source, event_of):
        self.n_planned += 1
        heapq.heappush(self.planned, (time.monotonic() + after_s, self.n_planned, source, event_of))

    def _one(self):
        chance = self.chance
        lead = self._lead()
        kind = chance.choices(['page_view', 'form', 'profile', 'accept', 'late', 'twice', 'malformed', 'bot', 'ahead',
                               'merge', 'forget', 'former'], [40, 14, 8, 6, 8, 6, 3, 2, 1, 2, 1, 3])[0]
        source, event = EVENTS, None
        if kind in ('page_view', 'bot'):
            event = self._event(lead, 'page_view', **({'is_bot': True} if kind == 'bot' else {}))
        elif kind == 'form':
            event = self._event(lead, 'form')
            if chance.random() < 0.8:  # somebody calls: mostly in time, which is 2 s
                self._plan(chance.uniform(0.1, 2.6), self._or_web(CRM), lambda: self._event(lead, 'sales_touch'))
        elif kind == 'profile':
            patch = chance.choice([{'employees': chance.randrange(1000)}, {'country': chance.choice(['DE', 'US'])},
                                   {'crm_id': f'crm-{chance.randrange(10**6)}'}])
            event = self._event(lead, 'profile_updated', **patch)
        elif kind == 'accept':
            source, event = CRM, self._event(lead, 'sales_accepted', **({'rep': 'ann'} if chance.random() < 0.7 else {}))
        elif kind == 'late':
            at = int(time.time() * 1000) - chance.randrange(*chance.choice([(50, 900), (1000, 5000), (5000, 60000)]))
            source = self._any_source()
            event = self._event(lead, chance.choice(['page_view', 'form', 'sales_touch']), at)
        elif kind == 'ahead':  # of the clock, but no further than is allowed
            event = self._event(lead, 'page_view', int(time.time() * 1000) + chance.randrange(1000, 5000))
        elif kind == 'merge':
            event = self._event(lead, 'lead_merged', into=self._lead())
            self.gone.append(lead)
        elif kind == 'forget':
            event = self._event(lead, 'lead_forgotten')
            self.gone.append(lead)
        elif kind == 'former' and self.gone:
            event = self._event(chance.choice(self.gone[-50:]), chance.choice(['page_view', 'form', 'sales_touch']))
        elif kind == 'twice' and self.recent:
            source, event = chance.choice(self.recent)
        elif kind == 'malformed':
            self._malformed(lead)
        if event:
            source = source if kind == 'twice' else self._or_web(source)
            self._send(source, event)
            self.recent = self.recent[-200:] + [(source, event)]
        if chance.random() < 0.1:
            self.n_leads += 1

    def _visit(self):
        """Some pages at once. How many."""
        chance = self.chance
        lead = f'visitor-{self.n_visitors - chance.randrange(N_VISITORS)}'
        source = self._or_web(EVENTS) if chance.random() < 0.1 else EVENTS
        account = f'visited-{hash_of(lead) % N_VISITED}' if chance.random() < 0.2 else None
        first, now_ms, n = chance.getrandbits(64), int(time.time() * 1000), chance.randrange(4, 13)
        for i in range(n):
            event = {'event_id': f'{first:016x}-{i:x}', 'lead_id': lead, 'account_id': account, 'occurred_at': now_ms, 'type': 'page_view'}
            self._produce(source, lead, self.encode(event), self.home_of(source, lead), False)
        if chance.random() < 0.3:
            self.n_visitors += 1
        return n

    def _run(self):
        rich_rate = min(self.rate, RICH_RATE)
        visit_rate = self.rate - rich_rate
        due = visit_due = time.monotonic()
        while not self.stopping.is_set():
            now = time.monotonic()
            while self.planned and self.planned[0][0] <= now:
                _, _, source, event_of = heapq.heappop(self.planned)
                self._send(source, event_of())
            while due <= now:
                self._one()
                due += self.chance.expovariate(rich_rate)
            while visit_due <= now and visit_rate > 0:
                visit_due = now if self.holding else visit_due + self._visit() / visit_rate
                if self.holding:
                    break
            self.producer.poll(0.002)


class Transactions:
    """Another producer of the same sources: of what it sends some is aborted, and some broken off."""

    def __init__(self, workload, seed):
        self.workload = workload
        self.chance = random.Random(f'transactions {seed}')
        self.counts = Counter()  # committed, aborted, left
        self.producer = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _new_producer(self):
        """One of the same id: what the one before has left open is aborted."""
        self.producer = Producer({'bootstrap.servers': self.workload.bootstrap, 'transactional.id': f'{self.workload.sources[0]}.upstream',
                                  'transaction.timeout.ms': 10000, 'linger.ms': 0, 'log_level': 0})
        self.producer.init_transactions(60)

    def _send_some(self, n):
        """Of leads of its own and of others, so that an aborted one would be missed."""
        workload, chance = self.workload, self.chance
        for _ in range(n):
            lead = f'lead-{max(1, workload.n_leads - chance.randrange(N_LEADS))}'
            kind = chance.choice(['page_view', 'form', 'sales_touch', 'profile_updated', 'lead_forgotten'])
            event = {'event_id': str(uuid.UUID(int=chance.getrandbits(128))), 'lead_id': lead, 'occurred_at': int(time.time() * 1000),
                     'type': kind, 'properties': {'employees': 700} if kind == 'profile_updated' else {}}
            source = chance.randrange(len(workload.sources))
            at = chance.randrange(workload.counts[WEB]) if source == WEB else load.partition_of(lead, workload.n_partitions)
            self.producer.produce(workload.sources[source], key=lead, value=workload.encode(event), partition=at,
                                  on_delivery=self._delivered)

    def _delivered(self, error, message):
        """What is lost here is aborted."""
        if error is None:
            self.workload.acknowledged(None, message)

    def _one(self):
        chance = self.chance
        if self.producer is None:
            self._new_producer()
        n = chance.randrange(1, 8)
        self.producer.begin_transaction()
        self._send_some(n)
        self.producer.flush(10)
        self.workload.stopping.wait(chance.choice([0, 0.1, 0.5, 2]))
        end = chance.choice(['committed', 'aborted', 'aborted', 'left'])
        if end == 'committed':
            self.producer.commit_transaction(30)
        elif end == 'aborted':
            self.producer.abort_transaction(30)
        else:
            self.producer = None
        self.counts[end] += n

    def _run(self):
        while not self.workload.stopping.wait(self.chance.expovariate(1)):
            try:
                self._one()
            except (KafkaException, BufferError):  # brokers fail here: whatever it was, the next one of this id ends it
                self.producer = None

    def end(self):
        """None is open any more."""
        deadline = time.monotonic() + 120
        while True:
            try:
                self._new_producer()
                return
            except KafkaException:
                if time.monotonic() > deadline:
                    raise


def hash_of(lead):
    return load.murmur2(lead.encode())
