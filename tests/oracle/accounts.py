"""Accounts (6): the steps that touch them.

Readings of sentences that leave a choice:
- "Before an account is touched at an instant, its own moments ≤ that instant happen": the instant is the lead's
  clock.  Points and committee times of an event come in at step 11, after those moments and with the account's clock
  risen; they settle once with all of it.
- The `when` of a score and of the committee are judged once per event, after its counters and before its rules.
- A committee without `on` takes the types that a counter without `on` takes.
- "the one with the oldest activity": the lead's clock at its latest event (or merge) that touched the account, as
  late events do everything but their points by arrival.  The newcomer can be the one that leaves.  A lead that left
  comes back with its next event, without what it had; its idle moments do not touch the account until then.
- "an idle moment that gives points" gives them to any score of the lead, not only to one that an account reads.
- An account stays when its last member leaves (its tracks have a history), and is dumped with no members.
- "A value smaller than 1e-9 in size reads as 0" and `max` act on the sum over the members.
- On an account's StageChanged segment, route and sources are null, reasons empty, and `scores` has its own scores.
- An account that an event moves away from settles without the member, at the lead's clock and with the event as its
  cause; its outputs come before those of the new account.  The entry keeps its points and its committee time.
- `members`: any member, also of present value 0 or below.
- A model of accounts without `committee` has a committee of 0 in outputs and dumps.
- "names are the account's own": params cannot be named in account tracks.
- "the account settles at the lead's clock" (forget): before `LeadRetired` is put out, as in a merge.
"""
from entities import Account, Member
from scores import cut

MEMBERS = 256
SHOWN = 5


class AccountSteps:
    """The part of the engine that is step 11."""

    def account(self, account_id, now):
        account = self.accounts.get(account_id)
        if account is None:
            account = self.accounts[account_id] = Account(account_id, self.model)
            account.enter_initial(now)
        return account

    def judge(self, lead, event=None):
        """Which account scores take the points of this step, and whether it counts for the committee."""
        accounts = self.model.accounts
        if accounts is None or lead.account_id is None:
            return set(), False
        scores = {name for name, spec in accounts.scores.items() if self.holds(spec.when, lead, lead.clock, event)}
        committee = accounts.committee
        counts = bool(committee and event and self.takes(committee.on, event)
                      and self.holds(committee.when, lead, lead.clock, event))
        return scores, counts

    def account_step(self, lead, awards, judged, event):
        """Step 11 of an event."""
        if self.model.accounts is None:
            return
        entry = None
        if lead.member_of not in (None, lead.account_id):
            entry = self.leave(lead, event)
        if lead.account_id is None:
            return
        account = self.account(lead.account_id, lead.clock)
        self.rise(account, lead.clock)
        member = account.members.setdefault(lead.id, entry or Member(self.model.accounts))
        lead.member_of, member.active = account.id, lead.clock
        self.give(account, member, lead.clock, awards, judged[0])
        if judged[1]:
            member.committee = event.at if member.committee is None else max(member.committee, event.at)
        while len(account.members) > MEMBERS:
            oldest = min(account.members, key=lambda name: (account.members[name].active, name.encode()))
            del account.members[oldest]
        self.settle_account(account, 'event', event)

    def account_idle(self, lead, awards, judged):
        """Step 11 of an idle moment that gives points."""
        account = self.accounts.get(lead.account_id)
        if self.model.accounts and account and lead.id in account.members:
            self.rise(account, lead.clock)
            self.give(account, account.members[lead.id], lead.clock, awards, judged[0])
            self.settle_account(account, 'time')

    def leave(self, lead, event):
        """Take the lead out of the account that it is a member of; its entry, if it has one."""
        account = self.accounts[lead.member_of]
        self.rise(account, lead.clock)
        entry = account.members.pop(lead.id, None)
        lead.member_of = None
        self.settle_account(account, 'event', event)
        return entry

    def rise(self, account, to):
        """The account's own moments up to there, then its clock."""
        while (time := self.next_transition(account)) is not None and time <= to:
            self.account_moment(account, time)
        account.clock = max(account.clock, to)

    def account_moment(self, account, time):
        account.clock = time
        self.settle_account(account, 'time')

    def settle_account(self, account, cause, event=None):
        account.changed()
        self.settle(account, cause, event)
        self.end_step(account)

    def give(self, account, member, since, awards, takers):
        """`since` is the lead's clock: it may still go to an account whose clock is no further than that."""
        for name, points, c in awards:
            for taker, spec in self.model.accounts.scores.items():
                if spec.source == name and taker in takers:
                    state, now = member.scores[taker], account.clock
                    kept = cut(state.exact(now), points, state.factor(now, c), spec.per_lead_min, spec.per_lead_max)
                    if not self.is_nothing(kept):
                        state.add(kept, c, since)

    def merge_accounts(self, old, lead, event):
        """`old` is folded into `lead`: its member entry goes or is folded, and both accounts settle."""
        if self.model.accounts is None:
            return
        shared = old.member_of is not None and old.member_of == lead.account_id
        entry = None
        if old.member_of is not None:
            old.clock = max(old.clock, lead.clock)
            if shared:
                account = self.accounts[old.member_of]
                self.rise(account, lead.clock)
                entry = account.members.pop(old.id, None)
            else:
                self.leave(old, event)
        if lead.account_id is None:
            return
        account = self.account(lead.account_id, lead.clock)
        self.rise(account, lead.clock)
        lead.member_of = account.id
        if entry:
            member = account.members.setdefault(lead.id, Member(self.model.accounts))
            self.fold_member(account, member, entry, lead.clock)
        if lead.id in account.members:
            account.members[lead.id].active = lead.clock
        self.settle_account(account, 'event', event)

    def fold_member(self, account, member, entry, since):
        for name, spec in self.model.accounts.scores.items():
            member.scores[name].fold(entry.scores[name], spec.per_lead_min, spec.per_lead_max, account.clock, since)
        times = [t for t in (member.committee, entry.committee) if t is not None]
        member.committee = max(times, default=None)

    # --- what outputs tell ---

    def members(self, account):
        def present(lead_id):
            return sum(state.exact(account.clock) for state in account.members[lead_id].scores.values())
        return sorted(account.members, key=lambda x: (-round(present(x), 6), x.encode()))[:SHOWN]

    def committee(self, account, t):
        if self.model.accounts.committee is None:
            return 0
        return int(self.scope(account).counter('committee', t))
