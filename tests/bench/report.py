# SPDX-License-Identifier: Apache-2.0
"""Results as a table and as a plot."""
from xml.sax.saxutils import escape

WIDTH, LABEL_WIDTH, VALUE_WIDTH, BAR_HEIGHT, GAP, TITLE_HEIGHT = 760, 130, 150, 18, 8, 34


def number(value):
    if value >= 100:
        return f'{value:,.0f}'
    return f'{value:.3g}'


def mib(value):
    return f'{value / 2**20:,.0f}'


def ranged(spread, form=number):
    """The median, with the least and the greatest."""
    return f"{form(spread['median'])} ({form(spread['min'])}..{form(spread['max'])})"


def table(rows):
    """Aligned columns; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return '\n'.join('  '.join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths)))
                     for row in rows)


def throughput_table(summary):
    """Per CPU-second of the process: all in, and of the second half, when what warms up is warm. "scored is": so many times as much."""
    rows = [('system', 'events/s', 'ev/CPU-s', 'warm ev/CPU-s', 'peak MiB', 'broker CPU s', 'Redis CPU s', 'scored is', 'warm, it is')]
    for name, line in summary.items():
        def cell(spread):
            return ranged(spread) if spread else '-'
        rows.append((name, cell(line['events_per_s']), cell(line['events_per_cpu_s']), cell(line.get('warm_events_per_cpu_s')),
                     mib(line['peak_bytes']['max']), number(line['broker_cpu_s']['median']), number(line['redis_cpu_s']['median']),
                     cell(line['scored_is'].get('events_per_cpu_s')), cell(line['scored_is'].get('warm_events_per_cpu_s'))))
    return table(rows)


def redis_line(run):
    of = run['redis_bytes_per_lead']
    return (f"Redis: {of['all']:.0f} bytes a lead, all in, for {of['leads']} leads (its hash {of['lead']:.0f}, its record {of['record']:.0f}); "
            f"changelog: {run['records']} records of {run['record_bytes']:.0f} bytes")


def latency_table(results):
    rows = [('system', 'events/s', 'changes', 'p50 ms', 'p99 ms', 'p99.9 ms')]
    for line in results:
        rows.append((line['system'], number(line['rate']), str(line['n']), *(f'{line[key]:.1f}' for key in ('p50', 'p99', 'p999'))))
    return table(rows)


def takeover_table(results):
    rows = [('system', 'state', 'until ready s', 'until caught up s', 'CPU s', 'broker CPU s', 'Redis CPU s')]
    for line in results:
        rows.append((line['system'], line['state'],
                     *(f'{line[key]:.2f}' for key in ('ready_s', 'caught_up_s', 'cpu_s', 'broker_cpu_s', 'redis_cpu_s'))))
    return table(rows)


class Plot:
    """Horizontal bars in panels, one below the other, as SVG."""

    def __init__(self):
        self.parts, self.y = [], 0

    def _text(self, x, y, text, anchor='start', size=12, weight='normal'):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}">'
                          f'{escape(text)}</text>')

    def bars(self, title, rows):
        """rows: (label, {'min', 'median', 'max'} or a number); from zero, so that lengths compare."""
        room = WIDTH - LABEL_WIDTH - VALUE_WIDTH
        rows = [(label, value if isinstance(value, dict) else {'min': value, 'median': value, 'max': value}) for label, value in rows]
        scale = room / max(max(value['max'] for _, value in rows), 1e-9)
        self._text(0, self.y + 20, title, size=14, weight='bold')
        self.y += TITLE_HEIGHT
        for label, value in rows:
            middle = self.y + BAR_HEIGHT / 2
            self._text(LABEL_WIDTH - 8, middle + 4, label, anchor='end')
            self.parts.append(f'<rect x="{LABEL_WIDTH}" y="{self.y}" width="{value["median"] * scale:.1f}" height="{BAR_HEIGHT}" '
                              f'fill="{"#2563eb" if label.startswith("scored") else "#94a3b8"}"/>')
            low, high = LABEL_WIDTH + value['min'] * scale, LABEL_WIDTH + value['max'] * scale
            if value['max'] > value['min']:
                self.parts.append(f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8" '
                                  'stroke="#0f172a" fill="none"/>')
            self._text(high + 6, middle + 4, number(value['median']))
            self.y += BAR_HEIGHT + GAP
        self.y += GAP

    def svg(self, caption):
        self._text(0, self.y + 14, caption, size=11)
        height = self.y + 24
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
                f'font-family="sans-serif" fill="#0f172a"><rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n'
                + '\n'.join(self.parts) + '\n</svg>\n')


def plot(results):
    """All that was measured."""
    p = Plot()
    for n_leads, summary in results.get('throughput', {}).items():
        leads = f'{int(n_leads):,} leads'
        # beside a loop that only decodes, the others would not be seen
        shown = {name: line for name, line in summary.items() if name != 'decode'}
        p.bars(f'events per CPU-second of the process, {leads}', [(name, line['events_per_cpu_s']) for name, line in shown.items()])
        p.bars(f'events per CPU-second once warm, {leads}',
               [(name, line['warm_events_per_cpu_s']) for name, line in shown.items() if 'warm_events_per_cpu_s' in line])
        p.bars(f'events per second, {leads}', [(name, line['events_per_s']) for name, line in shown.items()])
        p.bars(f'peak resident memory, MiB, {leads}', [(name, line['peak_bytes']['max'] / 2**20) for name, line in summary.items()])
    for key in ('p50', 'p99'):
        if results.get('latency'):
            p.bars(f'latency, {key}, ms', [(f"{line['system']} {line['rate']}/s", line[key]) for line in results['latency']])
    if results.get('takeover'):
        p.bars('taking over, seconds', [(f"{line['system']} {line['state']}", line['caught_up_s']) for line in results['takeover']])
    m = results['machine']
    return p.svg(f"{m['cpus']} x {m['cpu']}, {m['memory']}; Kafka {m['kafka']}, librdkafka {m['librdkafka']}, scored {m['scored']}, {m['date']}")
