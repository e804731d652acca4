#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run `scored backtest` on a log whose figures were worked out by hand.

    run.py --program PATH [--write]

A calls a lead an MQL from two page views on, B from three; everything begins at 9:00. The call is due an hour later.

    lead  source  what happens                                    A                           B
    L1    web     views at 0, 1, 2 min; accepted 1 h; won 2 d     mql 1 min, sal, met         mql 2 min, sal, met
    L2    web     views at 0, 1 min; rejected 30 min              mql, breached               new
    L3    ads     view at 0; won 3 d                              new: a missed winner        new: a missed winner
    L4    ads     views at 0, 1 min; accepted 3 h                 mql, breached, late, sal    new
    L5            views at 0, 1, 2 min                            mql, breached               mql, breached
    L6            view, accepted 10 min, views at 20, 30 min      mql 20 min, breached        mql 30 min, breached
    L7    web     views; forgotten 5 min                          counts nowhere
    L8            large; views at 0, 1 min; touched 30 min;       mql, met, rejected, sal     new
                  rejected 5 h, accepted 6 h
    L9    web     views at 0, 1 min; merged into L10 10 min       mql 1 min
    L10           view at 0; accepted as L9 20 min                mql by the merge, sal, met  mql 10 min, sal, met

So the median time from MQL to acceptance is that of 19 min, 59 min and 2 h 59 min for A, and of 10 min and 58 min for B. table.expected has
the table for people; --write writes it anew, to be read through.
"""
import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
NO_SLA = dict.fromkeys('warning breached escalated met late cancelled retracted'.split(), 0)


def figures(counts, stages, sla):
    names = 'leads reached accepted rejected unanswered won missed_accepted missed_won'.split()
    found = dict(zip(names, counts))
    found['acceptance_rate'] = found['accepted'] / found['reached'] if found['reached'] else None
    found['stages'] = {'lifecycle': dict(zip(['new', 'mql', 'sal'], stages))}
    found['sla'] = {'call': NO_SLA | sla}
    return found


GROUPS = {
    ('all', 'all'): (
        figures([8, 7, 3, 2, 2, 1, 1, 1], [1, 3, 4], {'met': 3, 'breached': 4, 'late': 1}),
        figures([8, 4, 2, 0, 2, 1, 3, 1], [4, 2, 2], {'met': 2, 'breached': 2})),
    ('segment', 'default'): (
        figures([7, 6, 3, 1, 2, 1, 1, 1], [1, 3, 3], {'met': 2, 'breached': 4, 'late': 1}),
        figures([8, 4, 2, 0, 2, 1, 3, 1], [4, 2, 2], {'met': 2, 'breached': 2})),
    ('segment', 'large'): (
        figures([1, 1, 0, 1, 0, 0, 0, 0], [0, 0, 1], {'met': 1}),
        figures([0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0], {})),
    ('first_source', '(none)'): (
        figures([3, 3, 0, 1, 2, 0, 1, 0], [0, 2, 1], {'met': 1, 'breached': 2}),
        figures([3, 2, 0, 0, 2, 0, 2, 0], [1, 2, 0], {'breached': 2})),
    ('first_source', 'ads'): (
        figures([2, 1, 1, 0, 0, 0, 0, 1], [1, 0, 1], {'breached': 1, 'late': 1}),
        figures([2, 0, 0, 0, 0, 0, 1, 1], [2, 0, 0], {})),
    ('first_source', 'web'): (
        figures([3, 3, 2, 1, 0, 1, 0, 0], [0, 1, 2], {'met': 2, 'breached': 1}),
        figures([3, 2, 2, 0, 0, 1, 0, 0], [1, 0, 2], {'met': 2})),
}
WHOLE = {
    'stage': {'track': 'lifecycle', 'stage': 'mql'},
    'events': 35,
    'bad_events': 0,
    'median_ms_to_acceptance': {'a': 3540000, 'b': 2040000},
    'reached_under': {
        'neither': {'leads': 1, 'accepted': 0, 'rejected': 0, 'won': 1},
        'a_alone': {'leads': 3, 'accepted': 2, 'rejected': 2, 'won': 0},
        'b_alone': {'leads': 0, 'accepted': 0, 'rejected': 0, 'won': 0},
        'both': {'leads': 4, 'accepted': 3, 'rejected': 0, 'won': 1},
    },
    'rejected_by_reason': [{'reason': 'competitor', 'a': 1, 'b': 0}, {'reason': 'no_budget', 'a': 1, 'b': 0}],
    'leads_in_another_stage': 3,
    'moves': [{'track': 'lifecycle', 'a': 'sal', 'b': 'new', 'leads': 2},
              {'track': 'lifecycle', 'a': 'mql', 'b': 'new', 'leads': 1}],
}


def run(program, *arguments, models=('a.yaml', 'b.yaml'), events='events.jsonl', text=None):
    command = [program, 'backtest', '--model', models[0], '--against', models[1], *arguments] + ([events] if events else [])
    return subprocess.run(command, capture_output=True, timeout=60, check=False, cwd=HERE, input=text, encoding='utf-8')


def check(found, what, expected, got):
    if expected != got:
        found.append(f'{what}: expected {expected}, got {got}')


def check_figures(program, found):
    done = run(program, '--json')
    check(found, 'exit status', 0, done.returncode)
    got = json.loads(done.stdout)
    for key, value in WHOLE.items():
        check(found, key, value, got[key])
    groups = {(g['by'], g['name']): (g['a'], g['b']) for g in got['groups']}
    check(found, 'groups', sorted(GROUPS), sorted(groups))
    for key, sides in GROUPS.items():
        for side, expected, was in zip('ab', sides, groups.get(key, ({}, {}))):
            check(found, f'{key} {side}', expected, was)
    leads = [(lead['lead_id'], lead['a']['stage'], lead['a']['transition'], lead['b']['stage'], lead['b']['transition'],
              [r['value'] for r in lead['a']['reasons']]) for lead in got['leads']]
    check(found, 'leads', [('L4', 'sal', 'accept', 'new', None, [20]), ('L8', 'sal', 'accept', 'new', None, [20]),
                           ('L2', 'mql', 'qualify', 'new', None, [20])], leads)


def check_sides(program, found):
    """A against B is B against A, the other way round."""
    one = json.loads(run(program, '--json').stdout)
    other = json.loads(run(program, '--json', models=('b.yaml', 'a.yaml'), events=None,
                           text=open(f'{HERE}/events.jsonl', encoding='utf-8').read()).stdout)
    check(found, 'sides', [one['groups'][0]['a'], one['groups'][0]['b']], [other['groups'][0]['b'], other['groups'][0]['a']])


def check_options(program, found):
    got = json.loads(run(program, '--json', '--stage', 'lifecycle.new', '--accepted', 'page_view', '--won=a,sales_touch',
                         '--limit=1').stdout)
    everybody = got['groups'][0]['a']
    check(found, 'initial stage', (8, 8, 1), tuple(everybody[k] for k in ('reached', 'accepted', 'won')))
    check(found, 'limit', (3, 1, 1, 3), (len(got['groups']), len(got['moves']), len(got['leads']),
                                         got['leads_in_another_stage']))
    for arguments, status, text in [
            (['--stage', 'lifecycle.mqll'], 64, 'did you mean "lifecycle.mql"?'),
            (['--stage', 'mql'], 64, 'a track and its stage expected'),
            (['--accepted', 'a,,b'], 64, 'with commas'),
            (['--limit', 'many'], 64, 'a whole number'),
            (['--until', 'soon'], 64, 'RFC 3339'),
            (['--model', 'none.yaml'], 78, 'No such file')]:
        done = run(program, *arguments)
        check(found, f'{arguments} exit status', status, done.returncode)
        if text not in done.stderr:
            found.append(f'{arguments}: "{text}" is not in {done.stderr}')
    check(found, 'missing events', 66, run(program, events='none.jsonl').returncode)


def check_bad_lines(program, found):
    done = run(program, '--json', events=None, text='{"event_id": 1}\n\n{"event_id": "a", "lead_id": "l", "type": "page_view", '
               '"occurred_at": "2026-01-05T09:00:00Z"}\n')
    check(found, 'bad line', (1, 1, 1), (done.returncode, json.loads(done.stdout)['events'],
                                        json.loads(done.stdout)['bad_events']))
    check(found, 'bad line is told', {'command': 'backtest', 'place': '<stdin>:1', 'error': 'event_id: a string expected'},
          json.loads(done.stderr))
    check(found, 'nothing', 0, run(program, events=None, text='').returncode)


def check_table(program, write, found):
    path, table = f'{HERE}/table.expected', run(program).stdout
    if write:
        with open(path, 'w', encoding='utf-8') as file:
            file.write(table)
    with open(path, encoding='utf-8') as file:
        check(found, 'table', file.read(), table)
    for line in table.splitlines():
        if len(line) > 100 or line != line.rstrip():
            found.append(f'a line too wide, or with blanks at its end: {line!r}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--program', required=True)
    parser.add_argument('--write', action='store_true')
    options = parser.parse_args()
    program, found = os.path.abspath(options.program), []
    check_figures(program, found)
    check_sides(program, found)
    check_options(program, found)
    check_bad_lines(program, found)
    check_table(program, options.write, found)
    print(*found, 'failed' if found else 'passed', sep='\n')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
