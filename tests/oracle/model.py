"""A model file as Python objects.  Models are taken to be valid: little is checked here."""
import os
from types import SimpleNamespace as Record

import yaml

import calendars
from expr import Both, Compare, Elapsed, Literal, TRUE, duration, parse


def load(path):
    with open(path, encoding='utf-8') as file:
        raw = yaml.load(file, yaml.BaseLoader)      # every scalar a string: `on` stays `on`, `50%` stays `50%`
    return Model(raw, os.path.dirname(path))


class Model:
    def __init__(self, raw, folder=''):
        self.name, self.version = raw['model'], int(raw['version'])
        self.lateness = duration(raw.get('lateness', '0ms'))
        self.params = {k: float(v) for k, v in raw.get('params', {}).items()}
        self.kinds = {name: 'param' for name in self.params}
        for kind, key in (('score', 'scores'), ('derived', 'derived'), ('counter', 'counters'), ('track', 'tracks')):
            self.kinds.update({name: kind for name in raw.get(key, {})})

        self.scores = {name: score(spec) for name, spec in raw.get('scores', {}).items()}
        self.derived = {name: self.parse(text) for name, text in raw.get('derived', {}).items()}
        self.segments = [Record(id=s['id'], when=self.when(s),
                                params={k: float(v) for k, v in s.get('params', {}).items()})
                         for s in raw.get('segments', [])]
        self.routes = [Record(id=r['id'], when=self.when(r)) for r in raw.get('routes', [])]
        self.ignore = [Record(id=r['id'], when=self.when(r)) for r in raw.get('ignore', [])]
        self.counters = {name: self.counter(spec) for name, spec in raw.get('counters', {}).items()}
        self.profile_rules = [self.rule(r) for r in raw.get('profile_rules', [])]
        self.rules = [self.rule(r) for r in raw.get('rules', [])]
        self.idle_rules = [self.idle_rule(r) for r in raw.get('idle_rules', [])]
        for rule in self.profile_rules:
            for name in rule.add:
                self.scores[name].by_profile = True
        self.tracks = {name: self.track(name, spec) for name, spec in raw.get('tracks', {}).items()}
        self.calendars = {name: calendars.Calendar(name, spec, folder)
                          for name, spec in raw.get('calendars', {}).items()}
        self.policies = [self.policy(i, p) for i, p in enumerate(raw.get('sla', []))]
        self.accounts = self.account_model(raw['accounts']) if 'accounts' in raw else None
        carry = raw.get('carry', {})
        self.carry_profile, self.carry_event = carry.get('profile', []), carry.get('event', [])

    def parse(self, text):
        return parse(text, self.kinds)

    def when(self, spec, key='when'):
        return self.parse(spec[key]) if key in spec else TRUE

    def rule(self, raw):
        limit = raw.get('limit')
        if limit:
            limit = Record(times=int(limit['times']), per=duration(limit['per']))
        return Record(id=raw['id'], on=raw.get('on'), when=self.when(raw), add=self.add(raw), limit=limit)

    def add(self, raw):
        return {name: self.parse(points) for name, points in raw['add'].items()}

    def idle_rule(self, raw):
        return Record(id=raw['id'], after=duration(raw['after']), reset_on=raw['reset_on'], add=self.add(raw),
                      every=duration(raw['every']) if 'every' in raw else None)

    def counter(self, raw):
        return Record(on=raw.get('on'), when=self.when(raw), window=duration(raw['window']),
                      keep=int(raw.get('keep', 64)))

    def track(self, name, raw):
        stages = [s['id'] for s in raw['stages']]
        return Record(name=name, initial=raw['initial'], stages=stages,
                      terminal={s['id'] for s in raw['stages'] if s.get('terminal') == 'true'},
                      owner={s['id']: s.get('owner') for s in raw['stages']},
                      transitions=[self.transition(name, t) for t in raw.get('transitions', [])])

    def transition(self, track, raw):
        when = self.when(raw)
        if 'cooldown' in raw:       # "a cooldown that is not over is as a false when"
            left, over = Elapsed('left', track, raw['to']), Literal(float(duration(raw['cooldown'])))
            rested = Both('or', Compare('==', left, Literal(None)), Compare('>=', left, over))
            when = Both('and', rested, when)
        return Record(id=raw['id'], sources=raw['from'], to=raw['to'], on=raw.get('on', []),
                      on_sla=raw.get('on_sla', []), when=when, require=self.when(raw, 'require'),
                      requirement=raw.get('require'), by_time='on' not in raw and 'on_sla' not in raw)

    def policy(self, index, raw):
        start, stop, cancel, pause = (self.trigger(raw.get(key)) for key in ('start', 'stop', 'cancel', 'pause'))
        entered = start.enter[0].partition('.')[0] if start.enter else next(iter(self.tracks), None)
        choices = raw.get('calendar', [])
        if isinstance(choices, str):
            choices = [{'calendar': choices}]
        return Record(index=index, id=raw['id'], start=start, stop=stop, cancel=cancel, pause=pause.enter,
                      target=duration(raw['target']), warn=raw.get('warn', []), escalate=raw.get('escalate', []),
                      revise=duration(raw.get('revise', '7d')), track=raw.get('track', entered),
                      calendars=[Record(when=self.when(c), calendar=self.calendars[c['calendar']]) for c in choices])

    def account_model(self, raw):
        """Its tracks see the names of the account only; its `when` are conditions on the lead."""
        scores = {name: self.account_score(spec) for name, spec in raw.get('scores', {}).items()}
        committee = raw.get('committee')
        lead_kinds = self.kinds
        self.kinds = {name: 'score' for name in scores} | {name: 'track' for name in raw.get('tracks', {})}
        if committee:
            self.kinds['committee'] = 'counter'
        tracks = {name: self.track(name, spec) for name, spec in raw.get('tracks', {}).items()}
        self.kinds = lead_kinds
        return Record(scores=scores, committee=self.counter(committee) if committee else None, tracks=tracks)

    def account_score(self, raw):
        spec = score(raw)
        return Record(source=raw['from'], when=self.when(raw), decay=spec.decay, max=spec.max,
                      per_lead_min=number(raw, 'per_lead_min', self.scores[raw['from']].min),
                      per_lead_max=number(raw, 'per_lead_max', None))

    def trigger(self, raw):
        raw = raw or {}
        return Record(on=raw.get('on', []), enter=raw.get('enter', []), when=self.when(raw))


def number(raw, key, otherwise):
    return float(raw[key]) if key in raw else otherwise


def score(raw):
    decay = raw.get('decay', 'none')
    if decay == 'none':
        kind, span = 'none', None
    else:
        (kind, text), = decay.items()
        span = duration(text)
    return Record(decay=(kind, span), min=number(raw, 'min', None), max=number(raw, 'max', None), by_profile=False)
