# SPDX-License-Identifier: Apache-2.0
"""
Measures scored beside what a user would otherwise build, on one machine and in one run: throughput, unless something else is asked for.
The results go to FOLDER/results.json, with a plot beside them.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import report
import systems
from figures import Unlike, merge, summarize
from growth import measure_growth
from latency import measure_latency
from takeover import measure_takeover
from throughput import Benchmark, Void
from world import World, machine, program


def tell(text):
    print(text, file=sys.stderr, flush=True)


def numbers(text):
    return [int(item) for item in text.split(',')]


def arguments():
    known = ['scored', 'decode', 'floor', *systems.peers()]
    parser = argparse.ArgumentParser(prog='run', description=__doc__)
    parser.add_argument('--events', type=int, default=500000, metavar='N', help='in the log (500000)')
    parser.add_argument('--leads', type=numbers, default=[100000], metavar='N,...', help='one log for each number of leads (100000)')
    parser.add_argument('--exponent', type=float, default=1.0, metavar='X', help="of Zipf's law; 0: all leads alike (1)")
    parser.add_argument('--partitions', type=int, default=8, metavar='N', help='of all topics (8)')
    parser.add_argument('--rounds', type=int, default=3, metavar='N', help='(3)')
    parser.add_argument('--systems', default=','.join(known), metavar='NAME,...', help=f'of {", ".join(known)}')
    parser.add_argument('--cache', default=systems.CACHE_DEFAULT, metavar='SIZE', help=f"scored's ({systems.CACHE_DEFAULT})")
    parser.add_argument('--no-hashes', action='store_true', help='scored writes none to Redis (redis.hashes)')
    parser.add_argument('--latency', action='store_true', help='instead: from the append of an event to its stage change')
    parser.add_argument('--rates', type=numbers, default=[1000, 10000], metavar='N,...', help='events a second for --latency (1000,10000)')
    parser.add_argument('--seconds', type=int, default=40, metavar='N', help='of each --latency run, after a warm-up of half of it (40)')
    parser.add_argument('--takeover', action='store_true', help='instead: until a shard with --takeover-leads is live again')
    parser.add_argument('--takeover-leads', type=int, default=1000000, metavar='N', help='(1000000)')
    parser.add_argument('--growth', action='store_true', help='instead: the cost of an event by the number of leads, and of pending moments')
    parser.add_argument('--engine', action='store_true', help='instead: the engine alone; with --growth against leads, rules, moments, members')
    parser.add_argument('--merge', nargs='+', metavar='FILE', help='measure nothing: make one of these results.json, and its plot')
    parser.add_argument('--out', metavar='FOLDER', help='where results and logs go (a new one)')
    options = parser.parse_args()
    options.systems = options.systems.split(',')
    for name in options.systems:
        if name not in known:
            parser.error(f'unknown system {name}')
    try:
        systems.bytes_of(options.cache)
    except ValueError as error:
        parser.error(str(error))
    options.changes = {'cache': {'max': options.cache}} | ({'redis': {'hashes': False}} if options.no_hashes else {})
    return options


def run_engine(options):
    """engine_bench writes one JSON object a line."""
    arguments_of_it = ['--growth', '--events', '200000', '--leads-max', str(max(1000000, *options.leads))] if options.growth else []
    lines = []
    for number in range(options.rounds):
        done = subprocess.run([program('engine_bench'), '--model', os.path.join(os.path.dirname(os.path.abspath(__file__)), 'model.yaml'),
                               *arguments_of_it], stdout=subprocess.PIPE, check=True, text=True)
        lines += [json.loads(line) | {'round': number} for line in done.stdout.splitlines()]
        tell(f'round {number}: {len(lines)} lines')
    return lines


def run_throughput(world, options, results):
    results['runs'] = []
    for n_leads in options.leads:
        benchmark = Benchmark(world, options, n_leads, tell)
        try:
            benchmark.rounds(options.rounds)
        finally:
            results['runs'] += benchmark.runs
        world.delete_topics(benchmark.source)


def measure(world, options, results):
    told = [name for name in options.systems if systems.make(name).has_outputs]
    if options.latency:
        results['empty_transactions'], results['latency_runs'] = measure_latency(world, told, options, tell)
    elif options.takeover:
        results['takeover_runs'] = measure_takeover(world, told, options, tell)
    elif options.growth:
        results['growth_runs'] = measure_growth(world, options, tell)
    else:
        run_throughput(world, options, results)


def measure_in_world(folder, options, results):
    if not options.growth and set(options.systems) & set(systems.peers()):
        systems.build_peers()
    world = World(os.path.join(folder, 'world'), 1 if options.takeover else options.partitions)
    try:
        measure(world, options, results)
    except Void as void:
        results['void'] = str(void)
    finally:
        world.close()


def load(path):
    with open(path, encoding='utf-8') as file:
        return json.load(file)


def main():
    options = arguments()
    folder = options.out or tempfile.mkdtemp(prefix='scored-bench.')
    os.makedirs(folder, exist_ok=True)
    if options.merge:
        try:
            results = merge([load(path) for path in options.merge])
        except Unlike as unlike:
            sys.exit(f'run: {unlike}')
    else:
        # where they go is of no interest to who reads them
        results = {'machine': machine(), 'options': {key: value for key, value in vars(options).items() if key not in ('out', 'merge')}}
        if options.engine:
            results['engine_runs'] = run_engine(options)
        else:
            measure_in_world(folder, options, results)
        summarize(results)
    for text in tables_of(results):
        print(text)
    with open(os.path.join(folder, 'results.json'), 'w', encoding='utf-8') as file:
        json.dump(results, file, indent=1)
    if 'void' not in results:
        with open(os.path.join(folder, 'results.svg'), 'w', encoding='utf-8') as file:
            file.write(report.plot(results))
    print(f'{folder}/results.json')
    sys.exit('void' in results)


def tables_of(results):
    """Those of what a void run has measured are none."""
    return [results['void']] if 'void' in results else report.tables(results)


if __name__ == '__main__':
    main()
