# SPDX-License-Identifier: Apache-2.0
"""A page in a headless Chromium, driven over a pipe by the DevTools protocol: no driver, and no package for it."""
import base64
import json
import os
import select
import shutil
import subprocess
import time

PROGRAM = shutil.which('chromium')
OPTIONS = ('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
           '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--hide-scrollbars', '--remote-debugging-pipe')


class Browser:
    """One page. What it logs, and what it asks whom for, is kept."""

    def __init__(self, folder):
        to_browser, self.write_fd = os.pipe()
        self.read_fd, from_browser = os.pipe()
        with open(os.path.join(folder, 'chromium.log'), 'wb') as log:
            # The browser reads from its descriptor 3 and writes to 4; by way of others, for these may be 3 and 4 already.
            command = f'exec 8<&{to_browser} 9>&{from_browser}; exec 3<&8 4>&9 8<&- 9>&-; exec "$@"'
            self.process = subprocess.Popen(
                ['bash', '-c', command, 'bash', PROGRAM, *OPTIONS, f'--user-data-dir={folder}/profile', 'about:blank'],
                stdout=log, stderr=log, pass_fds=[to_browser, from_browser])
        os.close(to_browser)
        os.close(from_browser)
        self.number, self.buffer, self.events, self.session = 0, b'', [], None
        self.answers = {}
        target = self.ask('Target.createTarget', url='about:blank')['targetId']
        self.session = self.ask('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.ask(f'{domain}.enable')

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        os.close(self.write_fd)
        os.close(self.read_fd)

    def read(self, seconds):
        """Takes in what comes within a time, at least one message if one does."""
        if not select.select([self.read_fd], [], [], seconds)[0]:
            return
        data = os.read(self.read_fd, 1 << 20)
        assert data, 'the browser has ended'
        *messages, self.buffer = (self.buffer + data).split(b'\0')
        for message in map(json.loads, messages):
            if 'id' in message:
                self.answers[message['id']] = message
            else:
                self.events.append(message)

    def ask(self, method, **params):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': params} | ({'sessionId': self.session} if self.session else {})
        os.write(self.write_fd, json.dumps(message).encode() + b'\0')
        deadline = time.monotonic() + 60
        while self.number not in self.answers:
            assert time.monotonic() < deadline, f'the browser does not answer {method}'
            self.read(1)
        answer = self.answers.pop(self.number)
        assert 'error' not in answer, (method, answer)
        return answer['result']

    def open(self, url):
        self.ask('Page.navigate', url=url)

    def run(self, script):
        """The value of an expression in the page."""
        result = self.ask('Runtime.evaluate', expression=script, returnByValue=True, awaitPromise=True)
        assert 'exceptionDetails' not in result, result['exceptionDetails']
        return result['result'].get('value')

    def resize(self, width, height, mobile=False):
        self.ask('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=2 if mobile else 1, mobile=mobile)

    def set_scheme(self, scheme):
        self.ask('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': scheme}])

    def press(self, key, code):
        for kind in ('keyDown', 'keyUp'):
            text = {'text': '\r'} if key == 'Enter' and kind == 'keyDown' else {}
            self.ask('Input.dispatchKeyEvent', type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def click(self, selector):
        """With the mouse, on the middle of the first element."""
        box = self.run(f'(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: "center"}});'
                       ' const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()')
        for kind in ('mousePressed', 'mouseReleased'):
            self.ask('Input.dispatchMouseEvent', type=kind, x=box[0], y=box[1], button='left', clickCount=1)

    def screenshot(self, path):
        with open(path, 'wb') as file:
            file.write(base64.b64decode(self.ask('Page.captureScreenshot', format='png')['data']))

    def complaints(self):
        """What stands in its console as an error or a warning, and exceptions."""
        self.read(0)
        found = []
        for event in self.events:
            method, params = event['method'], event['params']
            if method == 'Runtime.exceptionThrown':
                found.append(params['exceptionDetails'])
            elif method == 'Log.entryAdded' and params['entry']['level'] in ('error', 'warning'):
                found.append(params['entry'])
            elif method == 'Runtime.consoleAPICalled' and params['type'] in ('error', 'warning', 'assert'):
                found.append(params)
        return found

    def requests(self):
        """URLs of all that it has asked for."""
        self.read(0)
        return [event['params']['request']['url'] for event in self.events if event['method'] == 'Network.requestWillBeSent']
