"""Scores: what contributions are worth as time passes (2, "Scores").

Readings of sentences that leave a choice:
- "A value smaller than 1e-9 in size reads as 0": of a whole score, not of each contribution; caps go by the sum
  itself.
- "p is first cut so that the score's value at the lead's clock, with the (decayed) contribution added, stays within
  [min, max]": a late contribution that counts nothing by now (a window that is over) needs no cut, so all of it is
  kept, and given on to the account; unless the score is past the bound already, by more than 1e-9 (negative points
  may have run out): then it is cut to nothing.
- "per score, as one award at that time, cut by the caps, its parts scaled alike" (9): parts that add up to 0 need no
  cut and are taken as they are.
"""
import bisect

import expr
from expr import EPSILON


def grain(span):
    return max(1, span // 64)


def cut(value, points, factor, low, high):
    """What the caps leave of points that count `factor` now, where the score has `value` now."""
    room = 0.0 if factor else EPSILON
    if points > 0 and high is not None and value + points * factor > high + room:
        return max(0.0, (high - value) / factor) if factor else 0.0
    if points < 0 and low is not None and value + points * factor < low - room:
        return min(0.0, (low - value) / factor) if factor else 0.0
    return points


class ScoreState:
    """The contributions to one score.

    With `half_life` and `none` their sum at `reference` is kept; with `linear` and `window` a table: the instants
    at which contributions end and, for each stretch between them, the sums over those that are still there.
    """

    def __init__(self, decay, ceiling=None):
        self.kind, self.span = decay
        self.ceiling = ceiling          # it reads as no more than this (an account's max)
        self.parts = []                 # (points, c), c rounded down to its bucket
        self.reference, self.sum, self.table = 0, 0.0, None
        self.found = None               # breaks() of some instant

    def is_bucketed(self):
        return self.kind in ('linear', 'window')

    def date(self, c):
        return c - c % grain(self.span) if self.is_bucketed() else c

    def factor(self, t, c):
        """What a point of time c counts at t."""
        c = self.date(c)
        if self.kind == 'half_life':
            return 2.0 ** (-(t - c) / self.span)
        if self.kind == 'linear':
            return max(0.0, 1.0 - (t - c) / self.span)
        if self.kind == 'window':
            return 1.0 if t - c < self.span else 0.0
        return 1.0

    def add(self, points, c, now):
        self.extend([(points, self.date(c))], now)

    def extend(self, parts, now):
        """Add parts; `now` is the clock: nobody asks for values of earlier instants from here on."""
        self.parts += parts
        if self.is_bucketed():
            self.parts = [(p, c) for p, c in self.parts if c + self.span > now]
            self.table = None
        else:
            self.reference = now
            self.sum = sum(p * self.factor(now, c) for p, c in self.parts)
        self.found = None

    def fold(self, other, low, high, now, since=None):
        """
        Take the other's parts, scaled so that together they stay within the bounds now; the scale. `since`: as `now` of
        extend(), if it is not now.
        """
        points = other.exact(now)
        scale = 1.0 if abs(points) < EPSILON else cut(self.exact(now), points, 1.0, low, high) / points
        self.extend([(p * scale, c) for p, c in other.parts], now if since is None else since)
        return scale

    def set(self, points):
        self.sum, self.found = points, None     # by profile rules: no decay, no contributions

    # --- values ---

    def stretches(self):
        """(ends of buckets, and of what is left before each, by its oldest bucket: that, the points, and what they
        are worth more for being younger than it)."""
        if self.table is None:
            sums = {}
            for p, c in self.parts:
                sums[c] = sums.get(c, 0.0) + p
            buckets = sorted(sums)
            points, younger = [0.0], [0.0]
            for i in reversed(range(len(buckets))):
                apart = (buckets[i + 1] - buckets[i]) / self.span if i + 1 < len(buckets) else 0.0
                younger.append(younger[-1] + points[-1] * apart)
                points.append(points[-1] + sums[buckets[i]])
            self.table = [c + self.span for c in buckets], buckets + [0], points[::-1], younger[::-1]
        return self.table

    def exact(self, t):
        if not self.is_bucketed():
            return self.sum * self.factor(t, self.reference)
        ends, oldest, points, younger = self.stretches()
        i = bisect.bisect_right(ends, t)
        if self.kind == 'window' or points[i] == 0.0 == younger[i]:
            return points[i]
        return points[i] * (1.0 - (t - oldest[i]) / self.span) + younger[i]

    def region(self, t):
        """Which form it has at t: 0 reads as 0, 2 is cut to the ceiling, ±1 as it is."""
        exact = self.exact(t)
        if self.ceiling is not None and exact >= self.ceiling:
            return 2
        return 0 if abs(exact) < EPSILON else 1 if exact > 0 else -1

    def value(self, t):
        exact = self.exact(t)
        if self.ceiling is not None:
            exact = min(exact, self.ceiling)
        return 0.0 if abs(exact) < EPSILON else exact

    def line(self, start):
        """The value from start to the next break."""
        region = self.region(start)
        if region in (0, 2) or self.kind in ('none', 'window'):
            return expr.Line(self.value(start))
        if self.kind == 'half_life':
            return expr.Line(waves={self.span: self.value(start)})
        ends, _, points, _ = self.stretches()
        return expr.Line(self.value(start), -points[bisect.bisect_right(ends, start)] / self.span)

    def breaks(self, now):
        """The instants after now at which the value changes its form: contributions end, it comes to read as 0, …"""
        if self.found is None or self.found[0] != now:
            ends = [end for end in self.stretches()[0] if end > now] if self.is_bucketed() else []
            found = set(ends)
            stretches = zip([now] + ends, ends) if self.is_bucketed() else [(now, now + expr.HORIZON)]
            if self.kind in ('linear', 'half_life'):
                for a, b in stretches:      # within one it only rises or only falls
                    self.changes(a, b - 1, found)
            self.found = now, found
        return self.found[1]

    def changes(self, a, b, found):
        if a >= b or self.region(a) == self.region(b):
            return
        if b - a == 1:
            found.add(b)
            return
        middle = (a + b) // 2
        self.changes(a, middle, found)
        self.changes(middle, b, found)


def total(states, decay, ceiling, now):
    """An account's score: the sum over its members."""
    result = ScoreState(decay, ceiling)
    if result.is_bucketed():
        result.parts = [part for state in states for part in state.parts]
    else:
        result.reference, result.sum = now, sum(state.exact(now) for state in states)
    return result
