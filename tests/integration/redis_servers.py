# SPDX-License-Identifier: Apache-2.0
"""Several Redis servers that belong together: a master with a replica and sentinels, and a cluster."""
import os
import signal
import subprocess
from contextlib import contextmanager

import redis

import live
from live import free_port, wait_for


def settings(pairs):
    return [part for name, value in pairs.items() for part in ('--set', f'{name} {value}')]


class Sentinels:
    """A master, a replica of it, and three sentinels who agree by two."""

    NAME = 'mymaster'

    def __init__(self, folder):
        self.folder = folder
        self.ports = [free_port(), free_port()]
        self.sentinel_ports = [free_port() for _ in range(3)]
        self.sentinels = []

    def start_all(self):
        self.start(0)
        self.start(1, replica_of=0)
        wait_for(lambda: self.client(0).info('replication')['connected_slaves'] == 1, 'the replica is there')
        for i in range(3):
            self.start_sentinel(i)
        wait_for(lambda: all(self.knows_all(i) for i in range(3)), 'the sentinels know each other')

    def server_folder(self, which):
        return os.path.join(self.folder, f'r{which}')

    def start(self, which, replica_of=None):
        more = {} if replica_of is None else {'replicaof': f'127.0.0.1 {self.ports[replica_of]}'}
        more |= {'repl-diskless-sync-delay': 0, 'repl-ping-replica-period': 1}
        live.server('redis', 'start', self.server_folder(which), '--port', str(self.ports[which]), *settings(more))

    def start_sentinel(self, which):
        path = os.path.join(self.folder, f'sentinel{which}.conf')
        with open(path, 'w', encoding='ascii') as file:
            file.write('\n'.join([
                f'port {self.sentinel_ports[which]}', 'bind 127.0.0.1', f'dir {self.folder}', f'logfile {self.folder}/sentinel{which}.log',
                f'sentinel monitor {self.NAME} 127.0.0.1 {self.ports[0]} 2', f'sentinel down-after-milliseconds {self.NAME} 800',
                f'sentinel failover-timeout {self.NAME} 3000', '']))
        self.sentinels.append(subprocess.Popen(['redis-server', path, '--sentinel']))

    def sentinel(self, which):
        return redis.Redis(port=self.sentinel_ports[which])

    def knows_all(self, which):
        try:
            master = self.sentinel(which).execute_command('SENTINEL', 'MASTERS')[0]
        except redis.ConnectionError:
            return False
        return int(master[b'num-other-sentinels']) == 2 and int(master[b'num-slaves']) >= 1 and master[b'flags'] == b'master'

    def failover(self):
        """Asks for one. False: the sentinel does not take the replica for fit yet, which may have lost touch just now."""
        try:
            return self.sentinel(0).execute_command('SENTINEL', 'FAILOVER', self.NAME)
        except redis.ResponseError as error:
            if 'NOGOODSLAVE' in str(error):
                return False
            raise

    def client(self, which):
        return redis.Redis(port=self.ports[which])

    def signal(self, which, number):
        with open(os.path.join(self.server_folder(which), 'pid'), encoding='ascii') as file:
            os.kill(int(file.read()), number)

    def is_master(self, which):
        try:
            return self.client(which).info('replication')['role'] == 'master'
        except redis.ConnectionError:
            return False

    def hosts(self):
        return [f'127.0.0.1:{port}' for port in self.sentinel_ports]

    def section(self, deployment, **changes):
        return {'sentinels': self.hosts(), 'master': self.NAME, 'prefix': deployment.name} | changes

    def close(self):
        for process in self.sentinels:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
        for which in range(len(self.ports)):
            if os.path.exists(os.path.join(self.server_folder(which), 'pid')):
                try:
                    self.signal(which, signal.SIGCONT)
                except ProcessLookupError:
                    pass
            live.server('redis', 'stop', self.server_folder(which), '--kill')


