# SPDX-License-Identifier: Apache-2.0
"""The daemon on a Kafka that encrypts, asks who it is, and lets it do what the README lists and nothing else."""
import json
import os
import subprocess

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient, ResourcePatternType, ResourceType,
                                   ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion)

import live
from asking import ask
from live import SMALL, event, free_port, wait_for
from test_doctor import doctor

USER, PASSWORD = 'scored', 'p4ss, with = and "'


def openssl(*args):
    subprocess.run(['openssl', *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def certificate(folder, name, subject, authority=None):
    """A key and a certificate of that subject in PEM, by `authority` or by itself; their path without .key and .pem."""
    path = os.path.join(folder, name)
    signed = ['-CA', f'{authority}.pem', '-CAkey', f'{authority}.key'] if authority else ['-addext', 'basicConstraints=critical,CA:TRUE']
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', subject, '-addext', 'subjectAltName=IP:127.0.0.1',
            *(['-addext', 'basicConstraints=CA:FALSE'] if authority else []), *signed, '-keyout', f'{path}.key', '-out', f'{path}.pem')
    return path


class SecureKafka:
    """A broker with TLS, SASL and ACLs beside a plain listener, on which the test may do everything."""

    def __init__(self, folder):
        self.folder = folder
        authority = certificate(folder, 'authority', '/CN=authority')
        broker = certificate(folder, 'broker', '/CN=broker', authority)
        self.client = certificate(folder, 'client', f'/CN={USER}', authority)
        self.authority = f'{authority}.pem'
        with open(os.path.join(folder, 'broker-store.pem'), 'w', encoding='ascii') as store:
            for part in (f'{broker}.key', f'{broker}.pem'):
                with open(part, encoding='ascii') as file:
                    store.write(file.read())
        self.sasl, self.tls = free_port(), free_port()
        jaas = 'org.apache.kafka.common.security'
        quoted = PASSWORD.replace('\\', '\\\\').replace('"', '\\\\"')  # once for JAAS, once for the file
        settings = {
            'ssl.keystore.type': 'PEM', 'ssl.keystore.location': os.path.join(folder, 'broker-store.pem'),
            'ssl.truststore.type': 'PEM', 'ssl.truststore.location': self.authority,
            'listener.name.ssl.ssl.client.auth': 'required',
            'ssl.principal.mapping.rules': 'RULE:^CN=([^,]*).*$/$1/',
            'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-512,OAUTHBEARER',
            'listener.name.sasl_ssl.plain.sasl.jaas.config': f'{jaas}.plain.PlainLoginModule required user_{USER}="{quoted}";',
            'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': f'{jaas}.scram.ScramLoginModule required;',
            'listener.name.sasl_ssl.oauthbearer.sasl.jaas.config':
                f'{jaas}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";',
            'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
            'super.users': 'User:ANONYMOUS',
        }
        options = [part for key, value in settings.items() for part in ('--set', f'{key}={value}')]
        self.bootstrap = live.server('kafka', 'start', folder, '--listen', f'SASL_SSL:{self.sasl}', '--listen', f'SSL:{self.tls}', *options)
        self.admin = AdminClient({'bootstrap.servers': self.bootstrap})
        scram = UserScramCredentialUpsertion(USER, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), PASSWORD.encode())
        self.admin.alter_user_scram_credentials([scram])[USER].result(30)

    def allow(self, rights):
        for future in self.admin.create_acls(rights).values():
            future.result(30)

    def forbid(self, rights):
        for future in self.admin.delete_acls([filter_of(right) for right in rights]).values():
            assert len(future.result(30)) == 1


def filter_of(right):
    return AclBindingFilter(right.restype, right.name, right.resource_pattern_type, right.principal, right.host, right.operation,
                            right.permission_type)


@pytest.fixture(scope='module')
def kafka(servers, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp('s'))
    yield SecureKafka(folder)
    live.server('kafka', 'stop', folder)


@pytest.fixture
def kafka_3(servers, tmp_path_factory, monkeypatch):
    """Debian 12's librdkafka cannot log in to later ones by SCRAM."""
    folder = str(tmp_path_factory.mktemp('s'))
    monkeypatch.setenv('SCORED_TEST_KAFKA_VERSION', '3.9.1')
    yield SecureKafka(folder)
    live.server('kafka', 'stop', folder)


