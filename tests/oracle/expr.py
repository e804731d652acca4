"""Conditions and expressions of a model: parser, plain evaluation, and truth over a stretch of time.

A node answers three questions:
  at(s, t)             its value at the instant t: None, bool, float or str
  line(s, start)       the same as a function of time from `start` on: a plain value or a Line
  verdict(s, p, a, b)  True or False if it is so at every millisecond of [a, b], None if not known

`s` is a Scope (oracle.py): it knows the lead, the event at hand and what names mean.
"""
import math
import re

EPSILON = 1e-9          # numbers closer than this are equal; scores smaller than this read as 0
HORIZON = 1 << 43       # how far ahead moments are looked for: some 278 years
UNITS = {'ms': 1, 's': 1000, 'm': 60_000, 'h': 3_600_000, 'd': 86_400_000, 'w': 604_800_000}
NUMBER = re.compile(r'[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?')


def duration(text):
    found = re.fullmatch(r'([0-9]+)(ms|s|m|h|d|w)', text)
    if not found:
        raise ValueError(f'not a duration: {text}')
    return int(found[1]) * UNITS[found[2]]


# --- values ---------------------------------------------------------------------------------------

def is_number(x):
    return isinstance(x, float)


def finite(x):
    return x if math.isfinite(x) else None


def arithmetic(op, a, b):
    if not is_number(a) or not is_number(b):
        return None
    if op == '+':
        return finite(a + b)
    if op == '-':
        return finite(a - b)
    if op == '*':
        return finite(a * b)
    return finite(a / b) if b != 0 else None


def equal(a, b):
    if is_number(a) and is_number(b):
        return abs(a - b) < EPSILON
    return type(a) is type(b) and a == b


def compare(op, a, b):
    if op == '==':
        return equal(a, b)
    if op == '!=':
        return not equal(a, b)
    if is_number(a) and is_number(b):
        same = abs(a - b) < EPSILON
        less = not same and a < b
    elif isinstance(a, str) and isinstance(b, str):
        a, b = a.encode(), b.encode()
        less, same = a < b, a == b
    else:
        return False
    if op == '<':
        return less
    if op == '>=':
        return not less
    return less or same if op == '<=' else not less and not same


def like(text, pattern):
    if not isinstance(text, str):
        return False
    lower = lambda x: ''.join(c.lower() if 'A' <= c <= 'Z' else c for c in x)
    glob = '.*'.join(re.escape(part) for part in lower(pattern).split('*'))
    return re.fullmatch(glob, lower(text), re.DOTALL) is not None


def to_number(x):
    if is_number(x):
        return x
    if isinstance(x, str) and NUMBER.fullmatch(x):
        return finite(float(x))
    return None


# --- a number as a function of time ---------------------------------------------------------------

class Line:
    """const + slope*(t - start) + the sum of amplitude*2^-((t - start)/half_life)."""

    def __init__(self, const=0.0, slope=0.0, waves=None):
        self.const, self.slope, self.waves = const, slope, waves or {}

    def plus(self, other, sign=1.0):
        waves = dict(self.waves)
        for half_life, amplitude in other.waves.items():
            waves[half_life] = waves.get(half_life, 0.0) + sign * amplitude
        return Line(self.const + sign * other.const, self.slope + sign * other.slope, waves)

    def times(self, k):
        return Line(self.const * k, self.slope * k, {h: a * k for h, a in self.waves.items()})

    def is_constant(self):
        return self.slope == 0 and not any(self.waves.values())

    def is_monotone(self):
        moves = [self.slope] + [-a for a in self.waves.values()]
        return all(m >= 0 for m in moves) or all(m <= 0 for m in moves)

    def bounds(self, a, b):
        """Least and greatest conceivable value from a to b ms after the start, and the rounding to allow for."""
        low = high = self.const
        size = abs(self.const)
        terms = [(self.slope * a, self.slope * b)]
        terms += [(k * 2.0 ** (-a / h), k * 2.0 ** (-b / h)) for h, k in self.waves.items()]
        for x, y in terms:
            low, high, size = low + min(x, y), high + max(x, y), size + max(abs(x), abs(y))
        return low, high, size * 4e-15


def as_line(x):
    return x if isinstance(x, Line) else Line(x)


# --- nodes ----------------------------------------------------------------------------------------

class Node:
    timed = False       # does the value change as time passes?

    def line(self, s, start):
        return self.at(s, start)

    def verdict(self, s, start, a, b):
        if self.timed:
            raise NotImplementedError(f'{type(self).__name__} of something time-dependent as a condition')
        return self.at(s, a) is True


