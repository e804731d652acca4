# SPDX-License-Identifier: Apache-2.0
"""Results as tables and as a plot."""
from xml.sax.saxutils import escape

from figures import MEMORY_ALLOWED

WIDTH, LABEL_WIDTH, VALUE_WIDTH, BAR_HEIGHT, GAP, TITLE_HEIGHT = 760, 210, 110, 18, 6, 34
# Of the plot, in light and in dark, as the reader's browser has it.
STYLE = '''<style>
text { font-family: system-ui, sans-serif; font-size: 12px; fill: #1f2328; }
.title { font-size: 14px; font-weight: bold; } .note { font-size: 11px; fill: #59636e; } .spread { stroke: #1f2328; fill: none; }
.ground { fill: #ffffff; } .ours { fill: #0969da; } .theirs { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; } .note { fill: #9198a1; } .spread { stroke: #f0f6fc; }
.ground { fill: #0d1117; } .ours { fill: #4493f8; } .theirs { fill: #6e7681; } }
</style>'''


def number(value):
    if value >= 100:
        return f'{value:,.0f}'
    return f'{value:.3g}'


def mib(value):
    return f'{value / 2**20:,.0f}'


def ranged(spread, form=number):
    """The median, with the least and the greatest; without one, a dash."""
    if spread is None:
        return '-'
    if spread['min'] == spread['max']:
        return form(spread['median'])
    return f"{form(spread['median'])} ({form(spread['min'])}..{form(spread['max'])})"


