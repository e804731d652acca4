# SPDX-License-Identifier: Apache-2.0
"""The package is installed on a Debian that has never seen it, set to work, upgraded, removed. In this order."""
import os

import pytest

import live
from live import wait_for
from service import MODEL, Service, start_redis

DEB, NEXT = os.environ['SCORED_TEST_DEB'], os.environ['SCORED_TEST_NEXT_DEB']
APT = 'apt-get -qq -y -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold'
INSTALL = f'{APT} install --no-install-recommends'
TESTS = os.path.join(live.ROOT, 'debian', 'tests')


@pytest.fixture(scope='module')
def machine(boot, kafka):
    return boot(os.environ['SCORED_TEST_BASE'],
                binds=[f'{os.environ["SCORED_TEST_ARCHIVES"]}:/var/cache/apt/archives', f'{os.path.dirname(DEB)}:/packages'])


@pytest.fixture(scope='module')
def services(machine, tmp_path_factory):
    """One for itself, and one of a tenant."""
    return [Service(machine, tmp_path_factory.mktemp('service')), Service(machine, tmp_path_factory.mktemp('tenant'), tenant='acme')]


def inside(path):
    return f'/packages/{os.path.basename(path)}'


def test_its_own_tests(boot):
    """debian/tests, as autopkgtest runs them; with a loopback of their own, for they use ports that a host may use, too."""
    machine = boot(os.environ['SCORED_TEST_INSTALLED'], binds=[f'{TESTS}:/tests'], alone=True)
    for name in ('files', 'completion', 'service'):
        machine.run(f'/tests/{name}')


def test_install(machine):
    """It brings what it needs, is whole, and waits to be configured."""
    machine.run('apt-get -qq update')
    machine.run(f'{INSTALL} {inside(DEB)}')
    machine.run('dpkg --verify scored && scored check')
    for unit in ('scored.service', 'scored-http.socket'):
        assert machine.run(f'systemctl is-enabled {unit}', check=False).stdout.strip() == 'disabled'
        assert machine.property(unit, 'ActiveState') == 'inactive'
        assert machine.property(unit, 'LoadState') == 'loaded'
    for path in ('/usr/share/scored/schemas/LeadEvent.avsc', '/usr/share/scored/grafana/scored.json',
                 '/usr/share/scored/prometheus/scored.rules.yml', '/etc/scored/model.yaml', '/usr/share/doc/scored/README.Debian'):
        machine.run(f'test -s {path}')
    assert machine.run('stat -c %a:%U /etc/scored/credentials').stdout.strip() == '700:root'


def test_work(machine, services):
    """Configured as README.Debian says it does what it is for."""
    machine.run(f'systemctl mask redis-server && {INSTALL} redis-server && systemctl unmask redis-server')
    start_redis(machine)
    for service in services:
        service.configure()
        machine.run(f'systemctl enable --now {service.unit}')
        service.works('first')
    machine.run('systemctl enable scored-http@acme.socket scored-http@globex.socket')


def test_upgrade(machine, services):
    """What was changed in the configuration is kept, what was not is the new version's; what runs is restarted and goes on."""
    kept = machine.read('/etc/scored/scored.yaml')
    machine.write('/etc/scored/model.yaml', MODEL)
    pids = [service.pid() for service in services]
    machine.run(f'{INSTALL} {inside(NEXT)}')
    for service, pid in zip(services, pids):
        service.await_restart(pid)
        service.works('second')
        service.works('third')
        assert len(service.deployment.outputs('stages')) == 3
    assert machine.read('/etc/scored/scored.yaml') == kept
    assert '# of the next version' in machine.read('/etc/scored/scored.yaml.dpkg-dist')
    assert '# of the next version' in machine.read('/etc/scored/model.test.yaml')
    assert [machine.run(f'systemctl is-enabled {service.unit}').stdout.strip() for service in services] == ['enabled', 'enabled']


def test_upgrade_of_a_stopped_one(machine, services):
    """It stays so."""
    machine.run(f'systemctl stop {" ".join(service.unit for service in services)}')
    machine.run(f'{APT} install --allow-downgrades {inside(DEB)}')
    assert {service.property('ActiveState') for service in services} == {'inactive'}
    machine.run(f'systemctl start {" ".join(service.unit for service in services)}')
    for service in services:
        service.works('fourth')


def test_remove(machine, services):
    """All is stopped; the configuration is still there."""
    machine.run(f'{APT} remove scored')
    assert {service.property('ActiveState') for service in services} == {'inactive'}
    assert machine.run('pgrep -x scored', check=False).stdout == ''
    machine.run('test -s /etc/scored/scored.yaml')


def test_purge(machine):
    """What it brought is gone, and what its units were enabled by; what others have added is not."""
    own = '/etc/systemd/system/multi-user.target.wants/scored@own.service'
    machine.run(f'ln -s /etc/systemd/system/scored@.service {own}')
    machine.run(f'{APT} purge scored')
    assert machine.run('dpkg-query -W scored', check=False).returncode != 0
    left = set(machine.run('find / -xdev -name "*scored*" -not -path "/proc/*" -not -path "/packages/*" -not -path "/var/cache/*" '
                           '-not -path "/var/log/*" -not -path "/etc/scored/*"').stdout.split())
    assert left == {'/etc/scored', '/etc/systemd/system/scored.service.d', '/etc/systemd/system/scored@acme.service.d',
                    own}
    assert sorted(machine.run('ls /etc/scored').stdout.split()) == ['credentials', 'tenants']
