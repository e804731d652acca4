"""Calendars: the working time of weekly hours in a zone, with closed and open dates and holidays (5).

Readings of sentences that leave a choice:
- "holidays an iCalendar file whose all-day events, recurring too, are closed days": an event closes every day from
  DTSTART to the day before DTEND (or by DURATION), and so does each recurrence; events with a time of day are none.
- "Local times skipped by daylight saving move to the next valid instant; repeated ones are the first": of the start
  and of the end of an interval alike, so one that lies in the skipped hour is empty.
- "An interval belongs to the day on which it starts": what runs past midnight goes on into a closed day, and `open`
  with an empty list is a closed day.
- "nothing open within 10 years: never due": within 3653 days from where the wait for an opening begins.
- Hours of which both ends are the same time of day (`09:00-09:00`) do not occur; they would be 24 hours.
"""
import bisect
import os
import re
from datetime import date, datetime, timedelta, timezone
from types import SimpleNamespace as Record
from zoneinfo import ZoneInfo

WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND, DAY = timedelta(milliseconds=1), timedelta(days=1)
TEN_YEARS = 3653


def minutes(text):
    hour, minute = text.split(':')
    return int(hour) * 60 + int(minute)


def interval(text):
    """Minutes from the midnight at which the day begins."""
    start, end = (minutes(part.strip()) for part in text.split('-'))
    return start, end if end > start else end + 24 * 60


def days(text):
    first, _, last = text.partition('-')
    first, last = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
    return [(first + i) % 7 for i in range((last - first) % 7 + 1)]


class RoundTheClock:
    name = None

    def after(self, t, amount):
        return t + amount

    def between(self, a, b):
        return max(0, b - a)


class Calendar:
    def __init__(self, name, raw, folder):
        self.name, self.zone = name, ZoneInfo(raw['zone'])
        self.week = {day: [] for day in range(7)}
        for key, texts in raw['hours'].items():
            for day in days(key):
                self.week[day] += [interval(text) for text in texts]
        self.closed = {date.fromisoformat(text) for text in raw.get('closed', [])}
        self.open = {date.fromisoformat(day): [interval(text) for text in texts]
                     for day, texts in raw.get('open', {}).items()}
        self.holidays = []
        if 'holidays' in raw:
            with open(os.path.join(folder, raw['holidays']), encoding='utf-8', newline='') as file:
                self.holidays = holidays(file.read())
        self.by_day = {}        # date -> its intervals in ms

    def hours(self, day):
        if day in self.open:
            return self.open[day]
        if day in self.closed or any(event.covers(day) for event in self.holidays):
            return []
        return self.week[day.weekday()]

    def instant(self, day, minute):
        """The instant of a local time: the first of two, or the next valid one."""
        local = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
        at = local.replace(tzinfo=self.zone).astimezone(UTC)
        if at.astimezone(self.zone).replace(tzinfo=None) != local:      # skipped: find where the offset jumps
            low, high = at - DAY, at + DAY
            before = low.astimezone(self.zone).utcoffset()
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                same = middle.astimezone(self.zone).utcoffset() == before
                low, high = (middle, high) if same else (low, middle)
            at = high.replace(microsecond=0)
        return (at - EPOCH) // MILLISECOND

    def intervals_of(self, day):
        if day not in self.by_day:
            found = [(self.instant(day, a), self.instant(day, b)) for a, b in self.hours(day)]
            self.by_day[day] = sorted((a, b) for a, b in found if a < b)
        return self.by_day[day]

    def intervals(self, t):
        """The open time after t in pieces that do not overlap, in order; ends after 10 years without any."""
        day = last = (EPOCH + t * MILLISECOND).date() - 2 * DAY
        covered = t
        while (day - last).days <= TEN_YEARS + 2:
            for a, b in self.intervals_of(day):
                if b > covered:
                    yield max(a, covered), b
                    covered, last = b, day
            day += DAY

    def after(self, t, amount):
        """The first instant from t on by which so much working time has passed."""
        if amount <= 0:
            return t
        for begin, end in self.intervals(t):
            if end - begin >= amount:
                return begin + amount
            amount -= end - begin
        return None

    def between(self, a, b):
        found = 0
        for begin, end in self.intervals(a):
            if begin >= b:
                break
            found += min(end, b) - begin
        return found


# --- holidays: iCalendar (RFC 5545) --------------------------------------------------------------------

