# SPDX-License-Identifier: Apache-2.0
"""Brokers and a pair of Redis servers behind proxies, and what can be done to them."""
import base64
import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import redis

from live import free_port, server, wait_for
from proxy import Proxy

TMPFS_MIB = 768
AOF_FOLDER = 'appendonlydir'
AOF_REWRITE = 'auto-aof-rewrite-min-size 32mb'  # or it would fill that by itself


class Broker:
    """Kafka, with a listener for the campaign itself and one that is reached through a proxy only."""

    def __init__(self, folder, node=1):
        self.folder, self.node = folder, node
        self.port, self.inner_port, self.controller_port = free_port(), free_port(), free_port()
        self.proxy = Proxy(self.inner_port)

    def start(self, cluster_id, voters, settings):
        settings = {
            'listeners': f'PLAINTEXT://127.0.0.1:{self.port},PROXIED://127.0.0.1:{self.inner_port},'
                         f'CONTROLLER://127.0.0.1:{self.controller_port}',
            'advertised.listeners': f'PLAINTEXT://127.0.0.1:{self.port},PROXIED://127.0.0.1:{self.proxy.port}',
            'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT',
            'inter.broker.listener.name': 'PLAINTEXT',
            'controller.quorum.voters': voters,
            'broker.session.timeout.ms': '3000',
        } | settings
        options = [option for name, value in settings.items() for option in ('--set', f'{name}={value}')]
        server('kafka', 'start', self.folder, '--port', str(self.port), '--node', str(self.node), '--cluster-id', cluster_id, *options)

    def crash(self):
        server('kafka', 'stop', self.folder, '--kill')

    def close(self):
        server('kafka', 'stop', self.folder, '--kill')
        self.proxy.close()


class Cluster:
    """One broker, or several that keep all that they acknowledge twice at least."""

    def __init__(self, folder, n_brokers):
        self.brokers = [Broker(f'{folder}{i}', i + 1) for i in range(n_brokers)]
        self.cluster_id = base64.urlsafe_b64encode(b'faults' + os.urandom(10)).decode().rstrip('=')
        self.voters = ','.join(f'{broker.node}@127.0.0.1:{broker.controller_port}' for broker in self.brokers)
        self.bootstrap = ','.join(f'127.0.0.1:{broker.port}' for broker in self.brokers)
        self.bootstrap_proxied = ','.join(f'127.0.0.1:{broker.proxy.port}' for broker in self.brokers)
        self.settings = {} if n_brokers == 1 else {
            'default.replication.factor': n_brokers, 'min.insync.replicas': n_brokers - 1,
            'offsets.topic.replication.factor': n_brokers, 'transaction.state.log.replication.factor': n_brokers,
            'transaction.state.log.min.isr': n_brokers - 1,
        }

    def start(self):
        """At once: none is up before most of them are."""
        with ThreadPoolExecutor(max_workers=len(self.brokers)) as pool:
            for started in [pool.submit(self.start_one, i) for i in range(len(self.brokers))]:
                started.result()

    def start_one(self, which):
        self.brokers[which].start(self.cluster_id, self.voters, self.settings)

    def crash(self, which):
        self.brokers[which].crash()

    def of(self, chance):
        """A broker by a number below 1."""
        return int(chance * 1e6) % len(self.brokers)

    def close(self):
        for broker in self.brokers:
            broker.close()


