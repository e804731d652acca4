#!/usr/bin/env python3
"""Run the program against the oracle on generated models and events.

    run.py --program PATH [--seeds A-B] [--keep DIR]

`PATH replay` and the oracle get the same model and events; outputs, dumps and exit status must agree.
With --keep the files of failing seeds stay in DIR/<seed>.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import compare

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT = 300


def run(command, folder, name):
    """Exit status; standard output and error go to files."""
    with open(f'{folder}/{name}.out', 'wb') as out, open(f'{folder}/{name}.err', 'wb') as err:
        try:
            return subprocess.run(command, stdout=out, stderr=err, timeout=TIMEOUT).returncode
        except subprocess.TimeoutExpired:
            return 'timeout'


def tail(path):
    with open(path, encoding='utf-8', errors='replace') as file:
        return [f'    {line}' for line in file.read().split('\n')[-4:] if line]


def one(seed, program, folder):
    """The report for one seed: a list of lines, empty if all agrees."""
    python = [sys.executable]
    if run(python + [f'{HERE}/generate.py', str(seed), folder], folder, 'generate') != 0:
        return ['the generator failed'] + tail(f'{folder}/generate.err')
    with open(f'{folder}/options') as file:
        extra = file.read().split()
    arguments = ['--model', f'{folder}/model.yaml'] + extra
    events = [f'{folder}/events.jsonl']
    expected = run(python + [f'{HERE}/oracle.py'] + arguments + ['--dump-leads', f'{folder}/oracle.dump'] + events,
                   folder, 'oracle')
    if expected not in (0, 1) or not os.path.exists(f'{folder}/oracle.dump'):
        return [f'the oracle failed: {expected}'] + tail(f'{folder}/oracle.err')
    status = run(program + ['replay'] + arguments + ['--dump-leads', f'{folder}/program.dump'] + events,
                 folder, 'program')
    report = []
    if status != expected:
        report += [f'exit status {expected} against {status}'] + tail(f'{folder}/program.err')
    for name in ('out', 'dump'):
        if not os.path.exists(f'{folder}/program.{name}'):
            report.append(f'no {name}')
            continue
        found, warnings = compare.compare_files(f'{folder}/oracle.{name}', f'{folder}/program.{name}')
        report += [f'{name}: {line}' for line in found]
        for warning in warnings:
            print(f'seed {seed}: {name}: warning: {warning}')
    return report


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--program', required=True)
    parser.add_argument('--seeds', default='1-50')
    parser.add_argument('--keep')
    options = parser.parse_args()
    first, _, last = options.seeds.partition('-')
    seeds = range(int(first), int(last or first) + 1)
    top = options.keep or tempfile.mkdtemp()
    failing = []

    def work(seed):
        folder = f'{top}/{seed}'
        os.makedirs(folder, exist_ok=True)
        return seed, one(seed, options.program.split(), folder)

    with ThreadPoolExecutor(2) as pool:
        for seed, report in pool.map(work, seeds):
            if report:
                failing.append(seed)
                print(f'--- seed {seed}')
                print('\n'.join(report))
            else:
                shutil.rmtree(f'{top}/{seed}')
    if not options.keep:
        shutil.rmtree(top)
    print(f'{len(seeds)} seeds, {len(failing)} failing' + (f': {failing}' if failing else ''))
    return 1 if failing else 0


if __name__ == '__main__':
    sys.exit(main())
