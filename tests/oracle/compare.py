#!/usr/bin/env python3
"""Compare two output files line by line as JSON: compare.py A B.

Numbers may differ by 1e-9 (relative or absolute); everything else and the order of lines must agree.
A different order of keys is only a warning.  Of a dead letter the free text is not compared, nor topic and
partition, which a file does not have.  The status is 1 if anything differs.
"""
import json
import sys

TOLERANCE = 1e-9
SHOWN = 2


def differences(a, b, path=''):
    """Yield (path, a, b) where the two values differ."""
    numbers = [isinstance(x, (int, float)) and not isinstance(x, bool) for x in (a, b)]
    if all(numbers):
        if abs(a - b) > TOLERANCE * max(1.0, abs(a), abs(b)):
            yield path, a, b
    elif isinstance(a, dict) and isinstance(b, dict):
        for key in list(a) + [key for key in b if key not in a]:
            if key not in a or key not in b:
                yield f'{path}.{key}', a.get(key, '(absent)'), b.get(key, '(absent)')
            else:
                yield from differences(a[key], b[key], f'{path}.{key}')
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            yield from differences(x, y, f'{path}[{i}]')
    elif type(a) is not type(b) or a != b:
        yield path, a, b


def keys(value):
    return [(key, keys(inner)) for key, inner in value.items()] if isinstance(value, dict) else None


def parse(line):
    try:
        value = json.loads(line)
    except ValueError:
        return {'(not JSON)': line}
    if isinstance(value, dict) and value.get('output') == 'DeadLetter':
        for name in ('text', 'topic', 'partition'):
            value.pop(name, None)
    return value


def title(value):
    names = ('output', 'lead_id', 'account_id', 'track', 'from', 'to', 'transition', 'policy', 'epoch', 'kind', 'level',
             'changed_at', 'occurred_at', 'at', 'offset', 'reason')
    return ' '.join(f'{n}={value[n]}' for n in names if isinstance(value, dict) and value.get(n) is not None)


def compare_files(path_a, path_b):
    """The report as a list of lines (empty: equal), and warnings."""
    with open(path_a, encoding='utf-8', errors='replace') as a, open(path_b, encoding='utf-8', errors='replace') as b:
        lines_a, lines_b = a.read().split('\n'), b.read().split('\n')
    report, warnings = [], []
    lines_a, lines_b = [x for x in lines_a if x], [x for x in lines_b if x]
    if len(lines_a) != len(lines_b):
        report.append(f'{len(lines_a)} lines against {len(lines_b)}')
    shown = 0
    for number, (line_a, line_b) in enumerate(zip(lines_a, lines_b), 1):
        x, y = parse(line_a), parse(line_b)
        found = list(differences(x, y))
        if found:
            before = f'  after {title(parse(lines_a[number - 2]))}\n' if not shown and number > 1 else ''
            report.append(f'line {number}:\n{before}  A: {title(x)}\n  B: {title(y)}')
            report += [f'    {path}: {a!r} against {b!r}' for path, a, b in found[:8]]
            shown += 1
            if shown == SHOWN:
                report.append('  …')
                break
        elif not warnings and keys(x) != keys(y):
            warnings.append(f'line {number}: keys in another order')
    else:
        rest = lines_a[len(lines_b):] or lines_b[len(lines_a):]
        which = 'A' if len(lines_a) > len(lines_b) else 'B'
        report += [f'only in {which}: {title(parse(line))}' for line in rest[:SHOWN]]
    return report, warnings


def main():
    report, warnings = compare_files(sys.argv[1], sys.argv[2])
    print('\n'.join(report + [f'warning: {w}' for w in warnings] or ['equal']))
    return 1 if report else 0


if __name__ == '__main__':
    sys.exit(main())
