# SPDX-License-Identifier: Apache-2.0
"""`scored topics` lists what there is and what is wrong, and creates what the daemon would."""
import json
import shlex
import subprocess

import pytest

import live
from live import SMALL

OWN = ['changelog', 'internal', 'stages', 'sla', 'refused', 'retired', 'dead_letters']


def topics(config, *options):
    """Exit status, standard output, standard error."""
    done = subprocess.run([live.PROGRAM, 'topics', '--config', config, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, check=False, text=True)
    return done.returncode, done.stdout, done.stderr


def look(d, *options, **changes):
    """Exit status; use -> (partitions, policy, created), of sources by their names; and the findings that are not well."""
    status, out, err = topics(d.config(**changes), '--json', *options)
    assert err == ''
    found = json.loads(out)
    rows = {row['topic'] if row['use'].endswith('source') else row['use']: (row['partitions'], row['cleanup_policy'], row['created'])
            for row in found['topics']}
    return status, rows, [(f['severity'], f['subject'].replace(d.name, 'P'), f['text'].replace(d.name, 'P'), f['remedy'])
                          for f in found['findings'] if f['severity'] in ('warning', 'error')]


def expected(is_created):
    policies = {use: 'compact' if use == 'changelog' else 'delete' for use in OWN}
    return {use: (4, policy, is_created) for use, policy in policies.items()}


@pytest.fixture
def d(deploy, model):
    return deploy(model(SMALL), n_partitions=4)


def test_creates_what_the_daemon_would(d):
    source = {d.sources[0]: (4, None, False)}
    status, rows, wrong = look(d)
    assert (status, wrong) == (0, []) and rows == source | {use: (0, None, False) for use in OWN}
    # Also where it is the operator, and not the daemon, who may create them.
    no_create = {'prefix': d.name, 'create': False}
    status, _, wrong = look(d, topics=no_create)
    assert status == 1 and ('error', 'topic P.changelog', 'there is no such topic', 'create it, or set topics.create to true') in wrong
    status, rows, wrong = look(d, '--create', topics=no_create)
    assert (status, wrong) == (0, []) and rows == source | expected(True)
    status, rows, wrong = look(d, '--create')
    assert (status, wrong) == (0, []) and rows == source | expected(False)
    daemon = d.start()
    daemon.await_log('shards.assigned')
    assert daemon.stop() == 0
    assert 'topic.created' not in daemon.log() and 'topics.refused' not in daemon.log()


def test_creates_nothing_where_something_is_wrong(d):
    d.create_topics({f'{d.name}.changelog': 4, f'{d.name}.sla': 1})
    status, rows, wrong = look(d, '--create')
    assert status == 1
    assert wrong == [('error', 'topic P.changelog',
                      'its cleanup.policy is delete: records of quiet leads would be deleted by age, and their scores lost',
                      'set its cleanup.policy to compact')]
    assert rows['changelog'] == (4, 'delete', False) and rows['sla'] == (1, 'delete', False) and rows['internal'] == (0, None, False)


def test_sources_that_do_not_pair_up(deploy, model):
    d = deploy(model(SMALL), n_partitions=4, sources=('web', 'crm', 'small'), counts={'small': 3})
    status, _, wrong = look(d)
    assert status == 1
    assert wrong == [('error', 'source P.small', "it has 3 partitions, but there are 4 shards: a lead's events would not meet in one",
                      f'route: [{d.name}.small]')]
    d.routed = [f'{d.name}.small']
    status, rows, wrong = look(d)
    assert (status, wrong) == (0, []) and rows[f'{d.name}.small'] == (3, None, False)


def test_the_list_is_for_people_too(d):
    status, out, _ = topics(d.config(sources=d.sources + ['absent']))
    assert status == 1
    assert f'  source        {d.sources[0]:40} 4 partitions\n' in out
    assert f'  source        {"absent":40} not there\n' in out
    assert '  error    source absent: there is no such topic\n           to do: create it, or correct `sources`\n' in out


def test_how_many_partitions_is_not_guessed(d):
    status, out, _ = topics(d.config(sources=['absent']))
    assert status == 1
    assert "stages: it is not there yet: `scored run` creates it when it knows the sources' partitions\n" in out


def rights_of_lines(text):
    """What kafka-acls.sh would be told, in the form of --json."""
    found = []
    for line in text.splitlines():
        words = shlex.split(line)
        assert words.pop(0) == '--add'
        options = dict(zip(words[::2], words[1::2]))
        resource, = set(options) & {'--topic', '--group', '--transactional-id'}
        operation = ''.join(f'_{c}' if c.isupper() else c for c in options['--operation']).lstrip('_')
        found.append({'principal': options['--allow-principal'], 'resource': resource.lstrip('-').replace('-', '_').upper(),
                      'name': options[resource], 'pattern': options.get('--resource-pattern-type', 'literal').upper(),
                      'operation': operation.upper()})
    return found


def test_rights_as_lines_and_as_json(d):
    """Without a broker; test_secure_kafka.py grants them."""
    config = d.config(kafka={'bootstrap_servers': '127.0.0.1:1', 'group': "it's mine", 'properties': {'sasl.username': 'by config'}},
                      topics={'prefix': d.name, 'sla': 'elsewhere'})
    for options, principal in ([], 'User:by config'), (['--principal', 'User:someone'], 'User:someone'):
        status, lines, _ = topics(config, '--acls', *options)
        assert status == 0
        status, text, _ = topics(config, '--acls', '--json', *options)
        assert status == 0
        rights = json.loads(text)
        assert rights_of_lines(lines) == rights and {right['principal'] for right in rights} == {principal}
        assert {'principal': principal, 'resource': 'GROUP', 'name': "it's mine", 'pattern': 'LITERAL', 'operation': 'READ'} in rights


@pytest.mark.parametrize('options, message', [
    (['--acls'], '--principal is needed: the configuration has no sasl.username'),
    (['--acls', '--principal', 'scored'], '--principal: a type and a name expected'),
    (['--acls', '--create', '--principal', 'User:scored'], '--acls asks no server'),
    (['--principal', 'User:scored'], '--principal goes with --acls only'),
    (['more'], 'unexpected argument "more"'),
])
def test_wrong_usage(d, options, message):
    status, out, err = topics(d.config(), *options)
    assert status == 64 and out == '' and message in err