class Literal(Node):
    def __init__(self, value):
        self.value = value

    def at(self, s, t):
        return self.value


class Plain(Node):
    """A name whose value does not change as time passes: event.x, profile.x, segment, a param, a track, …"""

    def __init__(self, kind, name):
        self.kind, self.name = kind, name

    def at(self, s, t):
        return s.plain(self.kind, self.name)


class Score(Node):
    timed = True

    def __init__(self, name):
        self.name = name

    def at(self, s, t):
        return s.score(self.name, t)

    def line(self, s, start):
        return s.score_line(self.name, start)


class Derived(Node):
    timed = True

    def __init__(self, name):
        self.name = name

    def at(self, s, t):
        return s.model.derived[self.name].at(s, t)

    def line(self, s, start):
        return s.model.derived[self.name].line(s, start)


class Counter(Node):
    """A counter, or an account's committee: it falls when an event leaves its window."""
    timed = True

    def __init__(self, name):
        self.name = name

    def at(self, s, t):
        return s.counter(self.name, t)

    def line(self, s, start):
        return Line(s.counter(self.name, start))


class Elapsed(Node):
    """age(track), since(track.stage), left(track.stage), idle: time since an instant that may be none."""
    timed = True

    def __init__(self, kind, track=None, stage=None):
        self.kind, self.track, self.stage = kind, track, stage

    def at(self, s, t):
        instant = s.instant(self.kind, self.track, self.stage)
        return None if instant is None else float(t - instant)

    def line(self, s, start):
        elapsed = self.at(s, start)
        return None if elapsed is None else Line(elapsed, 1.0)


class Entries(Node):
    def __init__(self, track, stage):
        self.track, self.stage = track, stage

    def at(self, s, t):
        return s.entries(self.track, self.stage)


class Binary(Node):
    def __init__(self, op, left, right):
        self.op, self.left, self.right = op, left, right
        self.timed = left.timed or right.timed

    def at(self, s, t):
        return arithmetic(self.op, self.left.at(s, t), self.right.at(s, t))

    def line(self, s, start):
        a, b = self.left.line(s, start), self.right.line(s, start)
        if not isinstance(a, Line) and not isinstance(b, Line):
            return arithmetic(self.op, a, b)
        if not isinstance(a, (Line, float)) or not isinstance(b, (Line, float)):
            return None
        if self.op in '+-':
            return as_line(a).plus(as_line(b), 1.0 if self.op == '+' else -1.0)
        if self.op == '*' and not isinstance(b, Line):
            return a.times(b)
        if self.op == '*' and not isinstance(a, Line):
            return b.times(a)
        if self.op == '/' and not isinstance(b, Line):
            return a.times(1.0 / b) if b != 0 else None
        raise NotImplementedError('a product of two values that depend on time')


class Negative(Node):
    def __init__(self, x):
        self.x, self.timed = x, x.timed

    def at(self, s, t):
        return arithmetic('-', 0.0, self.x.at(s, t))

    def line(self, s, start):
        x = self.x.line(s, start)
        return x.times(-1.0) if isinstance(x, Line) else arithmetic('-', 0.0, x)


class Call(Node):
    """min, max, number, present, default."""

    def __init__(self, name, args):
        self.name, self.args = name, args
        self.timed = any(a.timed for a in args)

    def at(self, s, t):
        values = [a.at(s, t) for a in self.args]
        if self.name in ('min', 'max'):
            if not all(is_number(v) for v in values):
                return None
            return min(values) if self.name == 'min' else max(values)
        if self.name == 'number':
            return to_number(values[0])
        if self.name == 'present':
            return values[0] is not None
        return values[1] if values[0] is None else values[0]

    def line(self, s, start):
        if not self.timed:
            return self.at(s, start)
        if self.name == 'default':
            first = self.args[0].line(s, start)
            return self.args[1].line(s, start) if first is None else first
        if self.name == 'number':
            return self.args[0].line(s, start)
        raise NotImplementedError(f'{self.name}() of something time-dependent in a comparison')

    def verdict(self, s, start, a, b):
        if self.timed and self.name == 'present':
            return self.args[0].line(s, start) is not None
        return super().verdict(s, start, a, b)


