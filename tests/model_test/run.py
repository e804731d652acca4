#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run `scored test` on files whose results are known, word by word.

    run.py --program PATH [--write] [NAME...]

NAME.test.yaml is run, with options or without; NAME.expected or NAME.OPTION.expected has what comes out: standard
output, standard error and the exit status. --write writes these anew, for a person to read through.
"""
import argparse
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def run(program, arguments):
    done = subprocess.run([program, 'test', *arguments], capture_output=True, timeout=60, check=False, cwd=HERE)
    out, err = done.stdout.decode('utf-8'), done.stderr.decode('utf-8')
    return f'{out}--- standard error\n{err}--- exit status {done.returncode}\n'


def arguments_of(name):
    """What a case is run with: NAME, or NAME and options, as "failing --json"."""
    words = name.split()
    return [*words[1:], f'{words[0]}.test.yaml']


CASES = [
    'failing',
    'failing --json',
    'failing --filter=REQUIREMENT',
    'failing --filter=nowhere',
    'errors',
    'no_model',
    'no_model --model=model.yaml',
    'broken_model',
    'missing',
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--program', required=True)
    parser.add_argument('--write', action='store_true')
    parser.add_argument('cases', nargs='*')
    options = parser.parse_args()
    program, failed = os.path.abspath(options.program), 0
    cases = options.cases or CASES
    for case in cases:
        path = os.path.join(HERE, case.replace(' --', '.').replace('=', '_') + '.expected')
        got = run(program, arguments_of(case))
        if options.write:
            with open(path, 'w', encoding='utf-8') as file:
                file.write(got)
            continue
        with open(path, encoding='utf-8') as file:
            expected = file.read()
        if got != expected:
            failed += 1
            print(f'--- {case}: expected', expected, f'--- {case}: got', got, sep='\n')
    print(f'{len(cases) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
