# SPDX-License-Identifier: Apache-2.0
"""The units do what they say, under a systemd that has booted. Each test leaves the service running."""
import json
import os
import signal

import pytest

import live
from live import wait_for
from service import MODEL, Service, next_version, start_redis


@pytest.fixture(scope='module')
def machine(boot, kafka):
    machine = boot(os.environ['SCORED_TEST_INSTALLED'])
    start_redis(machine)
    return machine


@pytest.fixture(scope='module')
def service(machine, tmp_path_factory):
    service = Service(machine, tmp_path_factory.mktemp('service'))
    service.configure()
    machine.run('systemctl start scored')
    return service


def test_starts(service, machine):
    """`systemctl start` returns when it is ready; it has a user of its own, no rights, its secret, and the group of Redis's socket."""
    assert service.property('ActiveState') == 'active'
    assert 'event=pipeline.ready' in service.journal()
    assert service.works('starts')['to'] == 'mql'
    status = dict(line.split(':\t', 1) for line in machine.read(f'/proc/{service.pid()}/status').splitlines() if ':\t' in line)
    assert 61184 <= int(status['Uid'].split()[0]) <= 65519, 'a dynamic user'
    assert int(status['CapEff'], 16) == 0 and status['NoNewPrivs'] == '1' and status['Seccomp'] == '2'
    assert machine.run(f'stat -c %a /run/scored').stdout.strip() == '755'
    assert service.property('NRestarts') == '0'


def test_journal(service, machine):
    """Lines come with the unit and the process that they are of."""
    lines = [json.loads(line) for line in machine.run(f'journalctl --unit scored --output json _PID={service.pid()}').stdout.splitlines()]
    assert any('event=pipeline.ready' in line['MESSAGE'] for line in lines)
    assert all(line['_SYSTEMD_UNIT'] == 'scored.service' and line['_COMM'] == 'scored' for line in lines)


def test_reload(service, machine):
    """A new version of the model is taken without a restart; one with errors, and its reload, change nothing."""
    pid = service.pid()
    machine.write('/etc/scored/model.yaml', next_version(MODEL, 2))
    machine.run('systemctl reload scored')
    service.await_journal('event=model.loaded model=small version=2')
    wait_for(lambda: service.property('SubState') == 'running', 'it has been reloaded')
    assert service.works('reloaded')['model_version'] == 2
    machine.write('/etc/scored/model.yaml', next_version(MODEL, 3).replace('tracks:', 'tricks:'))
    machine.run('systemctl reload scored')
    service.await_journal('event=model.refused')
    assert service.works('refused')['model_version'] == 2
    assert service.pid() == pid and service.property('NRestarts') == '0'
    machine.write('/etc/scored/model.yaml', next_version(MODEL, 2))


def test_killed(service, machine):
    """It is started again at once, and goes on."""
    pid = service.pid()
    machine.run(f'kill -{signal.SIGKILL.value} {pid}')
    service.await_restart(pid)
    assert service.property('NRestarts') == '1'
    service.works('killed')


def test_watchdog(service, machine):
    """One that hangs is ended by systemd, and another started."""
    service.drop_in('watchdog', 'WatchdogSec=2')
    machine.run('systemctl restart scored')
    pid = service.pid()
    machine.run(f'kill -{signal.SIGSTOP.value} {pid}')
    service.await_restart(pid)
    assert 'Watchdog timeout' in service.journal()
    assert service.property('NRestarts') == '1'
    service.works('hung')
    service.drop_in('watchdog', None)


def test_stops(service, machine):
    """Within TimeoutStopSec, after which systemd would say otherwise; and of itself, with what was under way committed."""
    service.works('before the stop')
    machine.run('systemctl stop scored')
    assert service.property('Result') == 'success' and service.property('ExecMainStatus') == '0'
    assert 'event=pipeline.stopped' in service.journal()
    assert machine.run('test -e /run/scored', check=False).returncode == 1
    machine.run('systemctl start scored')
    service.works('after the stop')


def test_wrong_configuration(service, machine):
    """It ends with status 78, and is not started again until somebody does."""
    right = machine.read('/etc/scored/scored.yaml')
    machine.run('systemctl stop scored')
    machine.write('/etc/scored/scored.yaml', right.replace('max_events:', 'max_evnts:'))
    assert machine.run('systemctl start scored', check=False).returncode != 0
    assert (service.property('ActiveState'), service.property('ExecMainStatus')) == ('failed', '78')
    # one that is to be restarted is "activating" from the moment that its process has ended
    assert service.property('NRestarts') == '0'
    assert 'did you mean "max_events"' in service.journal()
    machine.write('/etc/scored/scored.yaml', right)
    machine.run('systemctl start scored')
    service.works('right again')


def niceness(machine, pid):
    """Of each of its threads."""
    lines = machine.run(f'cat /proc/{pid}/task/*/stat').stdout.splitlines()
    return [int(line.rsplit(')', 1)[1].split()[16]) for line in lines]


def test_board(service, machine):
    """It is served in the sandbox, by threads that step back behind those that score."""
    right = machine.read('/etc/scored/scored.yaml')
    machine.write('/etc/scored/scored.yaml',
                  right.replace('listen: off', 'listen: unix:/run/scored/http.sock').replace('board: false', 'board: true'))
    machine.run('systemctl restart scored')
    service.works('on the board')
    ask = 'curl --silent --fail --unix-socket /run/scored/http.sock http://scored/board/v1/state'
    wait_for(lambda: 'on the board' in machine.run(ask, check=False).stdout, 'the board shows a lead')
    assert sorted(set(niceness(machine, service.pid()))) == [0, 10]
    machine.write('/etc/scored/scored.yaml', right)
    machine.run('systemctl restart scored')


def told_watchdog(service):
    return int(service.property('WatchdogTimestampMonotonic'))


def test_redis_away(service, machine):
    """It outlasts an outage that is longer than the watchdog waits, for it goes on to look whether Redis is back."""
    service.drop_in('watchdog', 'WatchdogSec=2')
    machine.run('systemctl restart scored')
    pid = service.pid()
    machine.run('systemctl stop redis-server')
    service.deployment.send(live.event('during the outage', 'form'))
    service.await_journal('event=view.away')
    away = told_watchdog(service)
    wait_for(lambda: told_watchdog(service) > away + 4_000_000, 'it tells the watchdog of progress for longer than that waits')
    machine.run('systemctl start redis-server')
    service.works('after the outage')
    assert service.pid() == pid
    service.drop_in('watchdog', None)


def test_socket(service, machine):
    """The socket that systemd listens on is served by whichever process there is; it comes up with a request."""
    machine.write('/etc/systemd/system/scored-http.socket.d/place.conf', '[Socket]\nListenStream=\nListenStream=/run/scored-http.sock\n')
    machine.run('systemctl daemon-reload; systemctl stop scored; systemctl start scored-http.socket')
    assert service.property('ActiveState') == 'inactive'
    ask = 'curl --silent --fail --unix-socket /run/scored-http.sock http://scored/readyz'
    wait_for(lambda: machine.run(ask, check=False).returncode == 0, 'it is ready')
    assert service.property('ActiveState') == 'active'
    service.works('by its socket')
