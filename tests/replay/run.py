#!/usr/bin/env python3
"""Run `scored replay` on cases whose results were worked out by hand.

    run.py --program PATH [CASE...]

A case is a folder: model.yaml, whose first lines say what is meant and show the arithmetic; events.jsonl;
expected.jsonl; and, where they matter, expected.dump (of --dump-leads), expected.accounts (of --dump-accounts) and options
(further arguments).

Outputs are compared line by line. A line of expected.jsonl names the fields that the case is about: they must be there
with these values, and in this order; numbers may differ by 1e-9 of their size. Of the rest it is checked here that every
output has exactly the fields of its kind in their order, that its event_id is what its fields make it, and that ordinals
count up from 1. A run that has put out a dead letter ends with status 1, any other with 0.
"""
import argparse
import calendar
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
FIELDS = {
    'StageChanged': 'event_id entity lead_id account_id track from to changed_at transition cause cause_event_id scores '
                    'segment route owner sequence previous_entered_at first_source last_source reasons next_change_at '
                    'committee members model model_version ordinal carried',
    'SlaEvent': 'event_id lead_id account_id policy epoch kind level started_at due_at occurred_at stopped_at elapsed_ms '
                'calendar segment route breached start_event_id stop_event_id stages owner model model_version ordinal '
                'carried',
    'Refused': 'event_id lead_id account_id refused_event_id type track stage transition requirement at model '
               'model_version ordinal carried',
    'LeadRetired': 'event_id lead_id account_id cause into at ordinal carried',
    'DeadLetter': 'original topic partition offset reason text',
}
REASON_FIELDS = ['rule', 'score', 'points', 'present_value', 'occurred_at', 'event_id']
DUMP_FIELDS = 'lead_id account_id at segment scores derived counters stages sla'.split()
ACCOUNT_FIELDS = 'account_id at scores committee stages members'.split()
CLOCK_FIELDS = 'policy epoch started_at due_at breached paused'.split()


def ms(text):
    return calendar.timegm(time.strptime(text[:19], '%Y-%m-%dT%H:%M:%S')) * 1000 + int(text[20:23])


def entity(o):
    """Whose output it is: kind and id."""
    kind = o.get('entity', 'lead')
    return kind, o[f'{kind}_id']


def output_id(o):
    """The event_id that SPEC section 7 gives the output; None for a LeadRetired, whose cause it does not tell."""
    if o['output'] == 'StageChanged':
        name = f"stage/{'/'.join(entity(o))}/{o['track']}/{o['sequence']}/{ms(o['changed_at'])}"
    elif o['output'] == 'SlaEvent':
        name = f"sla/{o['lead_id']}/{o['policy']}/{o['epoch']}/{ms(o['started_at'])}/{o['kind']}/{o['level'] or ''}"
    elif o['output'] == 'Refused':
        name = f"refused/{o['lead_id']}/{o['refused_event_id']}/{o['track']}"
    else:
        return None
    return str(uuid.uuid5(uuid.NAMESPACE_URL, 'scored:' + name))


def differences(expected, got, path):
    """What of `expected` is not in `got`, as lines."""
    number = (int, float)
    if isinstance(expected, bool) or isinstance(got, bool):
        same = expected is got
    elif isinstance(expected, number) and isinstance(got, number):
        same = abs(expected - got) <= 1e-9 * max(abs(expected), abs(got), 1e-3)
    elif isinstance(expected, dict) and isinstance(got, dict):
        return object_differences(expected, got, path)
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) == len(got):
            return [d for i, (e, g) in enumerate(zip(expected, got)) for d in differences(e, g, f'{path}[{i}]')]
        same = False
    else:
        same = expected == got
    return [] if same else [f'{path}: expected {json.dumps(expected)}, got {json.dumps(got)}']


def object_differences(expected, got, path):
    whole = path.split('.')[-1] in ('scores', 'stages', 'carried', 'derived')
    missing = [key for key in expected if key not in got]
    if missing or (whole and list(expected) != list(got)):
        return [f'{path}: expected {json.dumps(expected)}, got {json.dumps(got)}']
    found = [d for key in expected for d in differences(expected[key], got[key], f'{path}.{key}')]
    if [key for key in got if key in expected] != list(expected):
        found.append(f'{path}: the fields come in another order: {list(got)}')
    return found


