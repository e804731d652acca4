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
from latency import measure_latency
from takeover import measure_takeover
from throughput import Benchmark, Void, summary
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
    parser.add_argument('--latency', action='store_true', help='instead: from the append of an event to its stage change')
    parser.add_argument('--rates', type=numbers, default=[1000, 10000], metavar='N,...', help='events a second for --latency (1000,10000)')
    parser.add_argument('--seconds', type=int, default=40, metavar='N', help='of each --latency run, after a warm-up of half of it (40)')
    parser.add_argument('--takeover', action='store_true', help='instead: until a shard with --takeover-leads is live again')
    parser.add_argument('--takeover-leads', type=int, default=1000000, metavar='N', help='(1000000)')
    parser.add_argument('--growth', action='store_true', help="instead: the engine's cost against rules, moments and members")
    parser.add_argument('--engine', action='store_true', help='instead: the engine alone')
    parser.add_argument('--out', metavar='FOLDER', help='where results and logs go (a new one)')
    options = parser.parse_args()
    options.systems = options.systems.split(',')
    for name in options.systems:
        if name not in known:
            parser.error(f'unknown system {name}')
    return options


def run_engine(*arguments_of_it):
    """engine_bench writes one JSON object a line."""
    done = subprocess.run([program('engine_bench'), '--model', os.path.join(os.path.dirname(os.path.abspath(__file__)), 'model.yaml'),
                           *arguments_of_it], stdout=subprocess.PIPE, check=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        print('  '.join(f'{key} {report.number(value) if isinstance(value, (int, float)) else value}' for key, value in line.items()))
    return lines


def run_throughput(world, options, results):
    results['runs'], results['throughput'] = [], {}
    for n_leads in options.leads:
        benchmark = Benchmark(world, options.systems, options.events, n_leads, options.exponent, tell)
        try:
            benchmark.rounds(options.rounds)
        finally:
            results['runs'] += benchmark.runs
        results['throughput'][str(n_leads)] = found = summary(benchmark.runs)
        print(f'{options.events} events of {n_leads} leads, {benchmark.bytes_per_event:.0f} bytes each, {options.partitions} partitions, '
              f'{options.rounds} rounds: median (min..max)')
        print(report.throughput_table(found))
        for run in benchmark.runs[:1]:
            if 'redis_bytes_per_lead' in run:
                print(report.redis_line(run))
        world.delete_topics(benchmark.source)


def measure(world, options, results):
    told = [name for name in options.systems if systems.make(name).has_outputs]
    if options.latency:
        results['empty_transaction'], results['latency'] = measure_latency(world, told, options.rates, options.seconds, tell)
        print(f"an empty transaction: p50 {results['empty_transaction']['p50']:.1f} ms, p99 {results['empty_transaction']['p99']:.1f} ms")
        print(report.latency_table(results['latency']))
    elif options.takeover:
        results['takeover'] = measure_takeover(world, told, options.takeover_leads, tell)
        print(report.takeover_table(results['takeover']))
    else:
        run_throughput(world, options, results)


def main():
    options = arguments()
    folder = options.out or tempfile.mkdtemp(prefix='scored-bench.')
    os.makedirs(folder, exist_ok=True)
    results = {'machine': machine(), 'options': vars(options)}
    status = 0
    if options.engine or options.growth:
        results['engine'] = run_engine(*(['--growth', '--events', '200000'] if options.growth else []))
    else:
        if set(options.systems) & set(systems.peers()):
            systems.build_peers()
        world = World(os.path.join(folder, 'world'), 1 if options.takeover else options.partitions)
        try:
            measure(world, options, results)
        except Void as void:
            results['void'] = str(void)
            print(void)
            status = 1
        finally:
            world.close()
    with open(os.path.join(folder, 'results.json'), 'w', encoding='utf-8') as file:
        json.dump(results, file, indent=1)
    if not options.engine and not options.growth and status == 0:
        with open(os.path.join(folder, 'results.svg'), 'w', encoding='utf-8') as file:
            file.write(report.plot(results))
    print(f'{folder}/results.json')
    sys.exit(status)


if __name__ == '__main__':
    main()
