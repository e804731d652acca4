#!/usr/bin/env python3
"""Run the program against the oracle on generated models and events.

    run.py --program PATH [--seeds A-B] [--features A,B,…|none] [--jobs N] [--keep DIR] [--shrink]

`PATH replay` and the oracle get the same model and events; outputs, dumps and exit status must agree.
With --keep the files of failing seeds stay in DIR/<seed>; with --shrink they are made as small as they can be while
the two still differ in the same way (shrink.py), and are kept.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import compare
import generate

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT = 300
DUMPS = ('leads', 'accounts')


def run(command, folder, name, timeout=TIMEOUT):
    """Exit status; standard output and error go to files."""
    with open(f'{folder}/{name}.out', 'wb') as out, open(f'{folder}/{name}.err', 'wb') as err:
        try:
            return subprocess.run(command, stdout=out, stderr=err, timeout=timeout).returncode
        except subprocess.TimeoutExpired:
            return 'timeout'


def tail(path):
    with open(path, encoding='utf-8', errors='replace') as file:
        return [f'    {line}' for line in file.read().split('\n')[-4:] if line]


def replay(command, folder, name):
    """Outputs and dumps of one of the two, in files of that name; the exit status."""
    with open(f'{folder}/options') as file:
        extra = file.read().split()
    arguments = ['--model', f'{folder}/model.yaml'] + extra
    for dump in DUMPS:
        path = f'{folder}/{name}.{dump}'
        if os.path.exists(path):
            os.remove(path)
        arguments += [f'--dump-{dump}', path]
    return run(command + arguments + [f'{folder}/events.jsonl'], folder, name)


def compare_folder(program, folder):
    """The report for the model and events of a folder: a list of lines, empty if all agrees."""
    expected = replay([sys.executable, f'{HERE}/oracle.py'], folder, 'oracle')
    if expected not in (0, 1) or not os.path.exists(f'{folder}/oracle.accounts'):
        return [f'the oracle failed: {expected}'] + tail(f'{folder}/oracle.err')
    status = replay(program + ['replay'], folder, 'program')
    report = []
    if status != expected:
        report += [f'exit status {expected} against {status}'] + tail(f'{folder}/program.err')
    for name in ('out',) + DUMPS:
        if not os.path.exists(f'{folder}/program.{name}'):
            report.append(f'no {name}')
            continue
        found, warnings = compare.compare_files(f'{folder}/oracle.{name}', f'{folder}/program.{name}')
        report += [f'{name}: {line}' for line in found]
        for warning in warnings:
            print(f'{folder}: {name}: warning: {warning}')
    return report


def one(seed, program, features, folder):
    """The report for one seed."""
    command = [sys.executable, f'{HERE}/generate.py', str(seed), folder, features]
    if run(command, folder, 'generate') != 0:
        return ['the generator failed'] + tail(f'{folder}/generate.err')
    return compare_folder(program, folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--program', required=True)
    parser.add_argument('--seeds', default='1-50')
    parser.add_argument('--features', default=','.join(generate.FEATURES))
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--keep')
    parser.add_argument('--shrink', action='store_true')
    options = parser.parse_args()
    first, _, last = options.seeds.partition('-')
    seeds = range(int(first), int(last or first) + 1)
    top = options.keep or tempfile.mkdtemp(prefix='oracle-')
    program = options.program.split()
    failing = []

    def work(seed):
        folder = f'{top}/{seed}'
        os.makedirs(folder, exist_ok=True)
        return seed, one(seed, program, options.features, folder)

    with ThreadPoolExecutor(options.jobs) as pool:
        for seed, report in pool.map(work, seeds):
            if report:
                failing.append(seed)
                print(f'--- seed {seed}')
                print('\n'.join(report), flush=True)
            else:
                shutil.rmtree(f'{top}/{seed}')
    if options.shrink:
        import shrink
        for seed in failing:
            print(f'--- seed {seed}, shrunk', flush=True)
            print('\n'.join(shrink.shrink(program, f'{top}/{seed}')), flush=True)
        if failing:
            print(f'files are in {top}')
    elif not options.keep:
        shutil.rmtree(top)
    print(f'{len(seeds)} seeds, {len(failing)} failing' + (f': {failing}' if failing else ''))
    return 1 if failing else 0


if __name__ == '__main__':
    sys.exit(main())
