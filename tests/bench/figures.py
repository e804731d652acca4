# SPDX-License-Identifier: Apache-2.0
"""What follows from the runs: spreads, ratios, sums. Plain numbers in, plain numbers out; a result is a dict as results.json has it."""
from statistics import mean, median

MEMORY_ALLOWED = 64 << 20  # beside the configured cache


class Unlike(Exception):
    """Results that do not belong together."""


def spread(values):
    values = sorted(values)
    return {'min': values[0], 'median': median(values), 'max': values[-1]}


def percentile(values, fraction):
    values = sorted(values)
    return values[min(int(fraction * len(values)), len(values) - 1)]


def percentiles(values):
    return {'p50': percentile(values, 0.5), 'p99': percentile(values, 0.99), 'p999': percentile(values, 0.999), 'n': len(values)}


def grouped(runs, *keys):
    """{values of the keys: the runs that have them}, in the order of their first."""
    found = {}
    for run in runs:
        found.setdefault(tuple(run[key] for key in keys), []).append(run)
    return found


def spreads(runs, keys):
    """Of those figures that all runs have."""
    return {key: spread([run[key] for run in runs]) for key in keys if all(key in run for run in runs)}


def ratios(ours, theirs, keys):
    """How many times as much ours is: {figure: spread over the rounds that both have}."""
    by_round = {run['round']: run for run in ours}
    pairs = [(by_round[run['round']], run) for run in theirs if run['round'] in by_round]
    return {key: spread([one[key] / other[key] for one, other in pairs])
            for key in keys if pairs and all(run.get(key) for pair in pairs for run in pair)}


# --- throughput ----------------------------------------------------------------------------------------------

SPEEDS = ('events_per_s', 'events_per_cpu_s', 'warm_events_per_s', 'warm_events_per_cpu_s')
FIGURES = (*SPEEDS, 'peak_bytes', 'cpu_s', 'broker_cpu_s', 'redis_cpu_s', 'records_per_event', 'events_per_transaction')


def throughput_summary(runs):
    """Of each system over the rounds, and how many times as fast scored was in the same round."""
    found = {}
    by_system = {system: own for (system,), own in grouped(runs, 'system').items()}
    for name, own in by_system.items():
        found[name] = spreads(own, FIGURES) | {'scored_is': ratios(by_system.get('scored', []), own, SPEEDS)}
        if all('cache_bytes' in run for run in own):
            found[name]['beyond_cache_bytes'] = spread([run['peak_bytes'] - run['cache_bytes'] for run in own])
            found[name]['cache_bytes'] = own[0]['cache_bytes']
    return found


# --- latency -------------------------------------------------------------------------------------------------

LATENCIES = ('p50', 'p99', 'p999')


def latency_summary(runs, empty):
    """
    Of each system at each rate. `of_empty`: how many times what an empty transaction took in the same round, its median; `scored_is`: how
    many times as much scored took.
    """
    lines = []
    for (rate,), at_rate in grouped(runs, 'rate').items():
        ours = [run for run in at_rate if run['system'] == 'scored']
        for (name,), own in grouped(at_rate, 'system').items():
            of_empty = ratios([{'round': run['round'], 'p50': run['p50']} for run in own], empty, ('p50',))
            lines.append({'system': name, 'rate': rate, 'n': sum(run['n'] for run in own), 'of_empty': of_empty.get('p50'),
                          'scored_is': ratios(ours, own, LATENCIES)} | spreads(own, (*LATENCIES, 'cpu_share')))
    return lines


# --- taking over ---------------------------------------------------------------------------------------------

TAKEOVERS = ('ready_s', 'caught_up_s', 'cpu_s', 'broker_cpu_s', 'redis_cpu_s', 'took_ms')
QUICKEST = 'Redis intact'