class Compare(Node):
    def __init__(self, op, left, right):
        self.op, self.left, self.right = op, left, right
        self.timed = left.timed or right.timed

    def at(self, s, t):
        return compare(self.op, self.left.at(s, t), self.right.at(s, t))

    def verdict(self, s, start, a, b):
        x, y = self.left.line(s, start), self.right.line(s, start)
        if not isinstance(x, Line) and not isinstance(y, Line):
            return compare(self.op, x, y)
        if not isinstance(x, (Line, float)) or not isinstance(y, (Line, float)):
            return self.at(s, a)        # a number against null, a string or a boolean: which number is all one
        difference = as_line(x).plus(as_line(y), -1.0)
        if difference.is_constant():
            return self.at(s, a)
        if difference.is_monotone():    # then it is the same throughout if it is the same at both ends
            first, last = self.at(s, a), self.at(s, b)
            return first if first == last else None
        low, high, slack = difference.bounds(a - start, b - start)
        less = True if high < -EPSILON - slack else False if low > -EPSILON + slack else None
        greater = True if low > EPSILON + slack else False if high < EPSILON - slack else None
        if self.op == '<':
            return less
        if self.op == '>':
            return greater
        if self.op == '<=':
            return None if greater is None else not greater
        if self.op == '>=':
            return None if less is None else not less
        raise NotImplementedError(f'{self.op} of something time-dependent')


class In(Node):
    def __init__(self, x, choices):
        self.x, self.choices = x, choices
        self.timed = x.timed or any(c.timed for c in choices)

    def at(self, s, t):
        x = self.x.at(s, t)
        return x is not None and any(equal(x, c.at(s, t)) for c in self.choices)

    def verdict(self, s, start, a, b):
        return self.at(s, a)        # counters stay the same between breaks, and other timed values are not allowed


class Like(Node):
    def __init__(self, x, pattern):
        self.x, self.pattern, self.timed = x, pattern, x.timed

    def at(self, s, t):
        return like(self.x.at(s, t), self.pattern)


class Not(Node):
    def __init__(self, x):
        self.x, self.timed = x, x.timed

    def at(self, s, t):
        return self.x.at(s, t) is not True

    def verdict(self, s, start, a, b):
        x = self.x.verdict(s, start, a, b)
        return None if x is None else not x


class Both(Node):
    """and, or."""

    def __init__(self, op, left, right):
        self.op, self.left, self.right = op, left, right
        self.timed = left.timed or right.timed

    def at(self, s, t):
        if self.op == 'and':
            return self.left.at(s, t) is True and self.right.at(s, t) is True
        return self.left.at(s, t) is True or self.right.at(s, t) is True

    def verdict(self, s, start, a, b):
        decisive = self.op == 'or'
        left = self.left.verdict(s, start, a, b)
        if left is decisive:
            return decisive
        right = self.right.verdict(s, start, a, b)
        if right is decisive:
            return decisive
        return None if left is None or right is None else not decisive


TRUE = Literal(True)


# --- the first millisecond at which a condition begins to hold ----------------------------------------

def sources(node, model):
    """The scores and counters that a condition hangs on, through derived scores too: (kind, name)."""
    if not hasattr(node, 'found_sources'):
        found = {('score', node.name)} if isinstance(node, Score) else {('counter', node.name)} \
            if isinstance(node, Counter) else sources(model.derived[node.name], model) \
            if isinstance(node, Derived) else set()
        for value in list(vars(node).values()):
            for inner in value if isinstance(value, list) else [value]:
                if isinstance(inner, Node):
                    found = found | sources(inner, model)
        node.found_sources = found
    return node.found_sources


def begins(s, condition, now):
    """The first t > now with `condition` true at t and not at t - 1, or None.

    At breaks a score or counter changes its form (a contribution ends, it begins to read as 0); between them every
    side of a comparison is one Line.  A stretch on which the verdict is known has no beginning in it; any other is
    halved, left half first, down to single milliseconds, which are simply tried.
    """
    if not condition.timed:
        return None

    def begins_at(t):
        return condition.at(s, t) is True and condition.at(s, t - 1) is not True

    def search(start, a, b):
        if a == b or condition.verdict(s, start, a, b) is not None:
            return None
        if b - a == 1:
            return b if begins_at(b) else None
        middle = (a + b) // 2
        found = search(start, a, middle)
        return found if found is not None else search(start, middle, b)

    breaks = set().union(*(s.breaks(kind, name, now) for kind, name in sources(condition, s.model)))
    start = now
    for end in sorted(breaks) + [now + HORIZON]:
        found = search(start, start, end - 1)
        if found is not None:
            return found
        if end < now + HORIZON and begins_at(end):
            return end
        start = end
    return None


