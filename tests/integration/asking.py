# SPDX-License-Identifier: Apache-2.0
"""HTTP to an address as http.listen has it."""
import http.client
import socket


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__('localhost', timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def connection(address):
    if address.startswith('unix:'):
        return UnixConnection(address.removeprefix('unix:'))
    return http.client.HTTPConnection(address, timeout=30)


def ask(address, path, method='GET', **headers):
    """The answer, with its body as `text`; None if nobody listens."""
    asked = connection(address)
    try:
        asked.request(method, path, headers=headers)
        answer = asked.getresponse()
        answer.text = answer.read().decode()
        return answer
    except (ConnectionRefusedError, FileNotFoundError):
        return None
    finally:
        asked.close()
