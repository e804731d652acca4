#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `scored lead` and `scored account` say of a small replay, to the letter. model.yaml has the arithmetic.

    run.py --program PATH [--write]

expected/NAME is what is printed; JSON is kept with a line for each member. --write writes the files anew, to be read before they
are kept.
"""
import argparse
import difflib
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
NOON = '2026-01-05T12:00:00Z'

# name: arguments, exit status
CASES = {
    'lead.txt': (['lead', 'lead-1', '--until', NOON, '--history'], 0),
    'lead.json': (['lead', 'lead-1', '--until', NOON, '--history', '--limit', '2', '--json'], 0),
    'account.txt': (['account', 'acme', '--until', NOON], 0),
    'account.json': (['account', 'acme', '--until', NOON, '--json', '--history'], 0),
    # without --until as of the last event; asked for by the id of a lead that is no more
    'merged.txt': (['lead', 'lead-0', '--history'], 0),
    # nothing is done in the time that --at lets pass
    'at.txt': (['lead', 'lead-1', '--at', '2026-02-03T00:00:00Z'], 0),
    'nobody.txt': (['lead', 'nobody'], 1),
    'too_early.txt': (['lead', 'lead-1', '--at', '2026-01-03T11:59:59.999Z'], 64),
}


def run(program, arguments):
    command = [program, arguments[0], *arguments[1:], '--model', 'model.yaml', '--replay', 'events.jsonl']
    done = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    return done.returncode, done.stdout.decode('utf-8') + done.stderr.decode('utf-8').split('Usage:')[0]


def readable(name, text):
    if not name.endswith('.json'):
        return text
    return ''.join(json.dumps(json.loads(line), indent=1, ensure_ascii=False) + '\n' for line in text.splitlines())


def check(program, name, write):
    """What is wrong, as lines."""
    arguments, status = CASES[name]
    path = os.path.join(HERE, 'expected', name)
    got_status, text = run(program, arguments)
    found = [] if got_status == status else [f'exit status {got_status}, expected {status}']
    try:
        got = readable(name, text)
    except ValueError as error:
        return found + [f'not JSON: {error}', text]
    if write:
        with open(path, 'w', encoding='utf-8') as file:
            file.write(got)
    with open(path, encoding='utf-8') as file:
        expected = file.read()
    return found + list(difflib.unified_diff(expected.splitlines(), got.splitlines(), 'expected', 'got', lineterm=''))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--program', required=True)
    parser.add_argument('--write', action='store_true')
    options = parser.parse_args()
    failed = 0
    for name in CASES:
        found = check(os.path.abspath(options.program), name, options.write)
        if found:
            failed += 1
            print(f'--- {name}', *found, sep='\n')
    print(f'{len(CASES) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
