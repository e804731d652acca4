# SPDX-License-Identifier: Apache-2.0
"""Whether two systems said the same of each lead, and what one may owe the other. Outputs are dicts as the schemas name their fields."""
import math


def at(output):
    return output['changed_at'] if 'changed_at' in output else output['occurred_at']


def tail_by_time(outputs, since_ms):
    """
    How many of a lead's last outputs time alone has brought, at or after an instant: moves with cause `time`, a clock's levels, and a
    clock's end by such a move, at its very instant. Anything else among them owes nothing to time, nor does what came before it.
    """
    n = 0
    while n < len(outputs):
        output = outputs[-n - 1]
        if at(output) < since_ms:
            break
        if output.get('kind') == 'cancelled':
            move = next((other for other in reversed(outputs[:-n - 1]) if 'changed_at' in other), None)
            if move is None or move['cause'] != 'time' or at(move) != at(output):
                break
        elif output.get('cause') != 'time' and output.get('kind') not in ('warning', 'breached'):
            break
        n += 1
    return n


def is_owed(record, moved, since_ms):
    """An SLA event that time alone brings from then on: a level, or the end of a clock by a move of `moved`, (lead, instant) each."""
    if record['kind'] == 'cancelled':
        return (record['lead_id'], record['occurred_at']) in moved
    return record['kind'] in ('warning', 'breached') and record['occurred_at'] >= since_ms


def equal(a, b):
    """All the way down; numbers to 1e-6."""
    if isinstance(a, float) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-6)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b))
    return a == b


def by_lead(outputs):
    leads = {}
    for output in outputs:
        leads.setdefault(output['lead_id'], []).append(output)
    for lead in leads.values():
        lead.sort(key=lambda output: output['ordinal'])
    return leads


def compare_leads(wanted, got, horizon_ms):
    """
    The differences, each as a line of text, and how many outputs were owed: `got` may lack what time alone brings to a lead from the
    horizon on, if nothing but time has anything more to say of it.
    """
    wanted, got = by_lead(wanted), by_lead(got)
    found, n_owed = [], 0
    for lead in sorted(wanted.keys() | got.keys()):
        a, b = wanted.get(lead, []), got.get(lead, [])
        missing = len(a) - len(b)
        # a clock's end belongs to the move before it: they come together
        if 0 < missing <= tail_by_time(a, horizon_ms) and a[len(b)].get('kind') != 'cancelled':
            n_owed += missing
        elif missing:
            found.append(f'{lead}: {len(a)} outputs wanted, {len(b)} got')
        for x, y in zip(a, b):
            if not equal(x, y):
                fields = [f'{key}: {x.get(key)!r} wanted, {y.get(key)!r} got' for key in x | y if not equal(x.get(key), y.get(key))]
                found.append(f'{lead}, {x["output"]} {x["ordinal"]}: ' + '; '.join(fields))
                break  # what follows differs too
    return found, n_owed