def form_errors(outputs):
    """What is wrong with the outputs whatever they say."""
    found, ordinals = [], {}
    for n, o in enumerate(outputs, 1):
        fields = ['output'] + FIELDS.get(o.get('output'), '').split()
        if list(o) != fields:
            found.append(f'line {n}: fields {list(o)}, expected {fields}')
            continue
        if output_id(o) not in (None, o.get('event_id')):
            found.append(f"line {n}: event_id {o['event_id']}, expected {output_id(o)}")
        if any(list(reason) != REASON_FIELDS for reason in o.get('reasons', [])):
            found.append(f'line {n}: the fields of a reason')
        if 'ordinal' in o:
            who = entity(o)
            ordinals[who] = ordinals.get(who, 0) + 1
            if o['ordinal'] != ordinals[who]:
                found.append(f"line {n}: ordinal {o['ordinal']}, expected {ordinals[who]}")
            if o['output'] == 'LeadRetired':
                ordinals[who] = 0
    return found


def dump_errors(dump):
    found = []
    for n, lead in enumerate(dump, 1):
        if list(lead) != DUMP_FIELDS or any(list(clock) != CLOCK_FIELDS for clock in lead['sla']):
            found.append(f'dump line {n}: fields {list(lead)}')
    return found + order_errors('dump', [lead['lead_id'] for lead in dump])


def account_errors(dump):
    found = [f'accounts line {n}: fields {list(a)}' for n, a in enumerate(dump, 1) if list(a) != ACCOUNT_FIELDS]
    return found + order_errors('accounts', [account['account_id'] for account in dump])


def order_errors(what, ids):
    ids = [i.encode() for i in ids]
    return [] if ids == sorted(ids) else [f'{what}: not sorted by id']


def compare(what, expected, got):
    found = []
    if len(expected) != len(got):
        found.append(f'{what}: {len(expected)} lines expected, got {len(got)}')
    for n, (e, g) in enumerate(zip(expected, got), 1):
        found += differences(e, g, f'{what} line {n}')
    return found


def read_lines(text):
    return [json.loads(line) for line in text.splitlines() if line]


def read_file(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def run_case(program, folder):
    """What is wrong, as lines; none if all is well."""
    missing = [name for name in ('events.jsonl', 'expected.jsonl') if not os.path.exists(f'{folder}/{name}')]
    if missing:
        return [f'no {" and no ".join(missing)}']
    options = f'{folder}/options'
    extra = read_file(options).split() if os.path.exists(options) else []
    with tempfile.TemporaryDirectory() as scratch:
        leads_path, accounts_path = f'{scratch}/leads', f'{scratch}/accounts'
        command = [program, 'replay', '--model', f'{folder}/model.yaml', '--dump-leads', leads_path,
                   '--dump-accounts', accounts_path] + extra
        done = subprocess.run(command + [f'{folder}/events.jsonl'], capture_output=True, timeout=60, check=False)
        dump, accounts = [read_lines(read_file(p)) if os.path.exists(p) else [] for p in (leads_path, accounts_path)]
    try:
        outputs = read_lines(done.stdout.decode('utf-8'))
    except ValueError as error:
        return [f'the output is not JSON lines: {error}', done.stderr.decode('utf-8', 'replace')]
    expected = read_lines(read_file(f'{folder}/expected.jsonl'))
    status = int(any(line['output'] == 'DeadLetter' for line in expected))
    found = [] if done.returncode == status else [f'exit status {done.returncode}, expected {status}']
    found += compare('output', expected, outputs) + form_errors(outputs) + dump_errors(dump) + account_errors(accounts)
    if os.path.exists(f'{folder}/expected.dump'):
        found += compare('dump', read_lines(read_file(f'{folder}/expected.dump')), dump)
    if os.path.exists(f'{folder}/expected.accounts'):
        found += compare('accounts', read_lines(read_file(f'{folder}/expected.accounts')), accounts)
    if found:
        found += ['--- put out:'] + done.stdout.decode('utf-8').splitlines()
        found += [done.stderr.decode('utf-8', 'replace')] if done.stderr else []
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--program', required=True)
    parser.add_argument('cases', nargs='*')
    options = parser.parse_args()
    cases = options.cases or sorted(entry.name for entry in os.scandir(HERE) if entry.is_dir() and
                                    os.path.exists(f'{entry.path}/model.yaml'))
    failed = 0
    for case in cases:
        found = run_case(options.program, os.path.join(HERE, case))
        if found:
            failed += 1
            print(f'--- {case}', *found, sep='\n')
    print(f'{len(cases) - failed} passed, {failed} failed')
    return 1 if failed or not cases else 0


if __name__ == '__main__':
    sys.exit(main())
