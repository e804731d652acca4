# SPDX-License-Identifier: Apache-2.0
"""How long a shard of many leads takes to be live again: from the start of a process to an event of before it being committed."""
import os
import re
import shutil
import time

import systems
from live import wait_for

CAUGHT_UP_SECONDS = 1800
# What comes between the snapshot of Redis and its loss: a minute of a thousand events a second.
BEHIND_EVENTS = 60000


class Shard:
    """One partition, one system, and how many events are in the topic."""

    def __init__(self, world, name, changes, n_leads, tell):
        self.world, self.system, self.n_leads, self.tell = world, systems.make(name, changes), n_leads, tell
        self.app, self.source = f'{name}.takeover', f'{name}.takeover.events'
        self.n_events = 0
        self.results = []
        world.create_topics(self.source)
        self.system.prepare(world, self.app)

    def add_events(self, n, *options):
        self.n_events += self.world.load(self.source, n, self.n_leads, '--seed', str(self.n_events + 1), *options)['events']

    def run(self):
        """Starts a process, and ends it when it has committed all there is; seconds till it was ready and till then, CPU, its output."""
        servers = self.world.server_cpu()
        process = self.system.start(self.world, self.source, self.app)
        try:
            process.await_ready(CAUGHT_UP_SECONDS)
            ready_s = time.monotonic() - process.started_at

            def is_done():
                assert not process.has_ended(), f'ended too early; see {process.log_path}'
                return self.world.committed(self.app, self.source) >= self.n_events
            wait_for(is_done, f'{self.n_events} events; see {process.log_path}', CAUGHT_UP_SECONDS)
            caught_up_s = time.monotonic() - process.started_at
            broker_cpu_s, redis_cpu_s = (after - before for after, before in zip(self.world.server_cpu(), servers))
            cpu_s = process.sample()[0]
        finally:
            process.stop()
        return {'ready_s': ready_s, 'caught_up_s': caught_up_s, 'cpu_s': cpu_s, 'broker_cpu_s': broker_cpu_s,
                'redis_cpu_s': redis_cpu_s}, process.lines

    def take_over(self, state, number):
        """With one event to be done."""
        self.add_events(1)
        figures, lines = self.run()
        result = {'system': self.system.name, 'state': state, 'leads': self.n_leads, 'round': number} | figures
        taken = re.findall(r'event=shard\.taken .*took_ms=(\d+)', '\n'.join(lines))
        if taken:
            result['took_ms'] = int(taken[-1])
        self.results.append(result)
        self.tell(str(result))


def take_over_scored(shard, number):
    world = shard.world
    shard.take_over('Redis intact', number)
    world.redis.save()
    shard.add_events(BEHIND_EVENTS)
    shard.run()
    world.stop_redis()
    world.start_redis()
    shard.take_over('Redis a minute behind', number)
    world.redis.flushall()
    shard.take_over('Redis empty', number)


def take_over_peer(shard, number):
    shard.take_over('files intact', number)
    shutil.rmtree(shard.system.state_folder(shard.world, shard.app))
    shard.take_over('files gone', number)


def measure_takeover(world, names, options, tell):
    """Each system's shard is filled once, then taken over in each round."""
    shards = [Shard(world, name, options.changes, options.takeover_leads, tell) for name in names]
    for shard in shards:
        shard.add_events(options.takeover_leads, '--each-first')
        begun = time.monotonic()
        shard.run()
        tell(f'{shard.system.name}: {options.takeover_leads} leads loaded within {time.monotonic() - begun:.0f} s')
    for number in range(options.rounds):
        for shard in shards:
            (take_over_scored if shard.system.name == 'scored' else take_over_peer)(shard, number)
    return [result for shard in shards for result in shard.results]
