"""Leads and accounts, and what the names of a condition mean for them."""
from collections import deque
from types import SimpleNamespace as Record

from scores import ScoreState, total

NAMED_IDS = 64          # event ids kept per lead
KEPT_AWARDS = 32        # awards kept for reasons
KEPT_INSTANTS = 64      # of a limit


class Entity:
    """What leads and accounts have: a clock, tracks, ordinals of outputs, a next moment."""

    def __init__(self, entity_id, tracks):
        self.id, self.model_tracks = entity_id, tracks
        self.clock = None
        self.tracks = {}
        self.ordinal = 0
        self.next_change = {}   # track -> when time alone changes it
        self.unfinished = []    # StageChanged of the present step, without next_change_at yet
        self.version = 0        # moments in the queue of an older version are void

    def enter_initial(self, now):
        self.clock = now
        for track in self.model_tracks.values():
            self.tracks[track.name] = Record(stage=track.initial, sequence=0, entered={track.initial: now},
                                             left={}, entries={track.initial: 1})


class Lead(Entity):
    def __init__(self, lead_id, model):
        super().__init__(lead_id, model.tracks)
        self.account_id = self.first_source = self.last_source = None
        self.first_source_at = None
        self.member_of = None   # the account that has its member entry
        self.profile = {}
        self.segment, self.route = 'default', None
        self.event_ids = deque(maxlen=NAMED_IDS)
        self.awards = deque(maxlen=KEPT_AWARDS)
        self.held = []          # profile rules that hold: (rule, score, points)
        self.scores = {name: ScoreState(spec.decay) for name, spec in model.scores.items()}
        self.counters = {name: [] for name in model.counters}       # times, the latest `keep`
        self.limits = {rule.id: [] for rule in model.rules}         # instants at which it gave points
        self.idle_rules = {rule.id: Record(last=None, next=None) for rule in model.idle_rules}
        self.clocks = {p.id: Record(epoch=0, open=None, revisable=None) for p in model.policies}
        self.latest = None      # occurred_at of the latest event that ends a silence


class Account(Entity):
    def __init__(self, account_id, model):
        super().__init__(account_id, model.accounts.tracks)
        self.spec = model.accounts
        self.members = {}       # lead id -> Member
        self.totals = {}        # scores over all members, as long as nobody changes

    def total(self, name):
        if name not in self.totals:
            spec = self.spec.scores[name]
            self.totals[name] = total([m.scores[name] for m in self.members.values()], spec.decay, spec.max,
                                      self.clock)
        return self.totals[name]

    def changed(self):
        self.totals = {}


class Member:
    def __init__(self, spec):
        self.scores = {name: ScoreState(score.decay) for name, score in spec.scores.items()}
        self.committee = None   # the time of its latest event that counts for the committee
        self.active = None      # the lead's clock at its latest event


class Scope:
    """The tracks of an entity."""

    def __init__(self, model, entity):
        self.model, self.entity = model, entity

    def instant(self, kind, track, stage):
        state = self.entity.tracks[track]
        if kind == 'age':
            return state.entered[state.stage]
        return (state.entered if kind == 'since' else state.left).get(stage)

    def entries(self, track, stage):
        return float(self.entity.tracks[track].entries.get(stage, 0))

    def score(self, name, t):
        return self.state(name).value(t)

    def score_line(self, name, start):
        return self.state(name).line(start)

    def counter(self, name, t):
        window, times = self.times(name)
        return float(sum(t - window < time <= t for time in times))

    def breaks(self, kind, name, now):
        """The instants after now at which a score or counter changes its form."""
        if kind == 'score':
            return self.state(name).breaks(now)
        window, times = self.times(name)
        return {time + window for time in times if time + window > now}


class LeadScope(Scope):
    """A lead, and the event at hand or None."""

    def __init__(self, model, lead, event=None):
        super().__init__(model, lead)
        self.event = event

    def plain(self, kind, name):
        if kind == 'event':
            value = None if self.event is None else event_field(self.event, name)
        elif kind == 'profile':
            value = self.entity.profile.get(name)
        elif kind == 'lead':
            value = getattr(self.entity, name)
        elif kind == 'track':
            value = self.entity.tracks[name].stage
        else:
            value = self.param(name)
        is_long = isinstance(value, int) and not isinstance(value, bool)
        return float(value) if is_long else value

    def param(self, name):
        for segment in self.model.segments:
            if segment.id == self.entity.segment and name in segment.params:
                return segment.params[name]
        return self.model.params[name]

    def state(self, name):
        return self.entity.scores[name]

    def times(self, name):
        return self.model.counters[name].window, self.entity.counters[name]

    def instant(self, kind, track, stage):
        return self.entity.latest if kind == 'idle' else super().instant(kind, track, stage)


class AccountScope(Scope):
    def plain(self, kind, name):
        return self.entity.tracks[name].stage

    def state(self, name):
        return self.entity.total(name)

    def times(self, name):
        """Of the committee: the latest time of each member."""
        return self.entity.spec.committee.window, [m.committee for m in self.entity.members.values()
                                                   if m.committee is not None]


def event_field(event, name):
    if name in ('type', 'source', 'campaign', 'topic'):
        return getattr(event, name)
    return event.properties.get(name)
