# SPDX-License-Identifier: Apache-2.0
"""scored@TENANT: each with its own configuration, socket, user and state, on one machine."""
import os

import pytest

from live import wait_for
from service import Service, start_redis

TENANTS = ('acme', 'globex')


@pytest.fixture(scope='module')
def machine(boot, kafka):
    machine = boot(os.environ['SCORED_TEST_INSTALLED'])
    start_redis(machine)
    return machine


@pytest.fixture(scope='module')
def tenants(machine, tmp_path_factory):
    tenants = [Service(machine, tmp_path_factory.mktemp(name), tenant=name) for name in TENANTS]
    for tenant in tenants:
        tenant.configure()
    machine.run('systemctl start scored-http@acme.socket scored-http@globex.socket scored@acme scored@globex')
    return tenants


def test_state(tenants):
    """An event of the same lead is each one's own: topics and keys are."""
    for tenant in tenants:
        tenant.works('lead of both')
    for tenant in tenants:
        assert len(tenant.deployment.outputs('stages')) == 1


def test_configuration(tenants, machine):
    """Of all that is in /etc/scored each sees its own, and may not change it."""
    for tenant, name in zip(tenants, TENANTS):
        seen = machine.run(f'cd /proc/{tenant.pid()}/root/etc/scored && find . -mindepth 1 -maxdepth 2').stdout.split()
        assert sorted(seen) == ['./tenants', f'./tenants/{name}']
    users = {machine.run(f'stat -c %u /proc/{tenant.pid()}').stdout.strip() for tenant in tenants}
    assert len(users) == 2 and '0' not in users


def test_sockets(tenants, machine):
    """Figures are served at a socket for each."""
    for name in TENANTS:
        ask = f'curl --silent --fail --unix-socket /run/scored-http-{name}.sock http://scored/readyz'
        wait_for(lambda command=ask: machine.run(command, check=False).returncode == 0, f'{name} is ready')


def test_apart(tenants, machine):
    """What befalls one is nothing to the other; all together can be limited."""
    acme, globex = tenants
    pid = globex.pid()
    machine.run('systemctl stop scored@acme')
    machine.write('/etc/scored/tenants/acme/scored.yaml', 'nonsense')
    assert machine.run('systemctl start scored@acme', check=False).returncode != 0
    assert acme.property('ExecMainStatus') == '78'
    globex.works('of globex alone')
    assert globex.pid() == pid
    assert globex.property('Slice') == 'system-scored.slice'