class Event:
    """An all-day event and its recurrences."""

    def __init__(self, start, length, rule, more, without):
        self.start, self.length, self.rule, self.more, self.without = start, length, rule, more, without
        self.counted = None

    def covers(self, day):
        return any(self.starts(day - i * DAY) for i in range(self.length))

    def starts(self, day):
        if day in self.without:
            return False
        if day in self.more:
            return True
        if self.rule is None:
            return day == self.start
        return day >= self.start and self.by_rule(day)

    def by_rule(self, day):
        if self.rule.until is not None and day > self.rule.until:
            return False
        if self.rule.count is None:
            return self.rule.produces(day, self.start)
        if self.counted is None:
            self.counted, at, end = [], self.start, self.start + 60 * 366 * DAY
            while len(self.counted) < self.rule.count and at < end:
                if self.rule.produces(at, self.start):
                    self.counted.append(at)
                at += DAY
        found = bisect.bisect_left(self.counted, day)
        return found < len(self.counted) and self.counted[found] == day


class Rule:
    def __init__(self, text):
        parts = dict(part.split('=') for part in text.split(';'))
        numbers = lambda key: [int(x) for x in parts[key].split(',')] if key in parts else []
        self.frequency = parts['FREQ']
        self.interval = int(parts.get('INTERVAL', 1))
        self.count = int(parts['COUNT']) if 'COUNT' in parts else None
        self.until = ical_date(parts['UNTIL']) if 'UNTIL' in parts else None
        self.months, self.month_days = numbers('BYMONTH'), numbers('BYMONTHDAY')
        self.weekdays = []      # (number or None, weekday)
        for x in parts['BYDAY'].split(',') if 'BYDAY' in parts else []:
            number, name = re.fullmatch(r'([+-]?[0-9]+)?([A-Z]{2})', x).groups()
            self.weekdays.append((int(number) if number else None,
                                  ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'].index(name)))

    def produces(self, day, start):
        return self.in_period(day, start) and self.is_named(day, start)

    def in_period(self, day, start):
        if self.frequency == 'YEARLY':
            periods = day.year - start.year
        elif self.frequency == 'MONTHLY':
            periods = (day.year - start.year) * 12 + day.month - start.month
        elif self.frequency == 'WEEKLY':
            monday = lambda d: d.toordinal() - d.weekday()
            periods = (monday(day) - monday(start)) // 7
        else:
            periods = day.toordinal() - start.toordinal()
        return periods % self.interval == 0

    def is_named(self, day, start):
        """What the rule does not say is taken from the start."""
        months, month_days, weekdays = self.months, self.month_days, self.weekdays
        if not month_days and not weekdays:
            if self.frequency == 'YEARLY' and not months:
                months = [start.month]
            if self.frequency in ('YEARLY', 'MONTHLY'):
                month_days = [start.day]
            if self.frequency == 'WEEKLY':
                weekdays = [(None, start.weekday())]
        if months and day.month not in months:
            return False
        if month_days and day.day not in month_days and day.day - length_of_month(day) - 1 not in month_days:
            return False
        return not weekdays or any(self.is_weekday(day, number, weekday) for number, weekday in weekdays)

    def is_weekday(self, day, number, weekday):
        if day.weekday() != weekday or number is None:
            return day.weekday() == weekday
        if self.frequency == 'MONTHLY' or self.months:
            index, length = day.day, length_of_month(day)
        else:
            index, length = day.timetuple().tm_yday, date(day.year, 12, 31).timetuple().tm_yday
        return (index - 1) // 7 + 1 == number if number > 0 else (length - index) // 7 + 1 == -number


def length_of_month(day):
    return ((day.replace(day=1) + 31 * DAY).replace(day=1) - DAY).day


def ical_date(text):
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def holidays(text):
    text = re.sub(r'\r?\n[ \t]', '', text)      # unfold
    found, event = [], None
    for line in text.splitlines():
        head, _, value = line.partition(':')
        name, *parameters = head.upper().split(';')
        if (name, value.upper()) == ('BEGIN', 'VEVENT'):
            event = Record(start=None, end=None, days=None, rule=None, more=set(), without=set())
        elif (name, value.upper()) == ('END', 'VEVENT'):
            if event.start is not None:
                length = (event.end - event.start).days if event.end else event.days or 1
                found.append(Event(event.start, length, event.rule, event.more, event.without))
            event = None
        elif event:
            read_property(event, name, parameters, value)
    return found


def read_property(event, name, parameters, value):
    all_day = 'VALUE=DATE' in parameters
    if name == 'DTSTART' and all_day:
        event.start = ical_date(value)
    elif name == 'DTEND' and all_day:
        event.end = ical_date(value)
    elif name == 'DURATION':
        number, unit = re.fullmatch(r'P([0-9]+)([DW])', value).groups()
        event.days = int(number) * (7 if unit == 'W' else 1)
    elif name == 'RRULE':
        event.rule = Rule(value)
    elif name in ('RDATE', 'EXDATE') and all_day:
        (event.more if name == 'RDATE' else event.without).update(ical_date(x) for x in value.split(','))
