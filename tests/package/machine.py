# SPDX-License-Identifier: Apache-2.0
"""A Debian that is booted from layers of a root, with systemd as its first process."""
import os
import shlex
import subprocess

from live import wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


def children(pid):
    try:
        with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []


def first_process(pid):
    """That below `pid` which is number 1 of process ids of its own; None: not yet there."""
    for child in children(pid):
        try:
            with open(f'/proc/{child}/status', encoding='ascii') as file:
                inner = next(line for line in file if line.startswith('NSpid:')).split()[1:]
        except (FileNotFoundError, ProcessLookupError, StopIteration):
            continue
        if len(inner) > 1 and inner[-1] == '1':
            return child
        found = first_process(child)
        if found:
            return found
    return None


class Machine:
    """What is written in it is gone when it is shut down. Its processes end with ours, however that ends."""

    def __init__(self, layers, console, binds=(), alone=False):
        """`layers`: LOWER of tests/package/enter. `console`: the file for what it says. `alone`: without the host's network."""
        self.console = console
        options = [part for bind in binds for part in ('--bind', bind)] + ['--boot'] + (['--alone'] if alone else [])
        command = ['setpriv', '--pdeathsig', 'TERM', os.path.join(HERE, 'enter'), *options, layers]
        with open(console, 'wb') as file:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
        self.leader = None
        try:
            wait_for(self.is_up, 'the machine has booted')
        except AssertionError as e:
            self.stop()
            with open(console, encoding='utf-8', errors='replace') as file:
                raise AssertionError(f'{e}\n{file.read()[-3000:]}') from e

    def is_up(self):
        assert self.process.poll() is None, 'ended while it booted'
        self.leader = first_process(self.process.pid)
        return self.leader and self.run('systemctl is-system-running', check=False).stdout.strip() in ('running', 'degraded')

    def run(self, command, check=True, seconds=300):
        """A shell's command in it. What it said is in `stdout` and `stderr`."""
        inside = ['nsenter', '--all', '--target', str(self.leader), 'env', '-i', f'PATH={PATH}', 'LANG=C.UTF-8',
                  'DEBIAN_FRONTEND=noninteractive', 'sh', '-c', command]
        done = subprocess.run(inside, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, text=True,
                              timeout=seconds)
        assert not check or done.returncode == 0, f'{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
        return done

    def read(self, path):
        return self.run(f'cat {shlex.quote(path)}').stdout

    def write(self, path, text):
        """In one step, as an editor does."""
        self.run(f'mkdir -p $(dirname {path}) && printf %s {shlex.quote(text)} >{path}.new && chmod 644 {path}.new && mv {path}.new {path}')

    def property(self, unit, name):
        return self.run(f'systemctl show --property {name} --value {unit}').stdout.strip()

    def journal(self, unit, *options):
        return self.run(f'journalctl --no-pager --output cat --unit {unit} {" ".join(options)}').stdout

    def stop(self):
        """Pulls the plug."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
