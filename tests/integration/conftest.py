# SPDX-License-Identifier: Apache-2.0
"""What every test on real servers begins with."""
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.register_assert_rewrite('live')
import live  # noqa: E402

# Tests that run at a time share the brokers, for each has topics and a group of its own; but some empty Redis.
REDIS_OF_WORKER = tempfile.mkdtemp(prefix='r') if os.environ.get('PYTEST_XDIST_WORKER') and live.REDIS else None
if REDIS_OF_WORKER:
    live.REDIS = live.server('redis', 'start', REDIS_OF_WORKER)


def pytest_unconfigure():
    """The last that a worker does."""
    if REDIS_OF_WORKER:
        live.server('redis', 'stop', REDIS_OF_WORKER)
        shutil.rmtree(REDIS_OF_WORKER, ignore_errors=True)


@pytest.fixture(scope='session')
def servers():
    """Those that all tests share."""
    if not live.BOOTSTRAP or not live.REDIS:
        pytest.skip('SCORED_TEST_BOOTSTRAP and SCORED_TEST_REDIS name no servers')


@pytest.fixture
def deploy(servers, tmp_path):
    """Makes deployments; ends their processes."""
    made = []

    def make(*args, **options):
        made.append(live.Deployment(tmp_path, *args, **options))
        return made[-1]
    yield make
    for deployment in made:
        deployment.close()


@pytest.fixture
def model(tmp_path):
    """Writes a model file from text; its path."""
    def write(text, name='model.yaml'):
        path = str(tmp_path / name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path
    return write


@pytest.fixture
def own_redis(servers, tmp_path_factory):
    """For a Redis that the test starts and may kill: its folder, whose path a socket's has room for."""
    folder = str(tmp_path_factory.mktemp('r'))
    yield folder
    live.server('redis', 'stop', folder)


@pytest.fixture
def own_kafka(servers, tmp_path_factory):
    """Likewise."""
    folder = str(tmp_path_factory.mktemp('k'))
    yield folder
    live.server('kafka', 'stop', folder)


@pytest.fixture
def in_background(servers):
    """Calls a function; result() of what it returns waits for its end, and raises what it raised."""
    with ThreadPoolExecutor() as pool:
        yield pool.submit
