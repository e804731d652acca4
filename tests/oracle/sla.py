"""SLA clocks (5): the steps of an event that start, stop, cancel and pause them, and their levels.

Readings of sentences that leave a choice:
- "While a track's present stage is in `pause`, the remaining working time is frozen": a warning, due or escalation
  instant before the pause began stays where it is, also if it was not emitted yet; one at the very instant or later
  is frozen and comes after what remained of it when the clock resumed.  So a clock whose due instant is the instant
  of the pause is frozen with nothing left; unless its breach was emitted before the pause began, by which it may have
  been brought about: that stands, and so do the other levels of that instant.
- "a stop then is `met` unless the breach came before": the due instant fell before the pause.  If the breach was
  emitted, but the pause is dated (the event came late) before the due instant, the stop is dated at most at the due
  instant as it is now, and that is `retracted`.
- "`due_at` is as if it resumed at that output's occurred_at": if that is before the pause, the pause counts nothing.
  In a dump, as if it resumed at `at`.
- A pause begins and ends at the lead's clock, as stages do ("everything else by arrival").
- "A clock that starts in a pausing stage is paused from the later of its start and that stage's entry": of several
  pausing stages that of the earliest entry.
- "the union" of pausing stages: a clock stays paused while any track is in one.
- A clock for which nothing is open (never due): due_at is null, it has no levels, a stop is `met`.
- `elapsed_ms`, working time, leaves out pauses too.
- "stopped_at" of `cancelled` is null (README).
- A clock taken in a merge goes on as it was (levels that A emitted are not emitted again), its epoch is B's; if A's
  clock was paused it is so until B's clock; then B's stages decide, from B's clock on.
- `lead_merged` in `on` of a policy does nothing: the merge replaces steps 5 to 9, and "SLA" in it is for the stages
  entered.
"""
from types import SimpleNamespace as Record

import calendars
import model as models
from lines import output_id, rfc3339


def fraction(target, text):
    """`50%` of the target, rounded down to a millisecond."""
    whole, _, decimals = text.rstrip('%').partition('.')
    return target * int(whole + decimals) // (100 * 10 ** len(decimals))


def levels(policy):
    """What is to be emitted of a clock; at one instant: warning, breach, escalation."""
    found = [Record(amount=fraction(policy.target, text), rank=0, index=i, kind='warning', text=text)
             for i, text in enumerate(policy.warn)]
    found.append(Record(amount=policy.target, rank=1, index=0, kind='breached', text=None))
    return found + [Record(amount=models.duration(text), rank=2, index=i, kind='escalated', text=text)
                    for i, text in enumerate(policy.escalate)]


class Clock:
    def __init__(self, policy, epoch, started, event, calendar):
        self.epoch, self.started, self.calendar = epoch, started, calendar
        self.event_id = event.event_id if event else None
        self.target, self.levels = policy.target, levels(policy)
        self.breached = False
        self.stands = None          # the due instant at which it was paused by its breach, or after it
        self.pauses = []            # [from, to], to None while paused
        self.instants = {}          # of amounts, while pauses stay as they are

    def is_paused(self):
        return bool(self.pauses) and self.pauses[-1][1] is None

    def pause(self, at):
        if self.breached and self.due(None) == at:
            self.stands = at
        if self.pauses and self.pauses[-1][1] >= at:
            self.pauses[-1][1] = None   # it goes on: there was no run in between
        else:
            self.pauses.append([at, None])
        self.instants = {}

    def resume(self, at):
        self.pauses[-1][1] = at
        self.instants = {}

    def reached(self, amount, resumed=None):
        """The instant at which the working time reaches the amount; None while it is frozen, or never does."""
        at = self.started
        for begin, end in self.pauses:
            instant = self.calendar.after(at, amount)
            if instant is not None and (instant < begin or instant == begin == self.stands):
                return instant
            if end is None:
                if resumed is None:
                    return None
                end = max(begin, resumed)
            amount -= self.calendar.between(at, begin)
            at = end
        return self.calendar.after(at, amount)

    def instant(self, level):
        if level.amount not in self.instants:
            self.instants[level.amount] = self.reached(level.amount)
        return self.instants[level.amount]

    def next_level(self):
        """(instant, rank, index, level) of the first level that is not frozen, or None."""
        found = [(self.instant(l), l.rank, l.index, l) for l in self.levels if self.instant(l) is not None]
        return min(found, default=None)

    def due(self, at):
        """The due instant, as if a paused clock resumed at `at`."""
        if self.stands is not None:
            return self.stands
        return self.reached(self.target, resumed=at)

    def elapsed(self, at):
        whole = self.calendar.between(self.started, at)
        return whole - sum(self.calendar.between(begin, at if end is None else min(end, at))
                           for begin, end in self.pauses if begin < at)