class Cluster:
    """Masters that share the slots evenly, each with as many replicas; with `certificates` (registry.certificates()) by TLS only."""

    def __init__(self, folder, n_masters=3, n_replicas=0, certificates=None, **settings):
        self.folder = folder
        self.n_masters, self.n_replicas = n_masters, n_replicas
        self.certificates, self.settings = certificates, settings
        self.ports = []
        self.access = {}  # for redis-py
        if certificates:
            self.access = {'ssl_ca_certs': certificates['ca.pem'], 'ssl_certfile': certificates['client.pem'], 'ssl_keyfile': certificates['client.key'],
                           'ssl_check_hostname': False}  # it takes localhost for 127.0.0.1

    def start_all(self):
        n = self.n_masters * (1 + self.n_replicas)
        for i in range(n):
            self.start(i)
        addresses = [f'127.0.0.1:{port}' for port in self.ports]
        subprocess.run(['redis-cli', *self.access_of_cli(), '--cluster', 'create', *addresses, '--cluster-replicas', str(self.n_replicas),
                        '--cluster-yes'], check=True, stdout=subprocess.DEVNULL)
        wait_for(lambda: all(b'cluster_state:ok' in self.ask(i, 'CLUSTER', 'INFO') for i in range(n)), 'the cluster is there')
        if self.n_replicas:
            wait_for(lambda: all(self.client(i).info('replication')['connected_slaves'] for i in range(self.n_masters)), 'replicas')

    def server_folder(self, which):
        return os.path.join(self.folder, f'n{which}')

    def start(self, which):
        if which == len(self.ports):
            self.ports.append(free_port())
        lines = {'cluster-enabled': 'yes', 'cluster-node-timeout': 1500, 'cluster-require-full-coverage': 'no',
                 'cluster-port': free_port(), 'repl-diskless-sync-delay': 0} | self.settings
        port = self.ports[which]
        if self.certificates:  # the plain port is for who starts it
            lines |= {'tls-cluster': 'yes', 'tls-replication': 'yes', 'tls-port': port, 'tls-cert-file': self.certificates['server.pem'],
                      'tls-key-file': self.certificates['server.key'], 'tls-ca-cert-file': self.certificates['ca.pem']}
            port = free_port()
        live.server('redis', 'start', self.server_folder(which), '--port', str(port), *settings(lines))

    def access_of_cli(self):
        if not self.certificates:
            return []
        return ['--tls', '--cacert', self.certificates['ca.pem'], '--cert', self.certificates['client.pem'], '--key', self.certificates['client.key']]

    def kill(self, which):
        live.server('redis', 'stop', self.server_folder(which), '--kill')

    def client(self, which):
        return redis.Redis(port=self.ports[which], ssl=bool(self.certificates), **self.access)

    def ask(self, which, *command):
        """A raw answer, whatever the client makes of it elsewhere."""
        connection = (redis.SSLConnection if self.certificates else redis.Connection)(port=self.ports[which], **self.access)
        connection.send_command(*command)
        try:
            return connection.read_response()
        finally:
            connection.disconnect()

    def node_id(self, which):
        return self.ask(which, 'CLUSTER', 'MYID').decode()

    def owner(self, slot):
        """Which of the servers has the slot, by the first that answers."""
        for which in range(len(self.ports)):
            try:
                found = self.ask(which, 'CLUSTER', 'SLOTS')
            except redis.ConnectionError:
                continue
            for first, last, master, *_ in found:
                if first <= slot <= last:
                    return self.ports.index(master[1])
        raise AssertionError(f'nobody has slot {slot}')

    def begin_move(self, slot, target):
        source = self.owner(slot)
        assert self.ask(target, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', self.node_id(source)) == b'OK'
        assert self.ask(source, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', self.node_id(target)) == b'OK'
        return source

    def move_keys(self, slot, source, target, n=100):
        """Some keys; how many there were."""
        keys = self.ask(source, 'CLUSTER', 'GETKEYSINSLOT', slot, n)
        if keys:
            assert self.ask(source, 'MIGRATE', '127.0.0.1', self.ports[target], '', 0, 5000, 'KEYS', *keys) == b'OK'
        return len(keys)

    def end_move(self, slot, target):
        others = [i for i in range(len(self.ports)) if i != target and self.ask(i, 'ROLE')[0] == b'master']
        for which in [target] + others:
            self.ask(which, 'CLUSTER', 'SETSLOT', slot, 'NODE', self.node_id(target))

    def move(self, slot, target, n=100):
        source = self.begin_move(slot, target)
        while self.move_keys(slot, source, target, n):
            pass
        self.end_move(slot, target)

    def section(self, deployment, **changes):
        host = 'localhost' if self.certificates else '127.0.0.1'
        keys = {'cluster': [f'{host}:{port}' for port in self.ports[:2]], 'prefix': deployment.name}
        if self.certificates:
            keys |= {'tls': True, 'ca_file': self.certificates['ca.pem'], 'certificate_file': self.certificates['client.pem'],
                     'key_file': self.certificates['client.key']}
        return keys | changes

    def close(self):
        for which in range(len(self.ports)):
            live.server('redis', 'stop', self.server_folder(which), '--kill')


@contextmanager
def running(servers):
    """Starts them all, and ends what has been started."""
    try:
        servers.start_all()
        yield servers
    finally:
        servers.close()
