"""Input lines, and instants as text."""
import json
import re
import uuid
from datetime import date, datetime, timedelta
from types import SimpleNamespace as Record

EPOCH = date(1970, 1, 1).toordinal()
LAST = 253402300799999          # 9999-12-31T23:59:59.999Z
RFC3339 = re.compile(r'([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})'
                     r'(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))')


class Bad(Exception):
    def __init__(self, reason, text):
        super().__init__(text)
        self.reason = reason


def instant(value):
    """Milliseconds from RFC 3339 or an integer; ValueError for anything else."""
    if isinstance(value, str):
        found = RFC3339.fullmatch(value)
        if not found:
            raise ValueError('not RFC 3339')
        year, month, day, hour, minute, second = (int(x) for x in found.groups()[:6])
        fraction = int(((found[7] or '') + '000')[:3])
        offset_hour, offset_minute = int(found[9] or 0), int(found[10] or 0)
        if hour > 23 or minute > 59 or second > 59 or offset_hour > 23 or offset_minute > 59:
            raise ValueError('no such time')
        minutes = ((date(year, month, day).toordinal() - EPOCH) * 24 + hour) * 60 + minute
        offset = offset_hour * 60 + offset_minute
        minutes -= -offset if found[8] == '-' else offset
        value = (minutes * 60 + second) * 1000 + fraction
    elif not isinstance(value, int) or isinstance(value, bool):
        raise ValueError('neither an integer nor RFC 3339')
    if not 0 <= value <= LAST:
        raise ValueError('year out of range')
    return value


def rfc3339(ms):
    if ms is None:
        return None
    at = datetime(1970, 1, 1) + timedelta(milliseconds=ms)
    return at.strftime('%Y').zfill(4) + at.strftime('-%m-%dT%H:%M:%S.') + f'{at.microsecond // 1000:03d}Z'


def output_id(name):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, 'scored:' + name))


def text_field(raw, name, limit=None, required=False):
    value = raw.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, str):
        raise Bad('schema', f'{name}: a string is needed')
    if limit and not 1 <= len(value.encode()) <= limit:
        raise Bad('schema', f'{name}: 1 to {limit} bytes')
    return value


def a_property(name, value):
    """A property or attribute as conditions see it (numbers as floats), refusing what the schema has not."""
    if isinstance(value, int) and not isinstance(value, bool) and not -2**63 <= value < 2**63:
        raise Bad('schema', f'{name}: outside 64 bits')
    if isinstance(value, float) and value in (float('inf'), float('-inf')):
        raise Bad('schema', f'{name}: no double')
    if isinstance(value, (dict, list)):
        raise Bad('schema', f'{name}: nested')
    return value


def no_constant(name):
    raise ValueError(f'{name} is not JSON')


def event(line):
    try:
        raw = json.loads(line.decode('utf-8'), parse_constant=no_constant)
        json.dumps(raw, ensure_ascii=False).encode('utf-8')
    except (ValueError, RecursionError) as error:
        raise Bad('bad_json', str(error)) from None
    if not isinstance(raw, dict):
        raise Bad('schema', 'not an object')
    result = Record(
        event_id=text_field(raw, 'event_id', 64, True), lead_id=text_field(raw, 'lead_id', 128, True),
        account_id=text_field(raw, 'account_id', 128), type=text_field(raw, 'type', 64, True),
        source=text_field(raw, 'source'), campaign=text_field(raw, 'campaign'), topic=text_field(raw, 'topic'))
    try:
        result.at = instant(raw.get('occurred_at'))
    except ValueError as error:
        raise Bad('schema', f'occurred_at: {error}') from None
    properties = raw.get('properties')
    if properties is None:
        properties = {}
    if not isinstance(properties, dict):
        raise Bad('schema', 'properties: not a map')
    result.properties = {name: a_property(name, value) for name, value in properties.items()}
    if result.type == 'lead_merged':
        check_into(result.properties.get('into'))
    return result


def check_into(into):
    """`into` missing or not an id (9)."""
    if not isinstance(into, str) or not 1 <= len(into.encode()) <= 128:
        raise Bad('bad_merge', 'into: a lead id is needed')
