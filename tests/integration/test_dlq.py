# SPDX-License-Identifier: Apache-2.0
"""`scored dlq` lists dead letters, shows them, and sends their originals once more."""
import json
import struct
import subprocess

import pytest

import live
import load
from live import SMALL, event, wait_for

ENCODE = load.Encoder()


def dlq(config, *options):
    """Exit status, standard output, standard error."""
    done = subprocess.run([live.PROGRAM, 'dlq', *options, '--config', config], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                          check=False, text=True)
    return done.returncode, done.stdout, done.stderr


def ask(d, *options, **changes):
    """Exit status, and what --json tells."""
    status, out, err = dlq(d.config(**changes), *options, '--json')
    assert status in (0, 1), err
    return status, json.loads(out)


def place(letter):
    return f'{letter["partition"]}:{letter["offset"]}'


def other_schema(item, number=999):
    return struct.pack('>bI', 0, number) + ENCODE(item)[5:]


@pytest.fixture
def d(deploy, model):
    return deploy(model(SMALL), n_partitions=2)


def run_over(d, n, *values):
    """Lets the daemon read what is produced, as (value, key), n records in all."""
    for value, key in values:
        d.produce(value, key)
    daemon = d.start()
    d.await_committed(n)
    assert daemon.stop() == 0


def test_list_and_show(d):
    misrouted = event('lead-a', 'form', rep='Jo "x"', n=7)
    run_over(d, 3, (b'garbage', 'k1'), (ENCODE(misrouted), 'lead-b'), (None, 'k3'))
    status, letters = ask(d, 'list')
    assert status == 0
    found = {letter['reason'] + str(letter['original']['bytes']): letter for letter in letters}
    size = len(ENCODE(misrouted))
    assert found.keys() == {'bad_wire7', f'misrouted{size}', 'bad_wireNone'}
    letter = found[f'misrouted{size}']
    source = d.sources[0]
    at = load.partition_of('lead-b', 2)
    offset = next(m.offset() for m in d.messages(source) if m.key() == b'lead-b')
    assert letter['original'] == {'topic': source, 'partition': at, 'offset': offset, 'key': 'lead-b', 'bytes': size, 'cut': False}
    assert [letter['at'] for letter in letters] == sorted(letter['at'] for letter in letters)

    assert ask(d, 'list', '--reason', 'misrouted') == (0, [letter])
    assert ask(d, 'list', '--limit', '1') == (0, letters[-1:])
    assert ask(d, 'list', '--from', letters[-1]['at'])[1][-1] == letters[-1]
    assert ask(d, 'list', '--to', letters[0]['at']) == (0, [])
    assert ask(d, 'list', place(letter)) == (0, [letter])
    status, text, _ = dlq(d.config(), 'list', '--limit', '2')
    assert status == 0 and text.endswith('2 dead letters, without 1 older ones (--limit)\n')

    status, shown = ask(d, 'show', place(letter))
    assert status == 0 and shown['hex'] == ENCODE(misrouted).hex() and shown['unreadable'] is None
    assert shown['event']['event_id'] == misrouted['event_id'] and shown['event']['lead_id'] == 'lead-a'
    assert shown['event']['properties'] == {'rep': 'Jo "x"', 'n': 7}
    status, text, _ = dlq(d.config(), 'show', place(letter))
    assert status == 0 and json.loads(text.splitlines()[2]) == shown['event']
    status, shown = ask(d, 'show', place(found['bad_wire7']))
    assert status == 0 and shown['event'] is None and shown['unreadable'] and shown['hex'] == b'garbage'.hex()
    status, text, _ = dlq(d.config(), 'show', place(found['bad_wire7']))
    assert status == 0 and '  00000000  67 61 72 62 61 67 65   ' in text and text.endswith('  garbage\n')
    status, shown = ask(d, 'show', place(found['bad_wireNone']))
    assert status == 0 and shown['hex'] is None
    status, out, err = dlq(d.config(), 'show', '0:999999')
    assert status == 1 and out == '' and 'there is no dead letter 0:999999 in ' in err