class RedisPair:
    """A master with a replica. The proxy leads to whichever is the master; both keep an append-only file."""

    def __init__(self, folder):
        self.folder = folder
        self.is_mounted = False
        self.folders = [os.path.join(folder, name) for name in ('r1', 'r2')]
        self.ports = [free_port(), free_port()]
        self.master = 0
        self.proxy = Proxy(self.ports[0])
        self.address = f'tcp:127.0.0.1:{self.proxy.port}'

    def start(self):
        """On a disk of its own, small enough to be filled. Without the right to mount one, none is ever full."""
        os.makedirs(self.folder, exist_ok=True)
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={TMPFS_MIB}m', 'none', self.folder], stderr=subprocess.DEVNULL,
                              check=False)
        self.is_mounted = done.returncode == 0
        for path in self.folders:
            os.makedirs(path, exist_ok=True)
        self._start(0)
        self._start(1, replica=True)

    def client(self, which=None, seconds=30):
        port = self.ports[self.master if which is None else which]
        return redis.Redis(port=port, socket_timeout=seconds)

    def _start(self, which, replica=False, aof=True):
        options = ['--set', AOF_REWRITE] + (['--aof'] if aof else [])
        if replica:
            options += ['--set', f'replicaof 127.0.0.1 {self.ports[1 - which]}']
        start = ['redis', 'start', self.folders[which], '--port', str(self.ports[which]), *options]
        try:
            server(*start)
        except subprocess.CalledProcessError:
            if not os.path.exists(self._path(which, AOF_FOLDER)):
                raise
            self._forget(which)  # what was on a disk that had been full cannot be read: as an operator would
            server(*start)

    def _forget(self, which):
        shutil.rmtree(self._path(which, AOF_FOLDER), ignore_errors=True)

    def _signal(self, which, number):
        with open(os.path.join(self.folders[which], 'pid'), encoding='ascii') as file:
            os.kill(int(file.read()), number)

    def _path(self, which, name):
        return os.path.join(self.folders[which], name)

    def crash(self):
        server('redis', 'stop', self.folders[self.master], '--kill')

    def start_again(self):
        """With what it has on its disk."""
        self._start(self.master)

    def start_empty(self):
        self._forget(self.master)
        self._start(self.master)

    def snapshot(self):
        client = self.client()
        before = client.lastsave()
        time.sleep(max(0, 1.1 - (time.time() - before.timestamp())))  # or its end could not be told: it counts in seconds
        try:
            client.bgsave(schedule=True)  # later, if the append-only file is being rewritten
        except redis.ResponseError as error:
            if 'in progress' not in str(error):
                raise  # else one is made as it is, for a replica
        wait_for(lambda: client.lastsave() > before, 'a snapshot')
        shutil.copy(self._path(self.master, 'dump.rdb'), self._path(self.master, 'old.rdb'))

    def restore_snapshot(self):
        """As an operator who puts an older dump.rdb back."""
        self.crash()
        self._forget(self.master)
        shutil.copy(self._path(self.master, 'old.rdb'), self._path(self.master, 'dump.rdb'))
        self._start(self.master, aof=False)
        client = self.client()
        client.config_set('appendonly', 'yes')

        def is_kept():
            info = client.info('persistence')
            return info['aof_enabled'] and not info['aof_rewrite_in_progress'] and not info['aof_rewrite_scheduled']
        wait_for(is_kept, 'an append-only file')
        os.unlink(self._path(self.master, 'dump.rdb'))

    def _join(self, which):
        """It begins with nothing and takes all from the other."""
        self._forget(which)
        self._start(which, replica=True)

    def _hold(self, which):
        """One that is ending takes signals, too, until it is no more."""
        self._signal(which, signal.SIGSTOP)

        def is_held():
            self._signal(which, 0)  # raises, if it is gone
            with open(self._path(which, 'pid'), encoding='ascii') as pid, open(f'/proc/{pid.read().strip()}/stat', encoding='ascii') as file:
                state = file.read().rpartition(')')[2].split()[0]
            if state in 'ZX':
                raise ProcessLookupError(state)
            return state == 'T'
        wait_for(is_held, 'the replica stands')

    def hold_replica(self):
        which = 1 - self.master
        try:
            self._hold(which)
        except (ProcessLookupError, FileNotFoundError):
            # a full disk has ended it: as an operator would
            self._join(which)
            wait_for(lambda: self.client(which).info('replication')['master_link_status'] == 'up', 'the replica')
            self._hold(which)

    def fail_over(self):
        """The master is lost; the replica, which lags since it was held, becomes it. The former one comes back as its replica."""
        self.crash()
        self.master = 1 - self.master
        self._signal(self.master, signal.SIGCONT)
        client = self.client()
        client.replicaof('NO', 'ONE')
        self.proxy.aim(self.ports[self.master])
        self._join(1 - self.master)

    def fill(self):
        """Nothing can be written to its disk any more."""
        with open(os.path.join(self.folder, 'filler'), 'wb', buffering=0) as file:
            try:
                while True:
                    file.write(b'\0' * (1 << 20))
            except OSError:
                pass

    def make_room(self):
        path = os.path.join(self.folder, 'filler')
        if os.path.exists(path):
            os.unlink(path)

    def close(self):
        for which, folder in enumerate(self.folders):
            if os.path.exists(self._path(which, 'pid')):
                try:
                    self._signal(which, signal.SIGCONT)
                except (ProcessLookupError, ValueError):
                    pass
            server('redis', 'stop', folder, '--kill')
        self.proxy.close()
        if self.is_mounted:
            subprocess.run(['umount', '-l', self.folder], check=False)