def takeover_summary(runs):
    """Of each system and state that it finds. `of_intact`: how many times as long as scored takes with its Redis intact."""
    lines = []
    for (leads,), of_leads in grouped(runs, 'leads').items():
        ours = [run for run in of_leads if run['system'] == 'scored' and run['state'] == QUICKEST]
        for (name, state), own in grouped(of_leads, 'system', 'state').items():
            of_intact = ratios(own, ours, ('caught_up_s',))
            lines.append({'system': name, 'state': state, 'leads': leads, 'of_intact': of_intact.get('caught_up_s')} | spreads(own, TAKEOVERS))
    return lines


# --- growth --------------------------------------------------------------------------------------------------

GROWTHS = ('us_per_event', 'reads_per_event', 'found_per_event', 'redis_us_per_event', 'peak_bytes', 'ready_s')


def growth_summary(runs):
    """`of_least`: how many times the cost of the same case and events with the fewest leads, in the same round."""
    lines = []
    for (case, events), own in grouped(runs, 'case', 'events_of').items():
        fewest = min(run['leads'] for run in own)
        least = [run for run in own if run['leads'] == fewest]
        for (leads,), of_size in sorted(grouped(own, 'leads').items()):
            lines.append({'case': case, 'events_of': events, 'leads': leads, 'fewest': fewest,
                          'of_least': ratios(of_size, least, ('us_per_event',)).get('us_per_event')} | spreads(of_size, GROWTHS))
    return lines


def engine_summary(lines):
    """Of each case, over the runs."""
    found = []
    for (case, size), own in grouped(lines, 'case', 'size').items():
        found.append({'case': case, 'size': size} | spreads(own, ('ns_per_event', 'pack_ns_per_event', 'record_bytes', 'bytes_per_lead')))
    return found


# --- state ---------------------------------------------------------------------------------------------------


def state_parts(leads, sets, all_bytes, n_leads):
    """
    What leads take in Redis. `leads`: of each sampled one the memory of its record's key and its hash's, `names` and `values` of the hash
    in bytes, and what record_parts says. `sets`: {name: (memory, members)}, of all shards. The rest of `all_bytes` is shared alike: the
    server's table of keys, and what the shards have besides. None without leads.
    """
    if not leads:
        return None
    shares = {name: memory / n_leads for name, (memory, members) in sets.items() if members}
    of_keys = [lead['record_memory'] + lead['hash_memory'] for lead in leads]
    found = {
        'sampled': len(leads), 'ids': mean(lead['n_ids'] for lead in leads), 'reasons': mean(lead['n_reasons'] for lead in leads),
        'record': mean(lead['record_memory'] for lead in leads), 'hash': mean(lead['hash_memory'] for lead in leads),
        'hash_names': mean(lead['names'] for lead in leads), 'hash_values': mean(lead['values'] for lead in leads),
        'record_bytes': mean(lead['bytes'] for lead in leads),
        'record_parts': {part: mean(lead['parts'][part] for lead in leads) for part in leads[0]['parts']},
        'sets': shares, 'table': max(0.0, all_bytes) / n_leads}
    found['all'] = mean(of_keys) + sum(shares.values()) + found['table']
    return found


# --- aims ----------------------------------------------------------------------------------------------------

AT_LEAST, AT_MOST = 'at least', 'at most'


def aim(what, values, bound, limit):
    """Judged by the median."""
    is_met = values['median'] >= limit if bound == AT_LEAST else values['median'] <= limit
    return {'aim': what, 'bound': bound, 'limit': limit, 'is_met': is_met} | values


def aims_of_throughput(leads, summary, runs):
    for name, limit in (('kafka-streams', 20), ('flink', 20), ('floor', 0.5)):
        for key, title in (('events_per_cpu_s', 'all in'), ('warm_events_per_cpu_s', 'warm')):
            values = summary.get(name, {}).get('scored_is', {}).get(key)
            if values:
                yield aim(f'events per CPU-second, {title}, times those of {name}, {leads:,} leads', values, AT_LEAST, limit)
    beyond = summary.get('scored', {}).get('beyond_cache_bytes')
    if beyond:
        yield aim(f'resident memory beside the cache, MiB, {leads:,} leads', {key: value / 2**20 for key, value in beyond.items()}, AT_MOST,
                  MEMORY_ALLOWED >> 20)
    for group, title, limit in (('few', 'few events', 400), ('full', 'full rings', 1024)):
        found = [run['redis']['parts'][group]['all'] for run in runs if run.get('redis', {}).get('parts', {}).get(group)]
        if found:
            yield aim(f'bytes in Redis of a lead with {title}, {leads:,} leads', spread(found), AT_MOST, limit)