def rights(deployment):
    """What the README says that a deployment needs."""
    def right(kind, name, operation, pattern=ResourcePatternType.LITERAL):
        return AclBinding(kind, name, pattern, f'User:{USER}', '*', operation, AclPermissionType.ALLOW)
    topic, own = ResourceType.TOPIC, f'{deployment.name}.'
    return {
        'read source': right(topic, deployment.sources[0], AclOperation.READ),
        'create': right(topic, own, AclOperation.CREATE, ResourcePatternType.PREFIXED),
        'write': right(topic, own, AclOperation.WRITE, ResourcePatternType.PREFIXED),
        'read changelog': right(topic, f'{own}changelog', AclOperation.READ),
        'read internal': right(topic, f'{own}internal', AclOperation.READ),
        'configs': right(topic, own, AclOperation.DESCRIBE_CONFIGS, ResourcePatternType.PREFIXED),
        'group': right(ResourceType.GROUP, deployment.name, AclOperation.READ),
        'transactions': right(ResourceType.TRANSACTIONAL_ID, f'{deployment.name}.', AclOperation.WRITE, ResourcePatternType.PREFIXED),
    }


@pytest.fixture
def deploy_secure(tmp_path, monkeypatch):
    """Makes deployments that the test looks at through the broker's plain listener."""
    made = []

    def make(kafka):
        monkeypatch.setattr(live, 'BOOTSTRAP', kafka.bootstrap)
        model = tmp_path / 'model.yaml'
        model.write_text(SMALL)
        # the source's name must not begin like our own topics, or "write" would let it be written
        deployment = live.Deployment(tmp_path, str(model), 2, prepare=False)
        deployment.sources = [f'source-{deployment.name}']
        deployment.counts = {deployment.sources[0]: 2}
        deployment.create_topics(deployment.counts)
        made.append(deployment)
        return deployment
    yield make
    for deployment in made:
        deployment.close()


def section(kafka, deployment, mechanism):
    """The configuration's section `kafka`."""
    def secret(name, text):
        path = deployment.path(name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text + '\n')
        return path
    properties = {'session.timeout.ms': 6000, 'ssl.ca.location': kafka.authority}
    secrets = {}
    port = kafka.sasl
    if mechanism == 'TLS':
        port = kafka.tls
        properties |= {'security.protocol': 'SSL', 'ssl.certificate.location': f'{kafka.client}.pem', 'ssl.key.location': f'{kafka.client}.key'}
    else:
        properties |= {'security.protocol': 'SASL_SSL', 'sasl.mechanism': mechanism}
        if mechanism == 'OAUTHBEARER':
            properties |= {'enable.sasl.oauthbearer.unsecure.jwt': 'true'}
            secrets = {'sasl.oauthbearer.config': secret('token', f'principal={USER} lifeSeconds=30')}
        else:
            properties |= {'sasl.username': USER}
            secrets = {'sasl.password': secret('password', PASSWORD)}
    return {'bootstrap_servers': f'127.0.0.1:{port}', 'group': deployment.name, 'properties': properties, 'secrets': secrets}


def check_live(deployment, config):
    done = subprocess.run([live.PROGRAM, 'check', '--live', '--json', '--config', config], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, check=False, text=True)
    return done.returncode, done.stdout + done.stderr


def printed_rights(deployment, config):
    """What `scored topics` prints that a deployment needs."""
    done = subprocess.run([live.PROGRAM, 'topics', '--acls', '--json', '--config', config], stdout=subprocess.PIPE, timeout=60, check=True)
    return [AclBinding(ResourceType[r['resource']], r['name'], ResourcePatternType[r['pattern']], r['principal'], '*',
                       AclOperation[r['operation']], AclPermissionType.ALLOW) for r in json.loads(done.stdout)]


def check_main_job(kafka, d, mechanism, needed=None, **sections):
    needed = needed or list(rights(d).values())
    kafka.allow(needed)
    instance = d.start('a', kafka=section(kafka, d, mechanism), **sections)
    instance.await_log('shards.assigned')
    d.send(*[event(f'lead-{i}', 'form') for i in range(20)])
    d.await_committed(20)
    wait_for(lambda: len([o for o in d.outputs('sla') if o['kind'] == 'breached']) == 20, 'all are breached')
    assert len(d.outputs('stages')) == 20
    if 'http' in sections:
        state = json.loads(ask(sections['http']['listen'], '/board/v1/state').text)
        assert state['status']['kafka'] is None and len(state['news']) == 40
    assert instance.stop() == 0
    assert PASSWORD not in instance.log()
    status, text = check_live(d, d.config('check', kafka=section(kafka, d, mechanism)))
    assert status == 0, text
    kafka.forbid(needed)


