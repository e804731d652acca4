# SPDX-License-Identifier: Apache-2.0
"""What the tests of the package begin with: tests/package/run tells where roots and packages are."""
import os
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'integration'))
pytest.register_assert_rewrite('live', 'machine', 'service')
import live  # noqa: E402
from machine import Machine  # noqa: E402


@pytest.fixture(scope='session')
def kafka():
    """A broker beside the machines, which share the host's network."""
    with tempfile.TemporaryDirectory(prefix='k') as folder:
        live.BOOTSTRAP = live.server('kafka', 'start', folder)
        yield live.BOOTSTRAP
        live.server('kafka', 'stop', folder)


@pytest.fixture(scope='module')
def boot(tmp_path_factory):
    """Boots machines; pulls their plugs."""
    machines = []

    def make(layers, **options):
        console = tmp_path_factory.mktemp('machine') / 'console'
        machines.append(Machine(layers, str(console), **options))
        return machines[-1]
    yield make
    for machine in machines:
        machine.stop()