def aims(results):
    """What was to be reached, of what was measured."""
    by_leads = grouped(results.get('runs', []), 'leads')
    found = [one for leads, summary in results['throughput'].items()
             for one in aims_of_throughput(int(leads), summary, by_leads[(int(leads),)])]
    found += [aim(f"the engine alone, ns an event, {line['size']:,} leads", line['ns_per_event'], AT_MOST, 300)
              for line in results['engine'] if line['case'] == 'leads']
    for line in results['latency']:
        if line['system'] == 'kafka-streams' and 'p99' in line['scored_is']:
            found.append(aim(f"latency p99, times that of kafka-streams, {line['rate']:,}/s", line['scored_is']['p99'], AT_MOST, 0.2))
        if line['system'] == 'scored' and line['of_empty']:
            found.append(aim(f"latency p50, times an empty transaction's, {line['rate']:,}/s", line['of_empty'], AT_MOST, 2))
    for line in results['growth']:
        if line['leads'] > line['fewest'] and line['of_least']:
            found.append(aim(f"cost of an event of {line['events_of']}, {line['leads']:,} {line['case']}, times that at {line['fewest']:,}",
                             line['of_least'], AT_MOST, 1.25))
    found += [aim(f"taking over {line['leads']:,} leads, {QUICKEST}, seconds", line['caught_up_s'], AT_MOST, 1)
              for line in results['takeover'] if line['system'] == 'scored' and line['state'] == QUICKEST]
    return found


# --- several results -----------------------------------------------------------------------------------------

RUNS = ('runs', 'empty_transactions', 'latency_runs', 'takeover_runs', 'growth_runs', 'engine_runs')


def summarize(results):
    """Adds what follows from the runs."""
    results['throughput'] = {str(leads): throughput_summary(runs) for (leads,), runs in grouped(results.get('runs', []), 'leads').items()}
    results['latency'] = latency_summary(results.get('latency_runs', []), results.get('empty_transactions', []))
    results['takeover'] = takeover_summary(results.get('takeover_runs', []))
    results['growth'] = growth_summary(results.get('growth_runs', []))
    results['engine'] = engine_summary(results.get('engine_runs', []))
    results['aims'] = aims(results)
    return results


def check_alike(first, other):
    if 'void' in first or 'void' in other:
        raise Unlike('a run is void: systems disagreed')
    for field in ('cpu', 'cpus', 'memory'):
        if first['machine'][field] != other['machine'][field]:
            raise Unlike(f"not of one machine: {field} {first['machine'][field]} and {other['machine'][field]}")
    sizes = {run['leads']: run['events'] for run in first.get('runs', [])}
    for run in other.get('runs', []):
        if sizes.get(run['leads'], run['events']) != run['events']:
            raise Unlike(f"{run['leads']} leads: runs of {sizes[run['leads']]} and of {run['events']} events")


def merge(all_results):
    """Several results as one: all their runs, those of a later one as further rounds. Each one's machine and options are kept."""
    merged = {'machine': all_results[0]['machine'], 'merged': []}
    for results in all_results:
        check_alike(merged, results)
        merged['merged'] += results.get('merged') or [{'machine': results['machine'], 'options': results['options']}]
        # for all kinds alike, so that what was measured together stays together
        first = 1 + max((run['round'] for key in RUNS for run in merged.get(key, [])), default=-1)
        for key in RUNS:
            merged[key] = merged.get(key, []) + [run | {'round': run['round'] + first} for run in results.get(key, [])]
    return summarize(merged)