def test_requeued_once(d):
    """What came by a schema that was not known counts, once it is known and requeued; twice only by intent."""
    items = [event(f'lead-{i}', 'form') for i in range(3)]
    run_over(d, 4, *((other_schema(item), item['lead_id']) for item in items), (b'garbage', 'k'))
    d.schema_files[999] = load.SCHEMA
    assert not d.outputs('stages')

    unknown = ('requeue', '--reason', 'unknown_schema')
    status, told = ask(d, *unknown, '--dry-run')
    assert status == 0 and len(told) == 3 and not any(letter['requeued'] or letter['refused'] for letter in told)
    before = d.messages(d.sources[0])
    assert len(before) == 4

    status, told = ask(d, *unknown)
    assert status == 0 and all(letter['requeued'] and letter['requeued_before'] is None for letter in told)
    after = {(m.partition(), m.offset()): m for m in d.messages(d.sources[0])}
    assert len(after) == 7
    for letter in told:
        original = letter['original']
        first, again = (after[original['partition'], offset] for offset in (original['offset'], letter['requeued_to']))
        assert (again.key(), again.value()) == (first.key(), first.value())
        assert again.headers() == [('scored_requeued', f'{d.name}.dead-letters/{letter["partition"]}/{letter["offset"]}'.encode())]
    daemon = d.start()
    wait_for(lambda: len(d.outputs('stages')) == 3, 'the events count')

    status, refused = ask(d, *unknown)
    assert status == 1 and [letter['requeued_before'] for letter in refused] == [letter['requeued_to'] for letter in told]
    assert all('--again' in letter['refused'] and not letter['requeued'] for letter in refused)
    one = refused[0]
    status, text, _ = dlq(d.config(), 'requeue', place(one), '--again')
    assert status == 0 and text.endswith('1 dead letter\n1 requeued, 0 refused\n')
    assert f'requeued before, to offset {one["requeued_before"]}; requeued to {d.sources[0]} [' in text
    assert len(d.messages(d.sources[0])) == 8
    assert daemon.stop() == 0
    # The daemon took no harm: it has seen the last of them too, and told nothing twice.
    assert len(d.outputs('stages')) == 3 and len(ask(d, 'list')[1]) == 4


def test_event_of_a_merged_lead_keeps_its_key(d):
    """Refused where its lead lives now, in another partition; requeued it comes to where it was."""
    former, now = (next(name for name in map('lead-{}'.format, range(99)) if load.partition_of(name, 2) == at) for at in (0, 1))
    refused = event(former, 'lead_merged')  # into nobody
    daemon = d.start()
    d.send(event(now, 'form'), event(former, 'form'), event(former, 'lead_merged', into=now), refused)

    def letters(n):
        wait_for(lambda: len(d.outputs('dead-letters')) == n, f'{n} dead letters')
        found = [(letter['reason'], letter['original']['key']) for letter in ask(d, 'list')[1]]
        assert found == n * [('bad_merge', former)]
    letters(1)
    assert ask(d, 'requeue', '--all')[0] == 0
    letters(2)
    assert daemon.stop() == 0


def test_what_cannot_be_requeued(d):
    run_over(d, 3, (b'x' * (950 * 1024), 'large'), (None, 'null'), (b'garbage', 'k'))
    status, told = ask(d, 'requeue', '--all')
    by_key = {letter['original']['key']: letter for letter in told}
    assert status == 1 and by_key['large']['original']['cut']
    assert 'it was cut' in by_key['large']['refused'] and 'had no value' in by_key['null']['refused']
    assert by_key['k']['requeued'] and len(d.messages(d.sources[0])) == 4
    position = place(by_key['k'])
    status, (letter,) = ask(d, 'requeue', position, '--again', sources=['others'])
    assert status == 1 and letter['refused'] == 'its topic is no source of this configuration'
    status, _, err = dlq(d.config(), 'requeue', position, '1:999999', '--dry-run')
    assert status == 1 and 'there is no dead letter 1:999999' in err


def test_before_the_first_start(d):
    status, out, err = dlq(d.config(), 'list')
    assert status == 69 and out == '' and 'no daemon has been here yet' in err


@pytest.mark.parametrize('options, message', [
    ([], 'list, show or requeue expected'),
    (['lst'], 'did you mean "list"?'),
    (['show'], 'show takes one PARTITION:OFFSET'),
    (['show', '1:2', '--reason', 'future'], 'show takes one PARTITION:OFFSET'),
    (['list', '12'], 'PARTITION:OFFSET expected, got "12"'),
    (['list', '--all'], 'go with requeue only'),
    (['list', '--from', 'yesterday'], '--from: an instant expected, got "yesterday"'),
    (['list', '--limit', '-1'], '--limit: a number from 0 expected, got "-1"'),
    (['requeue'], 'which? Name letters'),
    (['requeue', '1:2', '--all'], 'letters are named, or chosen by options: not both'),
])
def test_wrong_usage(d, options, message):
    status, out, err = dlq(d.config(), *options)
    assert status == 64 and out == '' and message in err
