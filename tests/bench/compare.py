# SPDX-License-Identifier: Apache-2.0
"""
Compares what two systems told: stage changes by lead, track, stages, instant, cause and total score, SLA events by lead, policy, kind,
level and instants. Exits with 1 if they differ.
"""
import argparse
import sys
from itertools import islice

from outputs import Told, common_time, differences


def main():
    parser = argparse.ArgumentParser(prog='compare', description=__doc__)
    parser.add_argument('--bootstrap', required=True, metavar='HOST:PORT')
    parser.add_argument('--source', required=True, metavar='TOPIC',
                        help='the events; what time alone brings after the first of its partitions ends is left out')
    parser.add_argument('--show', type=int, default=20, metavar='N', help='at most so many differences (20)')
    parser.add_argument('topics', nargs=4, metavar='TOPIC', help='stages and sla of the one, stages and sla of the other')
    options = parser.parse_args()
    before_ms = common_time(options.bootstrap, options.source)
    a = Told(options.bootstrap, *options.topics[:2], before_ms)
    b = Told(options.bootstrap, *options.topics[2:], before_ms)
    found = differences(a, b)
    shown = list(islice(found, options.show))
    n = len(shown) + sum(1 for _ in found)
    print(f'{a.n_stages} and {b.n_stages} stage changes, {a.n_sla} and {b.n_sla} SLA events, {a.n_owed} and {b.n_owed} left out, '
          f'{n} differences')
    for line in shown:
        print(line)
    sys.exit(n > 0)


if __name__ == '__main__':
    main()
