# SPDX-License-Identifier: Apache-2.0
"""
What an event costs the daemon as there are more leads, or more moments pending. Leads of all sizes are there at once, and each round takes
events of the one and of the other: of the same few leads in each, which memory holds after the first half, all alike; and of all leads by
Zipf's law, some of which come from Redis.
"""
import systems
from throughput import Run

ACTIVE = 20000  # leads that memory holds
# Of the time of all events together: within the first of the SLA's levels, two hours, so that what is pending stays so.
SPAN_MS = 100 * 60 * 1000
FROM_MS = 1735689600000
EVENTS_OF = ('some', 'all')
CASES = {'leads': ('--each-first', 1), 'pending moments': ('--each-raised', 2)}


class Size:
    """So many leads of one case, each with a past."""

    def __init__(self, world, case, n_leads, options):
        self.world, self.case, self.n_leads, self.options = world, case, n_leads, options
        self.app = f'growth.{case.replace(" ", "-")}.{n_leads}'
        self.source = f'{self.app}.events'
        self.n_events = self.n_loads = 0
        self.span_ms = SPAN_MS // (1 + len(EVENTS_OF) * options.rounds)  # of one load
        world.create_topics(self.source)

    def take(self, n, *options):
        """Events into the topic, then into the daemon."""
        self.world.load(self.source, n, self.n_leads, '--seed', str(1 + self.n_loads), '--from', str(FROM_MS + self.n_loads * self.span_ms),
                        '--span', str(self.span_ms), *options)
        run = Run(self.world, systems.make('scored', self.options.changes), self.source, n, self.app, self.n_events)
        self.n_events, self.n_loads = self.n_events + n, self.n_loads + 1
        return run.measure()

    def fill(self):
        option, each = CASES[self.case]
        return self.take(each * self.n_leads, option)

    def measure(self, events_of, number):
        options = {'some': ('--exponent', '0', '--active', str(min(ACTIVE, self.n_leads))), 'all': ('--exponent', str(self.options.exponent))}
        run = self.take(self.options.events, *options[events_of])
        return {'case': self.case, 'leads': self.n_leads, 'events_of': events_of, 'round': number,
                'us_per_event': 1e6 / run['warm_events_per_cpu_s'], 'reads_per_event': run['warm_reads_per_event'],
                'found_per_event': run['warm_found_per_event'], 'redis_us_per_event': run['warm_redis_us_per_event'],
                'peak_bytes': run['peak_bytes'], 'ready_s': run['ready_s']}


def measure_growth(world, options, tell):
    results = []
    for case in CASES:
        sizes = [Size(world, case, n_leads, options) for n_leads in options.leads]
        for size in sizes:
            filled = size.fill()
            tell(f"{case}: {size.n_leads} leads within {filled['seconds']:.0f} s")
        for number in range(options.rounds):
            for size in sizes:
                for events_of in EVENTS_OF:
                    results.append(size.measure(events_of, number))
                    tell(str(results[-1]))
        for size in sizes:
            world.delete_topics(size.app)
        world.redis.flushall()
    return results
