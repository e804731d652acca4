# SPDX-License-Identifier: Apache-2.0
"""The systems that are measured, each as a process that reads a topic from its beginning."""
import json
import os
import re
import signal
import subprocess
import threading
import time

from world import ROOT, cpu_of, program

import load
from live import PROGRAM, wait_for

PEERS = os.environ.get('SCORED_BENCH_PEERS', os.path.join(ROOT, 'tests', 'bench', 'peers'))
START_SECONDS = 120
STOP_SECONDS = 60
# Longer than any run: the harness stops a peer itself.
IDLE_SECONDS = 3600
CACHE_DEFAULT = '256MiB'  # of config/scored.yaml


def bytes_of(size):
    """Of a size as the configuration has it."""
    found = re.fullmatch(r'(\d+)([KMG])iB', size)
    if not found:
        raise ValueError(f'not a size: {size}')
    return int(found[1]) << {'K': 10, 'M': 20, 'G': 30}[found[2]]


class Process:
    """A program in a session of its own, and what it took, with all that it started."""

    def __init__(self, command, log_path, ready, cwd=None):
        """`ready`: a pattern of the line by which it says that it has begun."""
        self.ready = re.compile(ready)
        self.is_ready = threading.Event()
        self.lines = []
        self.started_at = time.monotonic()
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace',
                                      start_new_session=True, cwd=cwd)
        self.log_path = log_path
        self.usage = None
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with open(self.log_path, 'a', encoding='utf-8') as log:
            for line in self.child.stdout:
                log.write(line)
                log.flush()
                self.lines.append(line.rstrip('\n'))
                if self.ready.search(line):
                    self.is_ready.set()

    def await_ready(self, seconds=START_SECONDS):
        def is_there():
            assert self.is_ready.is_set() or not self.has_ended(), f'ended before it was ready; see {self.log_path}'
            return self.is_ready.is_set()
        wait_for(is_there, f'ready; see {self.log_path}', seconds)

    def pids(self):
        """Of its session."""
        found = []
        for name in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{name}/stat', encoding='ascii', errors='replace') as file:
                    fields = file.read().rpartition(')')[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) == self.child.pid and fields[0] != 'Z':
                found.append(int(name))
        return found

    def sample(self):
        """CPU seconds so far, and the peak of resident memory in bytes."""
        cpu = peak = 0
        for pid in self.pids():
            try:
                cpu += cpu_of(pid)
                with open(f'/proc/{pid}/status', encoding='ascii', errors='replace') as file:
                    peak += next((int(line.split()[1]) * 1024 for line in file if line.startswith('VmHWM')), 0)
            except (FileNotFoundError, ProcessLookupError):
                continue
        return cpu, peak

    def has_ended(self):
        """If so, CPU seconds and peak are there as the kernel counted them."""
        if self.usage is None:
            pid, status, usage = os.wait4(self.child.pid, os.WNOHANG)
            if pid:
                self.child.returncode = os.waitstatus_to_exitcode(status)
                self.usage = (usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
                self.reader.join()
        return self.usage is not None

    def stop(self):
        if not self.has_ended():
            self.child.send_signal(signal.SIGTERM)
            wait_for(self.has_ended, f'the end; see {self.log_path}', STOP_SECONDS)

    def kill(self):
        if not self.has_ended():
            os.killpg(self.child.pid, signal.SIGKILL)
            wait_for(self.has_ended, 'the end', STOP_SECONDS)


class System:
    """One of those that are measured. `ends`: it stops by itself at the end of the topic."""

    ends = False
    has_outputs = True

    def __init__(self, name):
        self.name = name

    def folder(self, world, app):
        path = os.path.join(world.folder, app)
        os.makedirs(path, exist_ok=True)
        return path

    def stages(self, app):
        return f'{app}.stages'

    def sla(self, app):
        return f'{app}.sla'

    def start(self, world, source, app, **settings):
        raise NotImplementedError


class Scored(System):
    def __init__(self, changes=None):
        super().__init__('scored')
        self.changes = changes or {}  # of the configuration

    def config(self, world, source, app, watermark):
        sections = {
            'model': os.path.join(ROOT, 'tests', 'bench', 'model.yaml'), 'sources': [source], 'instance': 'a', 'watermark': watermark,
            'kafka': {'bootstrap_servers': world.bootstrap, 'group': app}, 'topics': {'prefix': app},
            'schemas': {'directory': os.path.join(ROOT, 'schemas'), 'events': 'EVENTS'},
        } | self.changes | {'redis': {'address': f'unix:{world.socket}', 'prefix': app} | self.changes.get('redis', {})}
        path = os.path.join(self.folder(world, app), 'scored.yaml')
        with open(path, 'w', encoding='utf-8') as file:
            for key, value in sections.items():  # JSON is YAML, but for the number that is a key
                file.write(f'{key}: {json.dumps(value)}\n'.replace('"EVENTS"', f'{{{load.SCHEMA_ID}: {json.dumps(load.SCHEMA)}}}'))
        return path

    @property
    def cache_bytes(self):
        """As configured."""
        return bytes_of(self.changes.get('cache', {}).get('max', CACHE_DEFAULT))

    def prepare(self, world, app):
        """It makes its own topics."""

    def start(self, world, source, app, watermark='data'):
        config = self.config(world, source, app, watermark)
        return Process([PROGRAM, 'run', '--config', config], os.path.join(self.folder(world, app), 'log'), r'event=shards\.assigned')


class PlainLoop(System):
    ends = True
    has_outputs = False

    def __init__(self, name, state_bytes=None):
        super().__init__(name)
        self.state_bytes = state_bytes

    def prepare(self, world, app):
        if self.name == 'floor':
            world.create_topics(f'{app}.state', cleanup_policy='compact')

    def start(self, world, source, app):
        command = [program(f'{self.name}_loop'), '--bootstrap', world.bootstrap, '--topic', source, '--group', app,
                   '--schemas', os.path.join(ROOT, 'schemas')]
        if self.name == 'floor':
            command += ['--output', f'{app}.state', '--state-bytes', str(self.state_bytes)]
        return Process(command, os.path.join(self.folder(world, app), 'log'), '^ready$')


class Peer(System):
    def prepare(self, world, app):
        world.create_topics(self.stages(app), self.sla(app))

    def state_folder(self, world, app):
        return os.path.join(self.folder(world, app), 'state')

    def start(self, world, source, app, watermark='data'):
        del watermark  # they know event time only
        state = self.state_folder(world, app)
        os.makedirs(state, exist_ok=True)
        return Process([os.path.join(PEERS, self.name, 'run'), '--bootstrap', world.bootstrap, '--source', source,
                        '--stages', self.stages(app), '--sla', self.sla(app), '--app-id', app, '--partitions', str(world.n_partitions),
                        '--state-dir', state, '--stop-after-idle', str(IDLE_SECONDS)],
                       os.path.join(self.folder(world, app), 'log'), '^ready$')


def peers():
    """Names of those that are there."""
    if not os.path.isdir(PEERS):
        return []
    return sorted(name for name in os.listdir(PEERS) if os.access(os.path.join(PEERS, name, 'run'), os.X_OK))


def build_peers():
    subprocess.run([os.path.join(PEERS, 'build')], check=True)


def make(name, changes=None):
    """`changes`: of scored's configuration."""
    if name == 'scored':
        return Scored(changes)
    if name in ('decode', 'floor'):
        return PlainLoop(name)
    return Peer(name)
