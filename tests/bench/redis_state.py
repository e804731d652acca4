# SPDX-License-Identifier: Apache-2.0
"""What leads take in Redis, by part."""
import json
import os
import struct
import subprocess
from itertools import islice

from figures import state_parts
from world import ROOT, program

SAMPLE = 2000
OFTEN = 500  # leads that much happens to: those that come first in Zipf's law
# The server counts each key's entry in its table and its value's object both as the table's and, in MEMORY USAGE, as the key's.
COUNTED_TWICE = 24 + 16
FEW_IDS, IDS_MAX, REASONS_MAX = 5, 64, 32
MODEL = os.path.join(ROOT, 'tests', 'bench', 'model.yaml')


def frame(text):
    return struct.pack('>q', len(text)) + text


def record_parts(leads):
    """What the parts of records take, of (id, record) each."""
    done = subprocess.run([program('record_parts'), MODEL], input=b''.join(frame(part) for lead in leads for part in lead),
                          stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


class Sample:
    """Some leads of an app."""

    def __init__(self, redis, keys):
        """`keys`: of their records."""
        self.leads = []
        pipeline = redis.pipeline(transaction=False)
        for key in keys:
            pipeline.get(key)
            pipeline.memory_usage(key, samples=0)
            pipeline.hgetall(key.replace(b':record:', b':lead:', 1))
            pipeline.memory_usage(key.replace(b':record:', b':lead:', 1), samples=0)  # None where there are no hashes
        answers = iter(pipeline.execute())
        found = [lead for lead in zip(keys, answers, answers, answers, answers) if lead[1] is not None]
        parts = record_parts([(key.partition(b':record:')[2], record) for key, record, _, _, _ in found])
        for (_, _, record_memory, fields, hash_memory), part in zip(found, parts):
            self.leads.append(part | {'record_memory': record_memory, 'hash_memory': hash_memory or 0, 'names': sum(map(len, fields)),
                                      'values': sum(map(len, fields.values()))})


def sorted_sets(redis, app):
    """{what they are for: (memory, members)}, of all shards."""
    found = {}
    for key in redis.scan_iter(f'{app}:{{*}}:*', count=1000, _type='zset'):
        name = key.decode().partition('}:')[2]
        memory, members = found.get(name, (0, 0))
        found[name] = memory + redis.memory_usage(key, samples=0), members + redis.zcard(key)
    return found


def look_at_redis(world, app):
    """By the part: of leads as they come, of those with few events, and of those whose rings of ids and reasons are full."""
    redis = world.redis
    memory, stats = redis.info('memory'), redis.memory_stats()
    sets = sorted_sets(redis, app)
    tags = {key.partition(b'}')[0] + b'}' for key in redis.scan_iter(f'{app}:{{*}}:meta', count=1000)}
    n_each = 1 if redis.hget(f'{app}:info', 'hashes') == b'0' else 2  # a record, and as a rule a hash
    n_leads = (redis.dbsize() - len(tags) * (1 + len(sets))) // n_each
    table = stats['db.0']['overhead.hashtable.main'] - redis.dbsize() * COUNTED_TWICE
    usual = Sample(redis, list(islice(redis.scan_iter(f'{app}:{{*}}:record:*', count=1000), SAMPLE))).leads
    often = Sample(redis, [tag + b':record:lead-%08d' % i for i in range(OFTEN) for tag in tags]).leads
    groups = {'all': usual, 'few': [lead for lead in usual if lead['n_ids'] <= FEW_IDS],
              'full': [lead for lead in often if lead['n_ids'] == IDS_MAX and lead['n_reasons'] == REASONS_MAX]}
    return {'leads': n_leads, 'bytes_per_lead': (memory['used_memory'] - memory['used_memory_startup']) / max(n_leads, 1),
            'parts': {name: state_parts(leads, sets, table, n_leads) for name, leads in groups.items()}}
