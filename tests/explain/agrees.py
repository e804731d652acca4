#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `scored lead` and `scored account` say agrees with what `scored replay` dumps, for random models and events.

    agrees.py --program PATH [--seeds 1-4]

Contributions and rests sum up to scores, transitions that hold have been taken or were passed over, what time will change is yet to
come, and the history is what was put out. The models and events are the oracle's (tests/oracle/generate.py).
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

ORACLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'oracle')
sys.path.insert(0, ORACLE)
import generate  # noqa: E402

EACH = 4  # leads, and accounts, of a seed
HISTORY = 50


def read_lines(path):
    with open(path, encoding='utf-8') as file:
        return [json.loads(line) for line in file]


class Case:
    def __init__(self, program, seed, folder):
        self.program, self.folder = program, folder
        subprocess.run([sys.executable, f'{ORACLE}/generate.py', str(seed), folder, ','.join(generate.FEATURES)],
                       stdout=subprocess.DEVNULL, check=True)
        with open(f'{folder}/options', encoding='utf-8') as file:
            self.options = file.read().split() + ['--model', f'{folder}/model.yaml']
        with open(f'{folder}/out', 'w', encoding='utf-8') as out:
            subprocess.run([program, 'replay', *self.options, '--dump-leads', f'{folder}/lead', '--dump-accounts',
                            f'{folder}/account', f'{folder}/events.jsonl'], stdout=out, stderr=subprocess.DEVNULL, check=False)
        self.outputs = [o for o in read_lines(f'{folder}/out') if o['output'] != 'DeadLetter']

    def explain(self, kind, name, *options):
        done = subprocess.run([self.program, kind, name, '--replay', f'{self.folder}/events.jsonl', *self.options, *options],
                              capture_output=True, timeout=120, check=False)
        assert done.returncode in (0, 1) and done.stdout, done.stderr.decode('utf-8', 'replace')
        return done.stdout.decode('utf-8')

    def told(self, kind, names):
        return [o for o in self.outputs if o.get(f'{kind}_id') in names and (kind == 'lead') == bool(o.get('lead_id'))]


def score_errors(kind, explained, row):
    for score in explained['scores']:
        value = row['scores'][score['score']]
        parts = [c['present_value'] for c in score['contributions']] if kind == 'lead' else \
            [member['brings'][score['score']] for member in explained['members']]
        if score['value'] != value or abs(sum(parts) + score['rest'] - value) > 1e-6 * max(1, abs(value)):
            yield f'score {score["score"]}: {value} in the dump, {score["value"]} explained by {parts} and {score["rest"]}'


def track_errors(explained, row):
    for track in explained['tracks']:
        if track['stage'] != row['stages'][track['track']]:
            yield f'track {track["track"]} is in {row["stages"][track["track"]]}, not in {track["stage"]}'
        if track['next_change_at'] and track['next_change_at'] <= explained['at']:
            yield f'track {track["track"]} should have changed at {track["next_change_at"]}'
        for t in track['transitions']:
            holds = t['when']['holds'] is True and not (t['cooldown_until'] or t['on'] or t['on_sla'])
            if holds != t['passed_over']:
                yield f'transition {t["transition"]} holds: {holds}, passed over: {t["passed_over"]}'


def clocks_of(clocks):
    return [[clock[key] for key in ('policy', 'epoch', 'started_at', 'due_at', 'breached')]
            for clock in clocks if clock.get('open', True)]


def lead_errors(explained, row):
    if clocks_of(explained['sla']) != clocks_of(row['sla']):
        yield f'clocks {explained["sla"]}'
    if explained['derived'] != row['derived'] or {c['counter']: c['value'] for c in explained['counters']} != row['counters']:
        yield 'derived scores or counters'


def errors(case, kind, row):
    name = row[f'{kind}_id']
    explained, *history = map(json.loads, case.explain(kind, name, '--json', '--history').splitlines())
    yield from score_errors(kind, explained, row)
    yield from track_errors(explained, row)
    if kind == 'lead':
        yield from lead_errors(explained, row)
    if explained['at'] != row['at'] or history != case.told(kind, [name, *explained.get('merged_ids', [])])[-HISTORY:]:
        yield 'the instant or the history'
    if not case.explain(kind, name, '--history', '--at', '2060-01-01T00:00:00Z').startswith(kind):
        yield 'the text'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--program', required=True)
    parser.add_argument('--seeds', default='1-4')
    options = parser.parse_args()
    first, _, last = options.seeds.partition('-')
    n, found = 0, []
    for seed in range(int(first), int(last or first) + 1):
        with tempfile.TemporaryDirectory() as folder:
            case = Case(os.path.abspath(options.program), seed, folder)
            for kind in ('lead', 'account'):
                for row in read_lines(f'{folder}/{kind}')[:EACH]:
                    n += 1
                    found += [f'seed {seed}, {kind} {row[f"{kind}_id"]}: {error}' for error in errors(case, kind, row)]
    print(*found, sep='\n')
    print(f'{n} explained, {len(found)} errors')
    return 1 if found or n == 0 else 0


if __name__ == '__main__':
    sys.exit(main())
