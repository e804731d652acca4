"""`lead_merged` and `lead_forgotten` (9, 10).

Readings of sentences that leave a choice:
- A `lead_merged` without a usable `into` is invalid (step 1): it does not raise W and its id is not kept.
- The event's own source, account and properties change nothing: the merge replaces steps 5 to 11.
- "A merge into itself stops after step 4", chains resolved on both sides: the lead is there, its clock has risen, the
  id is kept, and it is an event after which sleeping idle rules go on.
- An unknown A is a lead seen first: it enters its stages at occurred_at and is folded like any other.
- "as one award at that time": A's awards come after B's in the order of award, scaled; those that are nothing go.
- That award is not one for B's account: what A gave an account comes with its member entry or not at all.
- "limits' instants, counters": the union; the latest 64, or `keep`, by time.
- "idle times": the later of both, for `idle` and for each idle rule; every series of B goes on with its first
  instant after B's clock, so instants that the clock passed over are skipped, and a sleeping rule is awake.
- "the earlier first_source": by the lead's clock when it was set, as it goes by arrival; B's if they are the same.
- "(A's as the older)": an id that both have stands where B has it.
- B's settling has cause `event` and the merge as its event (`merge` is for stages taken); so have SLA outputs,
  carried, start and stop ids, and what stop and cancel see as `event.*`.
- The awards and contributions are taken at B's risen clock, with B's profile rules not yet found anew: these have
  scores of their own.
- LeadRetired: account_id and carried profile are A's as they were, its ordinal is A's next.
- B takes A's account only if it has none: A's member entry there is then folded into B's (new) entry.
- When the accounts differ, A's settles first.
- Forget: an unknown lead is nothing but an event that raised W.
"""
from collections import deque

from entities import KEPT_INSTANTS, NAMED_IDS, Lead
from lines import output_id, rfc3339


class MergeSteps:
    def resolve(self, lead_id):
        """The survivor of merges."""
        while lead_id in self.redirects:
            lead_id = self.redirects[lead_id]
        return lead_id

    def merge(self, old, event):
        """Step 4 is done; fold the event's lead into another."""
        into = self.resolve(event.properties['into'])
        if into == old.id:
            self.plan_idle(old)
            self.end_step(old)
            return
        lead = self.leads.get(into)
        if lead:
            self.internal_moments(lead, event.at)
            lead.clock = max(lead.clock, old.clock)
        else:
            lead = self.leads[into] = Lead(into, self.model)
            lead.enter_initial(old.clock)
        retired = {'account_id': old.account_id, 'profile': dict(old.profile)}
        self.take_scores(lead, old)
        self.take_history(lead, old)
        self.take_clocks(lead, old)
        self.find_profile(lead)
        self.take_stages(lead, old, event)
        entered = self.settle(lead, 'event', event)
        self.sla_step(lead, entered, event, refused=True)       # `on` is for events that reach step 9
        self.merge_accounts(old, lead, event)
        self.end_step(lead)
        self.retire(old, event, 'merged', lead.clock, lead.id, retired)
        self.redirects[old.id] = lead.id

    def take_scores(self, lead, old):
        scales = {}
        for name, spec in self.model.scores.items():
            if not spec.by_profile:
                scales[name] = lead.scores[name].fold(old.scores[name], spec.min, spec.max, lead.clock)
        for award in old.awards:
            award.points *= scales[award.score]
            if not self.is_nothing(award.points):
                lead.awards.append(award)

    def take_history(self, lead, old):
        for rule in self.model.rules:
            lead.limits[rule.id] = sorted(lead.limits[rule.id] + old.limits[rule.id])[-KEPT_INSTANTS:]
        for name, counter in self.model.counters.items():
            lead.counters[name] = sorted(lead.counters[name] + old.counters[name])[-counter.keep:]
        lead.latest = later(lead.latest, old.latest)
        for rule in self.model.idle_rules:
            state = lead.idle_rules[rule.id]
            state.last, state.next = later(state.last, old.idle_rules[rule.id].last), None
        self.plan_idle(lead)
        ids = [i for i in old.event_ids if i not in lead.event_ids] + list(lead.event_ids)
        lead.event_ids = deque(ids, maxlen=NAMED_IDS)
        lead.profile = old.profile | lead.profile
        if old.first_source is not None and (lead.first_source is None or old.first_source_at < lead.first_source_at):
            lead.first_source, lead.first_source_at = old.first_source, old.first_source_at
        if lead.account_id is None:
            lead.account_id = old.account_id

    def take_clocks(self, lead, old):
        for policy in self.model.policies:
            mine, clock = lead.clocks[policy.id], old.clocks[policy.id].open
            if clock and not mine.open:
                mine.epoch += 1
                mine.revisable = None
                mine.open, clock.epoch = clock, mine.epoch

    def take_stages(self, lead, old, event):
        for track in self.model.tracks.values():
            stage = old.tracks[track.name].stage
            if stage not in track.terminal and \
                    track.stages.index(stage) > track.stages.index(lead.tracks[track.name].stage):
                self.move(lead, track, stage, None, 'merge', event)

    def forget(self, lead, event):
        if not lead:
            return
        if lead.member_of is not None:
            self.leave(lead, event)
        self.redirects = {a: b for a, b in self.redirects.items() if self.resolve(a) != lead.id}
        self.retire(lead, event, 'forgotten', lead.clock)

    def retire(self, lead, event, cause, at, into=None, known=None):
        """A forgotten lead's carries nothing but its id."""
        known = known or {}
        lead.ordinal += 1
        self.outputs.append({
            'output': 'LeadRetired', 'event_id': output_id(f'retired/{lead.id}/{event.event_id}'),
            'lead_id': lead.id, 'account_id': known.get('account_id'), 'cause': cause, 'into': into,
            'at': rfc3339(at), 'ordinal': lead.ordinal,
            'carried': self.carried(known['profile'], event) if known else {}})
        lead.version += 1
        del self.leads[lead.id]


def later(a, b):
    return max((x for x in (a, b) if x is not None), default=None)