@pytest.mark.parametrize('mechanism', ['PLAIN', 'OAUTHBEARER', 'TLS'])
def test_main_job_with_the_rights_of_the_readme(kafka, deploy_secure, mechanism):
    check_main_job(kafka, deploy_secure(kafka), mechanism)


def test_main_job_with_the_rights_that_are_printed(kafka, deploy_secure):
    """`scored topics --acls`: the same."""
    d = deploy_secure(kafka)
    needed = printed_rights(d, d.config('rights', kafka=section(kafka, d, 'PLAIN')))
    assert sorted(map(str, needed)) == sorted(map(str, rights(d).values()))
    check_main_job(kafka, d, 'PLAIN', needed)


def test_board_with_the_rights_that_are_printed(kafka, deploy_secure, tmp_path_factory):
    """It reads what the main job only writes."""
    d = deploy_secure(kafka)
    http = {'listen': f'unix:{tmp_path_factory.mktemp("h")}/s', 'board': True}
    needed = printed_rights(d, d.config('rights', kafka=section(kafka, d, 'PLAIN'), http=http))
    assert len(needed) == len(rights(d)) + 5
    check_main_job(kafka, d, 'PLAIN', needed, http=http)


@pytest.mark.skipif(not os.environ.get('SCORED_TEST_FULL'), reason='fetches another Kafka')
def test_main_job_by_scram(kafka_3, deploy_secure):
    check_main_job(kafka_3, deploy_secure(kafka_3), 'SCRAM-SHA-512')


# --- what `scored doctor` says of it ---


def ends(d):
    """Of the partitions of our own topics: a record, or a transaction's mark, moves them."""
    asker = Consumer({'bootstrap.servers': live.BOOTSTRAP, 'group.id': f'{d.name}-ends'})
    topics = [name for name in asker.list_topics(timeout=30).topics if name.startswith(f'{d.name}.')]
    found = {(topic, i): asker.get_watermark_offsets(TopicPartition(topic, i), timeout=30)[1] for topic in topics for i in range(d.n_partitions)}
    asker.close()
    return found


def test_doctor_finds_nothing_wrong_with_the_rights_of_the_readme(kafka, deploy_secure):
    """Beside a daemon that works; neither it nor a topic is touched."""
    d = deploy_secure(kafka)
    needed = list(rights(d).values())
    kafka.allow(needed)
    instance = d.start('a', kafka=section(kafka, d, 'PLAIN'))
    d.send(event('lead', 'form'))
    d.await_committed(1)
    wait_for(lambda: any(o['kind'] == 'breached' for o in d.outputs('sla')), 'nothing more happens')
    before = ends(d)
    assert len(before) == 2 * 7
    status, found = doctor(d.config('doctor', kafka=section(kafka, d, 'PLAIN')))
    assert status == 0, found
    assert found['ok', 'right to write'][0]['text'] == "Write is granted on 7 topics of scored's own"
    assert found['ok', 'right to read'][0]['text'] == "Read is granted on 2 topics of scored's own"
    assert ends(d) == before
    d.send(event('lead', 'form'))
    d.await_committed(2)
    assert instance.stop() == 0
    assert 'fenced' not in instance.log()
    # Nothing but that these certificates are made for two days.
    assert [key for key in found if key[0] == 'warning'] == [('warning', f'broker 127.0.0.1:{kafka.sasl}')], found
    kafka.forbid(needed)


def test_doctor_finds_a_wrong_password(kafka, deploy_secure):
    d = deploy_secure(kafka)
    kafka_section = section(kafka, d, 'PLAIN')
    with open(kafka_section['secrets']['sasl.password'], 'w', encoding='utf-8') as file:
        file.write('wrong\n')
    status, found = doctor(d.config('doctor', kafka=kafka_section))
    login, = found['error', 'Kafka']
    assert status == 1 and 'SASL authentication error: Authentication failed' in login['text'] and 'wrong' not in login['text']
    assert login['remedy'] == 'check sasl.mechanism, sasl.username and the file of its secret'