class SlaSteps:
    """The part of the engine that is step 10."""

    def sla_step(self, lead, entered, event=None, refused=False):
        for policy in self.model.policies:
            self.stop(lead, policy, entered, event, refused)
            self.cancel(lead, policy, entered, event, refused)
            self.pause(lead, policy)
            self.start(lead, policy, entered, event, refused)

    def by_event(self, trigger, lead, event, refused):
        """The date of the event if it triggers."""
        if event and not refused and event.type in trigger.on and self.holds(trigger.when, lead, lead.clock, event):
            return [event.at]
        return []

    def by_stage(self, trigger, lead, entered, event):
        if not self.holds(trigger.when, lead, lead.clock, event):
            return []
        return [t for track, stage, t in entered if f'{track}.{stage}' in trigger.enter]

    def start(self, lead, policy, entered, event, refused):
        clocks = lead.clocks[policy.id]
        if clocks.open:
            return
        dates = self.by_event(policy.start, lead, event, refused) + self.by_stage(policy.start, lead, entered, None)
        if not dates:
            return
        calendar = next((choice.calendar for choice in policy.calendars if self.holds(choice.when, lead, lead.clock)),
                        calendars.RoundTheClock())
        clocks.epoch += 1
        clocks.revisable = None
        clocks.open = Clock(policy, clocks.epoch, min(dates), event, calendar)
        entries = self.pausing_entries(lead, policy)
        if entries:
            clocks.open.pause(max(min(dates), min(entries)))

    def pausing_entries(self, lead, policy):
        """When the present stages that pause the policy's clock were entered."""
        return [state.entered[state.stage] for track, state in lead.tracks.items()
                if f'{track}.{state.stage}' in policy.pause]

    def pause(self, lead, policy):
        clock = lead.clocks[policy.id].open
        if not clock:
            return
        pausing = bool(self.pausing_entries(lead, policy))
        if pausing and not clock.is_paused():
            clock.pause(lead.clock)
        if not pausing and clock.is_paused():
            clock.resume(lead.clock)

    def stop(self, lead, policy, entered, event, refused):
        clocks = lead.clocks[policy.id]
        clock, dates = clocks.open, self.by_event(policy.stop, lead, event, refused)
        if not clock:
            self.revise(lead, policy, dates, event)
            return
        dates += self.by_stage(policy.stop, lead, entered, event)
        dates = [date for date in dates if date >= clock.started]
        if not dates:
            return
        date = min(dates)
        if not self.levels_before(lead, policy, clock, date):
            return
        clocks.open = None
        due = clock.due(date)
        if due is not None and date > due:
            kind, clocks.revisable = 'late', clock
        else:
            kind = 'retracted' if clock.breached else 'met'
        self.sla_output(lead, policy, clock, kind, date, stopped=date, event=event)

    def revise(self, lead, policy, dates, event):
        clocks = lead.clocks[policy.id]
        clock = clocks.revisable
        if not clock or not dates or lead.clock > clock.due(None) + policy.revise:
            return
        if clock.started <= dates[0] <= clock.due(None):
            clocks.revisable = None
            self.sla_output(lead, policy, clock, 'retracted', dates[0], stopped=dates[0], event=event)

    def cancel(self, lead, policy, entered, event, refused):
        clocks = lead.clocks[policy.id]
        clock = clocks.open
        if not clock:
            return
        dates = self.by_event(policy.cancel, lead, event, refused)
        dates += self.by_stage(policy.cancel, lead, entered, event)
        dates = [date for date in dates if date >= clock.started]
        if dates and self.levels_before(lead, policy, clock, min(dates)):
            clocks.open = None
            self.sla_output(lead, policy, clock, 'cancelled', min(dates), event=event, stop_is_event=False)

    def levels_before(self, lead, policy, clock, date):
        """Emit what fell before the date, one by one; is the clock still open after that?"""
        while lead.clocks[policy.id].open is clock:
            first = clock.next_level()
            if first is None or first[0] >= date:
                return True
            self.level(lead, policy, clock, first[0], first[-1])
        return False

    def level(self, lead, policy, clock, instant, level):
        clock.levels.remove(level)
        if level.kind == 'breached':
            clock.breached = True
        self.sla_output(lead, policy, clock, level.kind, instant, level=level.text)
        self.on_sla(lead, f'{policy.id}.{level.kind}', instant)

    def on_sla(self, lead, verdict, instant):
        now, entered = max(lead.clock, instant), []
        for track in self.model.tracks.values():
            for transition in self.leaving(lead, track):
                if verdict in transition.on_sla and self.holds(transition.when, lead, now):
                    lead.clock = now
                    entered.append(self.change(lead, track, transition, 'sla'))
                    break
        if entered:
            entered += self.settle(lead, 'sla')
            self.sla_step(lead, entered)

    def sla_output(self, lead, policy, clock, kind, instant, level=None, stopped=None, event=None,
                   stop_is_event=True):
        stages = {name: state.stage for name, state in lead.tracks.items()}
        owners = self.model.tracks[policy.track].owner if policy.track else {}
        self.put(lead, {
            'output': 'SlaEvent',
            'event_id': output_id(f'sla/{lead.id}/{policy.id}/{clock.epoch}/{clock.started}/{kind}/{level or ""}'),
            'lead_id': lead.id, 'account_id': lead.account_id, 'policy': policy.id, 'epoch': clock.epoch,
            'kind': kind, 'level': level, 'started_at': rfc3339(clock.started),
            'due_at': rfc3339(clock.due(instant)), 'occurred_at': rfc3339(instant), 'stopped_at': rfc3339(stopped),
            'elapsed_ms': clock.elapsed(instant), 'calendar': clock.calendar.name, 'segment': lead.segment,
            'route': lead.route, 'breached': clock.breached, 'start_event_id': clock.event_id,
            'stop_event_id': event.event_id if event and stop_is_event else None,
            'stages': stages, 'owner': owners.get(stages.get(policy.track))}, event)