def table(rows):
    """Aligned columns; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return '\n'.join('  '.join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths)))
                     for row in rows)


def throughput_table(summary):
    """Per CPU-second of the process: all in, and of the second half, when what warms up is warm. "scored is": so many times as much."""
    rows = [('system', 'events/s', 'ev/CPU-s', 'warm ev/CPU-s', 'peak MiB', 'broker CPU s', 'Redis CPU s', 'records/ev', 'ev/transaction',
             'scored is: ev/s', 'ev/CPU-s', 'warm ev/CPU-s')]
    for name, line in summary.items():
        rows.append((name, *(ranged(line.get(key)) for key in ('events_per_s', 'events_per_cpu_s', 'warm_events_per_cpu_s')),
                     mib(line['peak_bytes']['max']), ranged(line['broker_cpu_s']), ranged(line['redis_cpu_s']),
                     ranged(line.get('records_per_event')), ranged(line.get('events_per_transaction')),
                     *(ranged(line['scored_is'].get(key)) for key in ('events_per_s', 'events_per_cpu_s', 'warm_events_per_cpu_s'))))
    return table(rows)


def memory_line(line, n_leads):
    """A cache that so few leads do not fill leaves room for what should not be."""
    beyond = line['beyond_cache_bytes']['max']
    return (f"scored's resident memory with {n_leads:,} leads: {mib(line['peak_bytes']['max'])} MiB at most, its cache of "
            f"{mib(line['cache_bytes'])} MiB and {mib(beyond)} MiB: {'within' if beyond <= MEMORY_ALLOWED else 'over'} the {mib(MEMORY_ALLOWED)} MiB that it may take beside it")


GROUPS = {'all': 'as they come', 'few': 'with few events', 'full': 'with full rings'}


def state_table(found):
    """Bytes a lead in Redis. What the record holds is a part of its key's memory, and names and values are of the hash's."""
    groups = {GROUPS[name]: parts for name, parts in found['parts'].items() if parts}
    if not groups:
        return ''
    first = next(iter(groups.values()))
    lines = [('leads sampled', lambda parts: parts['sampled']), ('ids', lambda parts: parts['ids']), ('reasons', lambda parts: parts['reasons']),
             ('all in', lambda parts: parts['all']), ('key of the record', lambda parts: parts['record']),
             ('  the record itself', lambda parts: parts['record_bytes'])]
    lines += [(f'    {part}', lambda parts, part=part: parts['record_parts'][part]) for part in first['record_parts']]
    lines += [('key of the readable hash', lambda parts: parts['hash']), ('  its names', lambda parts: parts['hash_names']),
              ('  its values', lambda parts: parts['hash_values'])]
    lines += [(name, lambda parts, name=name: parts['sets'][name]) for name in sorted(first['sets'])]
    lines += [("the server's table of keys", lambda parts: parts['table'])]
    rows = [('bytes a lead in Redis', *groups)] + [(title, *(number(of(parts)) for parts in groups.values())) for title, of in lines]
    return table(rows) + f"\n{found['leads']:,} leads; the server's memory by them: {found['bytes_per_lead']:.0f} bytes each"


def latency_table(results):
    rows = [('system', 'events/s', 'changes', 'p50 ms', 'p99 ms', 'p99.9 ms', 'p50 of an empty transaction', 'scored is: p50', 'p99')]
    for line in results:
        rows.append((line['system'], number(line['rate']), str(line['n']), *(ranged(line[key]) for key in ('p50', 'p99', 'p999')),
                     ranged(line['of_empty']), *(ranged(line['scored_is'].get(key)) for key in ('p50', 'p99'))))
    return table(rows)


def takeover_table(results):
    rows = [('system', 'state', 'leads', 'until ready s', 'until caught up s', 'of it the shard ms', 'CPU s', 'broker CPU s', 'Redis CPU s',
             'times scored, Redis intact')]
    for line in results:
        rows.append((line['system'], line['state'], f"{line['leads']:,}",
                     *(ranged(line.get(key)) for key in ('ready_s', 'caught_up_s', 'took_ms', 'cpu_s', 'broker_cpu_s', 'redis_cpu_s')),
                     ranged(line['of_intact'])))
    return table(rows)


def growth_table(results):
    """Of warm halves. Records that come from Redis: asked for, and those that it had; the others are of leads that are new."""
    rows = [('case', 'leads', 'events of', 'us/event', 'times the fewest leads', 'from Redis/event', 'that it had', 'Redis us/event', 'peak MiB')]
    for line in results:
        rows.append((line['case'], f"{line['leads']:,}", f"{line['events_of']} leads", ranged(line['us_per_event']), ranged(line['of_least']),
                     ranged(line['reads_per_event']), ranged(line['found_per_event']), ranged(line['redis_us_per_event']),
                     mib(line['peak_bytes']['max'])))
    return table(rows)


def engine_table(results):
    rows = [('case', 'size', 'ns/event', 'ns to pack', 'record bytes', 'bytes a lead in memory')]
    for line in results:
        rows.append((line['case'], f"{line['size']:,}",
                     *(ranged(line.get(key)) for key in ('ns_per_event', 'pack_ns_per_event', 'record_bytes', 'bytes_per_lead'))))
    return table(rows)


def aims_table(found):
    rows = [('aim', '', 'limit', 'reached', '')]
    rows += [(one['aim'], one['bound'], number(one['limit']), ranged(one), 'yes' if one['is_met'] else 'no') for one in found]
    return table(rows)


def tables(results):
    """All that was measured, as text."""
    runs = results.get('runs', [])
    for n_leads, summary in results['throughput'].items():
        own = [run for run in runs if str(run['leads']) == n_leads]
        yield (f"{own[0]['events']:,} events of {int(n_leads):,} leads, {own[0]['bytes_per_event']:.0f} bytes each, "
               f"{1 + max(run['round'] for run in own) - min(run['round'] for run in own)} rounds: median (min..max)")
        yield throughput_table(summary)
        yield from (memory_line(line, int(n_leads)) for line in summary.values() if 'beyond_cache_bytes' in line)
        yield from [state_table(run['redis']) for run in own if 'redis' in run][-1:]
    if results['latency']:
        empty = results['empty_transactions']
        yield 'an empty transaction: ' + ', '.join(
            f"{name} {min(run[key] for run in empty):.1f}..{max(run[key] for run in empty):.1f} ms" for name, key in (('p50', 'p50'), ('p99', 'p99')))
        yield latency_table(results['latency'])
    if results['takeover']:
        yield takeover_table(results['takeover'])
    if results['growth']:
        yield growth_table(results['growth'])
    if results['engine']:
        yield engine_table(results['engine'])
    if results['aims']:
        yield aims_table(results['aims'])


class Plot:
    """Horizontal bars in panels, one below the other, as SVG."""

    def __init__(self):
        self.parts, self.y = [], 0

    def _text(self, x, y, text, kind='', anchor='start'):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind and f""" class="{kind}" """.rstrip()}>{escape(text)}</text>')

    def bars(self, title, rows, all_ours=False):
        """rows: (label, {'min', 'median', 'max'} or a number); from zero, so that lengths compare. Ours begin with our name, or are all."""
        if not rows:
            return
        room = WIDTH - LABEL_WIDTH - VALUE_WIDTH
        rows = [(label, value if isinstance(value, dict) else {'min': value, 'median': value, 'max': value}) for label, value in rows]
        scale = room / max(max(value['max'] for _, value in rows), 1e-9)
        self._text(8, self.y + 22, title, 'title')
        self.y += TITLE_HEIGHT
        for label, value in rows:
            middle = self.y + BAR_HEIGHT / 2
            self._text(LABEL_WIDTH - 8, middle + 4, label, anchor='end')
            self.parts.append(f'<rect x="{LABEL_WIDTH}" y="{self.y}" width="{value["median"] * scale:.1f}" height="{BAR_HEIGHT}" '
                              f'class="{"ours" if all_ours or label.startswith("scored") else "theirs"}"/>')
            low, high = LABEL_WIDTH + value['min'] * scale, LABEL_WIDTH + value['max'] * scale
            if value['max'] > value['min']:
                self.parts.append(f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8" class="spread"/>')
            self._text(high + 6, middle + 4, number(value['median']))
            self.y += BAR_HEIGHT + GAP
        self.y += GAP

    def svg(self, title, notes):
        for note in notes:
            self.y += 16
            self._text(8, self.y, note, 'note')
        height = self.y + 12
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">\n'
                f'<title>{escape(title)}</title>\n{STYLE}\n<rect class="ground" width="{WIDTH}" height="{height}"/>\n'
                + '\n'.join(self.parts) + '\n</svg>\n')


def bars_of_throughput(p, n_leads, summary):
    leads = f'{int(n_leads):,} leads'
    # beside a loop that only decodes, the others would not be seen
    shown = {name: line for name, line in summary.items() if name != 'decode'}
    for title, key in (('events per CPU-second of the process', 'events_per_cpu_s'), ('events per CPU-second once warm', 'warm_events_per_cpu_s'),
                       ('events per second', 'events_per_s')):
        p.bars(f'{title}, {leads}', [(name, line[key]) for name, line in shown.items() if key in line])
    p.bars(f'peak resident memory, MiB, {leads}', [(name, line['peak_bytes']['max'] / 2**20) for name, line in summary.items()])


def notes(results):
    """With what, and of which states of the program."""
    m = results['machine']
    dates = dict.fromkeys(f"scored {one['machine']['scored']}, {one['machine']['date']}" for one in results.get('merged', [results]))
    peers = f"Kafka Streams {m['kafka_streams']}, Flink {m['flink']}"
    return [f"{m['cpus']} × {m['cpu']}, {int(m['memory'].split()[0]) / 2**20:.0f} GiB, Linux {m['kernel']}",
            f"Kafka {m['kafka']}, {m['redis'].partition(' sha=')[0]}, librdkafka {m['librdkafka']}; {peers}; {m['java']}", '; '.join(dates)]


def plot(results):
    """All that was measured. Bars are medians, lines reach from the least to the greatest of the rounds."""
    p = Plot()
    for n_leads, summary in results['throughput'].items():
        bars_of_throughput(p, n_leads, summary)
    for key, name in (('p50', 'p50'), ('p99', 'p99'), ('p999', 'p99.9')):
        p.bars(f'from event to stage change, {name}, ms', [(f"{line['system']}, {line['rate']:,}/s", line[key]) for line in results['latency']])
    p.bars('taking over a shard, seconds', [(f"{line['system']}, {line['state']}", line['caught_up_s']) for line in results['takeover']])
    for case in dict.fromkeys(line['case'] for line in results['growth']):
        p.bars(f'CPU of an event in scored, µs, by {case}', [(f"{line['leads']:,}, events of {line['events_of']}", line['us_per_event'])
                                                             for line in results['growth'] if line['case'] == case], all_ours=True)
    for case in dict.fromkeys(line['case'] for line in results['engine']):
        p.bars(f"CPU of an event in scored's engine alone, ns, by {case}", [(f"{line['size']:,}", line['ns_per_event'])
                                                                           for line in results['engine'] if line['case'] == case], all_ours=True)
    return p.svg('scored measured beside other systems', notes(results))