def test_doctor_finds_that_there_is_no_tls(kafka, deploy_secure):
    d = deploy_secure(kafka)
    plain = kafka.bootstrap
    status, found = doctor(d.config('doctor', kafka=section(kafka, d, 'PLAIN') | {'bootstrap_servers': plain}))
    finding, = found['error', f'broker {plain}']
    assert status == 1 and finding['remedy'] == 'correct the port, or set security.protocol to sasl_plaintext'


@pytest.mark.skipif(not os.environ.get('SCORED_TEST_FULL'), reason='waits for an answer until the time is over')
def test_doctor_finds_that_there_is_tls(kafka, deploy_secure):
    """Where none is configured."""
    d = deploy_secure(kafka)
    status, found = doctor(d.config('doctor', kafka={'bootstrap_servers': f'127.0.0.1:{kafka.sasl}', 'group': d.name}))
    finding, = found['error', 'Kafka']
    assert status == 1 and 'incorrect security.protocol configuration' in finding['text']


@pytest.mark.parametrize('missing, subject', [
    ('read source', 'source {source}'), ('configs', 'topic {name}.changelog'), ('group', 'group {name}'),
    ('transactions', 'transactional id {name}.doctor'), ('write', 'topic {name}.internal'), ('read changelog', 'topic {name}.changelog')])
def test_doctor_finds_a_missing_right(kafka, deploy_secure, missing, subject):
    d = deploy_secure(kafka)
    d.create_topics({f'{d.name}.changelog': 2}, **{'cleanup.policy': 'compact'})
    d.create_topics({f'{d.name}.internal': 2})
    needed = rights(d)
    kafka.allow([right for name, right in needed.items() if name != missing])
    status, found = doctor(d.config('doctor', kafka=section(kafka, d, 'PLAIN')))
    finding = found['error', subject.format(name=d.name, source=d.sources[0])][0]
    assert status == 1 and 'uthorization failed' in finding['text'], finding
    if missing in ('write', 'read changelog'):
        right = missing.split()[0]
        assert (finding['text'], finding['expected']) == (
            f'this user may not {right} it: Topic authorization failed', f'{right.title()} on the topic')
    assert set(ends(d).values()) == {0}
    kafka.forbid([right for name, right in needed.items() if name != missing])


@pytest.mark.skipif(live.library_version('librdkafka') >= (2, 6, 1), reason='this librdkafka can log in to all brokers by SCRAM')
def test_scram_that_cannot_be_says_why(kafka, deploy_secure):
    d = deploy_secure(kafka)
    instance = d.start('a', kafka=section(kafka, d, 'SCRAM-SHA-512'))
    instance.await_log('event=kafka.login ')
    assert 'remedy="check sasl.username and the password' in instance.log()


def test_a_wrong_password_says_so_and_waits(kafka, deploy_secure):
    d = deploy_secure(kafka)
    kafka_section = section(kafka, d, 'PLAIN')
    with open(kafka_section['secrets']['sasl.password'], 'w', encoding='utf-8') as file:
        file.write('wrong\n')
    instance = d.start('a', kafka=kafka_section)
    instance.await_log('event=kafka.login ')
    assert 'wrong' not in instance.log()
    assert instance.stop() == 0


@pytest.mark.parametrize('missing', ['read source', 'create', 'write', 'read changelog', 'read internal', 'configs', 'group', 'transactions'])
def test_each_right_is_needed(kafka, deploy_secure, missing):
    """At the first start already: without it nothing is told, and the log says what is not allowed; with it, while the daemon waits, all is."""
    d = deploy_secure(kafka)
    needed = rights(d)
    kafka.allow([right for name, right in needed.items() if name != missing])
    instance = d.start('a', kafka=section(kafka, d, 'PLAIN'))
    d.send(event('lead', 'form'))
    instance.await_log('uthoriz')
    if missing == 'read changelog':
        instance.await_log(' right=Read ')
    assert not d.outputs('stages')
    kafka.allow([needed[missing]])
    wait_for(lambda: d.outputs('stages'), 'the change is told')
    assert instance.stop() == 0
    kafka.forbid(list(needed.values()))
