"""A model file as Python objects.  Models are taken to be valid: little is checked here."""
from types import SimpleNamespace as Record

import yaml

from expr import Both, Compare, Elapsed, Literal, TRUE, duration, parse

NOT_YET = {'counters', 'idle_rules', 'calendars', 'accounts'}


def load(path):
    with open(path, encoding='utf-8') as file:
        raw = yaml.load(file, yaml.BaseLoader)      # every scalar a string: `on` stays `on`, `50%` stays `50%`
    return Model(raw)


class Model:
    def __init__(self, raw):
        for key in NOT_YET & set(raw):
            raise NotImplementedError(key)
        self.name, self.version = raw['model'], int(raw['version'])
        self.lateness = duration(raw.get('lateness', '0ms'))
        self.params = {k: float(v) for k, v in raw.get('params', {}).items()}
        self.kinds = {name: 'param' for name in self.params}
        for kind, key in (('score', 'scores'), ('derived', 'derived'), ('track', 'tracks')):
            self.kinds.update({name: kind for name in raw.get(key, {})})

        self.scores = {name: score(spec) for name, spec in raw.get('scores', {}).items()}
        self.derived = {name: self.parse(text) for name, text in raw.get('derived', {}).items()}
        self.segments = [Record(id=s['id'], when=self.when(s),
                                params={k: float(v) for k, v in s.get('params', {}).items()})
                         for s in raw.get('segments', [])]
        self.routes = [Record(id=r['id'], when=self.when(r)) for r in raw.get('routes', [])]
        self.ignore = [Record(id=r['id'], when=self.when(r)) for r in raw.get('ignore', [])]
        self.profile_rules = [self.rule(r) for r in raw.get('profile_rules', [])]
        self.rules = [self.rule(r) for r in raw.get('rules', [])]
        for rule in self.profile_rules:
            for name in rule.add:
                self.scores[name].by_profile = True
        self.tracks = {name: self.track(name, spec) for name, spec in raw.get('tracks', {}).items()}
        self.policies = [self.policy(i, p) for i, p in enumerate(raw.get('sla', []))]
        carry = raw.get('carry', {})
        self.carry_profile, self.carry_event = carry.get('profile', []), carry.get('event', [])

    def parse(self, text):
        return parse(text, self.kinds)

    def when(self, spec, key='when'):
        return self.parse(spec[key]) if key in spec else TRUE

    def rule(self, raw):
        if 'limit' in raw:
            raise NotImplementedError('limit')
        return Record(id=raw['id'], on=raw.get('on'), when=self.when(raw),
                      add={name: self.parse(points) for name, points in raw['add'].items()})

    def track(self, name, raw):
        return Record(name=name, initial=raw['initial'],
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
        if 'calendar' in raw or 'pause' in raw:
            raise NotImplementedError('calendar, pause')
        start, stop, cancel = (self.trigger(raw.get(key)) for key in ('start', 'stop', 'cancel'))
        entered = start.enter[0].partition('.')[0] if start.enter else next(iter(self.tracks), None)
        return Record(index=index, id=raw['id'], start=start, stop=stop, cancel=cancel,
                      target=duration(raw['target']), warn=raw.get('warn', []), escalate=raw.get('escalate', []),
                      revise=duration(raw.get('revise', '7d')), track=raw.get('track', entered))

    def trigger(self, raw):
        raw = raw or {}
        return Record(on=raw.get('on', []), enter=raw.get('enter', []), when=self.when(raw))


def score(raw):
    decay = raw.get('decay', 'none')
    if decay != 'none' and set(decay) != {'half_life'}:
        raise NotImplementedError(f'decay {decay}')
    bound = lambda key: float(raw[key]) if key in raw else None
    return Record(half_life=None if decay == 'none' else duration(decay['half_life']),
                  min=bound('min'), max=bound('max'), by_profile=False)