# --- parser -------------------------------------------------------------------------------------------

TOKEN = re.compile(r'''\s*(?:
    (?P<duration>[0-9]+(?:ms|s|m|h|d|w))(?![\w.]) |
    (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![\w.]) |
    (?P<string>"[^"]*") |
    (?P<name>[A-Za-z_]\w*(?:\.\w+)*) |
    (?P<op>==|!=|<=|>=|[-+*/()<>,\[\]]) )''', re.VERBOSE)
FUNCTIONS = {'min': 2, 'max': 2, 'number': 1, 'present': 1, 'default': 2}


class Parser:
    def __init__(self, text, kinds):
        self.kinds = kinds          # name -> param, score, derived, counter, track
        self.tokens, at = [], 0
        text = text.rstrip()
        while at < len(text):
            found = TOKEN.match(text, at)
            if not found:
                raise ValueError(f'cannot read {text[at:]!r}')
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self.tokens.append(('end', None))

    def take(self, *texts):
        kind, text = self.tokens[0]
        if kind in ('op', 'name') and text in texts:
            self.tokens.pop(0)
            return text
        return None

    def need(self, text):
        if not self.take(text):
            raise ValueError(f'{text!r} expected, not {self.tokens[0][1]!r}')

    def whole(self):
        node = self.disjunction()
        if self.tokens[0][0] != 'end':
            raise ValueError(f'unexpected {self.tokens[0][1]!r}')
        return node

    def disjunction(self):
        node = self.conjunction()
        while self.take('or'):
            node = Both('or', node, self.conjunction())
        return node

    def conjunction(self):
        node = self.negation()
        while self.take('and'):
            node = Both('and', node, self.negation())
        return node

    def negation(self):
        return Not(self.negation()) if self.take('not') else self.comparison()

    def comparison(self):
        node = self.additive()
        op = self.take('==', '!=', '<=', '>=', '<', '>', 'in', 'like')
        if op == 'in':
            self.need('[')
            choices = []
            while not self.take(']'):
                choices.append(self.additive())
                self.take(',')
            return In(node, choices)
        if op == 'like':
            return Like(node, self.tokens.pop(0)[1][1:-1])
        return Compare(op, node, self.additive()) if op else node

    def additive(self):
        node = self.multiplicative()
        while op := self.take('+', '-'):
            node = Binary(op, node, self.multiplicative())
        return node

    def multiplicative(self):
        node = self.unary()
        while op := self.take('*', '/'):
            node = Binary(op, node, self.unary())
        return node

    def unary(self):
        return Negative(self.unary()) if self.take('-') else self.primary()

    def primary(self):
        kind, text = self.tokens.pop(0)
        if kind == 'number':
            return Literal(float(text))
        if kind == 'duration':
            return Literal(float(duration(text)))
        if kind == 'string':
            return Literal(text[1:-1])
        if text == '(':
            node = self.disjunction()
            self.need(')')
            return node
        if kind != 'name':
            raise ValueError(f'unexpected {text!r}')
        return self.name(text)

    def name(self, text):
        if text in ('true', 'false', 'null'):
            return Literal({'true': True, 'false': False, 'null': None}[text])
        if text in FUNCTIONS:
            self.need('(')
            args = [self.disjunction()]
            while self.take(','):
                args.append(self.disjunction())
            self.need(')')
            if len(args) != FUNCTIONS[text]:
                raise ValueError(f'{text}() takes {FUNCTIONS[text]}')
            return Call(text, args)
        if text in ('age', 'since', 'left', 'entries'):
            self.need('(')
            track, _, stage = self.tokens.pop(0)[1].partition('.')
            self.need(')')
            return Entries(track, stage) if text == 'entries' else Elapsed(text, track, stage)
        if text == 'idle':
            return Elapsed('idle')
        first, _, rest = text.partition('.')
        if first in ('event', 'profile') and rest:
            return Plain(first, rest)
        if text in ('segment', 'route', 'first_source', 'last_source'):
            return Plain('lead', text)
        kind = self.kinds.get(text)
        if kind == 'score':
            return Score(text)
        if kind == 'derived':
            return Derived(text)
        if kind == 'counter':
            return Counter(text)
        if kind in ('param', 'track'):
            return Plain(kind, text)
        raise ValueError(f'unknown name {text!r}')


def parse(text, kinds):
    try:
        return Parser(text, kinds).whole()
    except ValueError as error:
        raise ValueError(f'{error} in {text!r}') from None
