# SPDX-License-Identifier: Apache-2.0
"""A deployment that is run as a service of a machine, with topics of its own on the broker beside it."""
import re

import live
from live import wait_for

MODEL = live.SMALL
PASSWORD = 'a password of Redis'


def next_version(model, version):
    return model.replace('version: 1', f'version: {version}')


def start_redis(machine):
    """The package's own Redis, with a password, for its group on a Unix socket alone: the host's ports are not ours."""
    machine.run(f'''sed -i -e 's/^port .*/port 0/' /etc/redis/redis.conf
        printf '%s\\n' 'unixsocket /run/redis/redis-server.sock' 'unixsocketperm 770' 'requirepass "{PASSWORD}"' >>/etc/redis/redis.conf
        systemctl start redis-server''')


class Service:
    """`scored`, or `scored@TENANT`."""

    def __init__(self, machine, folder, tenant=None):
        self.machine = machine
        self.unit = f'scored@{tenant}' if tenant else 'scored'
        self.folder = f'/etc/scored/tenants/{tenant}' if tenant else '/etc/scored'
        self.sample = machine.read('/etc/scored/scored.yaml')
        self.deployment = live.Deployment(folder, None, n_partitions=2)

    def configure(self):
        """The package's sample, with what a user has to change in it."""
        name = self.deployment.name
        text = self.sample
        for pattern, value in {
                r'^sources: .*': f'sources: [{name}.events]',
                r'bootstrap_servers: .*': f'bootstrap_servers: {live.BOOTSTRAP}',
                r'group: scored$': f'group: {name}',
                r'prefix: scored$': f'prefix: {name}',
                r'address: tcp:.*': 'address: unix:/run/redis/redis-server.sock',
                r'# password_file: (.*redis.password)': r'password_file: \1'}.items():
            text, n = re.subn(pattern, value, text, flags=re.MULTILINE)
            assert n, pattern
        self.machine.write(f'{self.folder}/scored.yaml', text)
        self.machine.write(f'{self.folder}/model.yaml', MODEL)
        # without a newline at its end, for Redis is not told one either
        self.machine.run(f'''mkdir -p -m 700 {self.folder}/credentials
            printf %s '{PASSWORD}' >{self.folder}/credentials/redis.password
            chmod 600 {self.folder}/credentials/redis.password''')
        self.drop_in('redis', f'SupplementaryGroups=redis\nLoadCredential=redis.password:{self.folder}/credentials/redis.password')

    def drop_in(self, name, lines):
        """As `systemctl edit` does; no lines: it is taken away."""
        path = f'/etc/systemd/system/{self.unit}.service.d/{name}.conf'
        if lines:
            self.machine.write(path, f'[Service]\n{lines}\n')
        else:
            self.machine.run(f'rm {path}')
        self.machine.run('systemctl daemon-reload')

    def property(self, name):
        return self.machine.property(self.unit, name)

    def pid(self):
        return int(self.property('MainPID'))

    def journal(self, *options):
        return self.machine.journal(self.unit, *options)

    def await_journal(self, text):
        wait_for(lambda: text in self.journal(), f'"{text}" in the journal of {self.unit}')

    def await_restart(self, pid):
        """It is there again, and ready, as another process than `pid`."""
        wait_for(lambda: self.pid() not in (0, pid) and self.property('SubState') == 'running', f'{self.unit} runs again')

    def works(self, lead):
        """An event of a lead goes in, and what follows from it comes out, once; the stage change."""
        self.deployment.send(live.event(lead, 'form', employees=7))

        def told():
            return [output for output in self.deployment.outputs('stages') if output['lead_id'] == lead]
        wait_for(told, f'a stage change of {lead}\n{self.journal("--lines 20")}')
        (change,) = told()
        return change
