# SPDX-License-Identifier: Apache-2.0
"""Events at a rate: forms and the calls that follow them, companies, profiles; some late, twice, malformed; leads merged and forgotten."""
import heapq
import random
import threading
import time
import uuid

from confluent_kafka import Producer

import load

N_LEADS = 150          # that are about at one time
N_ACCOUNTS = 25
EVENTS, CRM = 0, 1     # the sources
SCHEMA_UNKNOWN = b'\0\0\0\x03\xe7'
# What is wrong with a record, and the reason that its dead letter must give.
MALFORMED = {'empty': 'bad_wire', 'no wire format': 'bad_wire', 'unknown schema': 'unknown_schema', 'cut off': 'schema',
             'wrong key': 'misrouted', 'no key': 'misrouted', 'wrong partition': 'misrouted', 'future': 'future',
             'merge into nothing': 'bad_merge'}


class Workload:
    """Sends from a thread of its own until told to stop."""

    def __init__(self, bootstrap, sources, n_partitions, rate, seed):
        self.sources, self.n_partitions, self.rate = sources, n_partitions, rate
        self.chance = random.Random(f'workload {seed}')
        self.encode = load.Encoder()
        self.producer = Producer({'bootstrap.servers': bootstrap, 'enable.idempotence': True, 'linger.ms': 5, 'log_level': 3,
                                  'queue.buffering.max.messages': 1000000, 'delivery.timeout.ms': 600000})
        self.planned = []      # (instant, number, source, event): what follows later
        self.n_planned = 0
        self.n_leads = N_LEADS
        self.recent = []       # (source, event): to be sent once more
        self.gone = []         # merged or forgotten
        self.malformed = {}    # reason -> how many
        self.n_sent = 0
        self.error = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()

    def stop(self):
        """All that was sent is in the topics afterwards."""
        self.stopping.set()
        self.thread.join()
        left = self.producer.flush(120)
        if left or self.error:
            raise RuntimeError(f'{left} events could not be delivered: {self.error}')

    # --- records ---

    def _delivered(self, error, message):
        del message
        if error is not None:
            self.error = self.error or error

    def _produce(self, source, key, value, partition):
        self.producer.produce(self.sources[source], key=key, value=value, partition=partition, on_delivery=self._delivered)
        self.n_sent += 1

    def _send(self, source, event):
        lead = event['lead_id']
        self._produce(source, lead, self.encode(event), load.partition_of(lead, self.n_partitions))

    def _event(self, lead, kind, at=None, **properties):
        account = None
        if kind in ('page_view', 'form') and self.chance.random() < 0.6:
            # most leads stay with one company, some change it
            number = hash_of(lead) if self.chance.random() < 0.95 else self.chance.randrange(N_ACCOUNTS)
            account = f'company-{number % N_ACCOUNTS}'
        return {'event_id': str(uuid.UUID(int=self.chance.getrandbits(128))), 'lead_id': lead, 'account_id': account,
                'occurred_at': int(time.time() * 1000) if at is None else at, 'type': kind, 'properties': properties}

    def _malformed(self, lead):
        what = self.chance.choice(list(MALFORMED))
        partition = load.partition_of(lead, self.n_partitions)
        key, event = lead, self._event(lead, 'page_view')
        if what == 'future':
            event['occurred_at'] += 10 * 86400 * 1000
        if what == 'merge into nothing':
            event['type'] = 'lead_merged'
        value = self.encode(event)
        if what == 'empty':
            value = None
        elif what == 'no wire format':
            value = b'\x01' + value[1:]
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
        self._produce(self.chance.choice([EVENTS, CRM]), key, value, partition)

    # --- what happens ---

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
                self._plan(chance.uniform(0.1, 2.6), CRM, lambda: self._event(lead, 'sales_touch'))
        elif kind == 'profile':
            patch = chance.choice([{'employees': chance.randrange(1000)}, {'country': chance.choice(['DE', 'US'])},
                                   {'crm_id': f'crm-{chance.randrange(10**6)}'}])
            event = self._event(lead, 'profile_updated', **patch)
        elif kind == 'accept':
            source, event = CRM, self._event(lead, 'sales_accepted', **({'rep': 'ann'} if chance.random() < 0.7 else {}))
        elif kind == 'late':
            at = int(time.time() * 1000) - chance.randrange(*chance.choice([(50, 900), (1000, 5000), (5000, 60000)]))
            source = chance.choice([EVENTS, CRM])
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
            self._send(source, event)
            self.recent = self.recent[-200:] + [(source, event)]
        if chance.random() < 0.1:
            self.n_leads += 1

    def _run(self):
        due = time.monotonic()
        while not self.stopping.is_set():
            now = time.monotonic()
            while self.planned and self.planned[0][0] <= now:
                _, _, source, event_of = heapq.heappop(self.planned)
                self._send(source, event_of())
            while due <= now:
                self._one()
                due += self.chance.expovariate(self.rate)
            self.producer.poll(0.002)


def hash_of(lead):
    return load.murmur2(lead.encode())
