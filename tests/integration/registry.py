# SPDX-License-Identifier: Apache-2.0
"""A real Schema Registry, certificates for it, and what stands in front of it to answer in other ways."""
import base64
import http.server
import json
import os
import signal
import subprocess
import threading
import urllib.error
import urllib.request

import fastavro
import pytest

import live

JSON = 'application/vnd.schemaregistry.v1+json'


class Registry:
    """A server of the test's own."""

    def __init__(self, folder, *settings):
        self.folder = str(folder)
        prepared = subprocess.run([os.path.join(live.ROOT, 'tests', 'env', 'registry'), 'prepare'], check=False)
        if prepared.returncode == 75:
            pytest.skip('no Schema Registry can be built here')
        assert prepared.returncode == 0
        options = [word for setting in settings for word in ('--set', json.dumps({'security': setting})[1:-1])]
        self.url = live.server('registry', 'start', self.folder, *options)

    def ask(self, path, body=None):
        """The answer; an HTTPError if it is refused."""
        return json.loads(fetch(self.url + path, None if body is None else json.dumps(body).encode())[2])

    def register(self, subject, schema, references=()):
        """The id of the schema, a dictionary or the name of one of ours."""
        if isinstance(schema, str):
            schema = own_schema(schema)
        body = {'schema': json.dumps(schema)} | ({'references': list(references)} if references else {})
        return self.ask(f'/subjects/{subject}/versions', body)['id']

    def latest(self, subject):
        return self.ask(f'/subjects/{subject}/versions/latest')

    def subjects(self, prefix):
        return sorted(name.removeprefix(prefix) for name in self.ask('/subjects') if name.startswith(prefix))

    def _signal(self, number):
        with open(os.path.join(self.folder, 'pid'), encoding='ascii') as file:
            os.kill(int(file.read()), number)

    def hang(self):
        """It takes connections, and says nothing."""
        self._signal(signal.SIGSTOP)

    def go_on(self):
        self._signal(signal.SIGCONT)

    def close(self):
        if os.path.exists(os.path.join(self.folder, 'pid')):
            self.go_on()
        live.server('registry', 'stop', self.folder)


def fetch(url, body=None):
    """Status, content type and body."""
    request = urllib.request.Request(url, data=body, headers={'Content-Type': JSON})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return answer.status, answer.headers['Content-Type'], answer.read()


def own_schema(name):
    with open(os.path.join(live.ROOT, 'schemas', f'{name}.avsc'), encoding='utf-8') as file:
        return json.load(file)


class Front:
    """Passes requests on to a registry, except those for the paths of `answers`: path -> (status, body)."""

    def __init__(self, registry):
        front = self
        self.answers = {}
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def answer(self, body=None):
                front.asked.append(self.path)
                status, kind, text = front.find(registry, self.path, body)
                self.send_response(status)
                self.send_header('Content-Type', kind)
                self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self):  # pylint: disable=invalid-name
                self.answer()

            def do_POST(self):  # pylint: disable=invalid-name
                self.answer(self.rfile.read(int(self.headers['Content-Length'])))

            def log_message(self, *args):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def find(self, registry, path, body):
        if path in self.answers:
            status, text = self.answers[path]
            return status, JSON, (text if isinstance(text, str) else json.dumps(text)).encode()
        try:
            return fetch(registry.url + path, body)
        except urllib.error.HTTPError as error:
            return error.code, JSON, error.read()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def openssl(*words, text=b''):
    """What it prints."""
    return subprocess.run(['openssl', *words], input=text, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def signing_key(folder):
    """Paths of a private key and of its public one."""
    private, public = (os.path.join(str(folder), name) for name in ('signing.key', 'signing.pub'))
    openssl('genrsa', '-out', private, '2048')
    openssl('rsa', '-in', private, '-pubout', '-out', public)
    return private, public


def token(private, name):
    """A JSON Web Token, RS256."""
    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b'=')
    signed = encode(b'{"alg":"RS256","typ":"JWT"}') + b'.' + encode(json.dumps({'sub': name, 'role': 'admin'}).encode())
    return (signed + b'.' + encode(openssl('dgst', '-sha256', '-sign', private, text=signed))).decode()


def certificates(folder):
    """An authority, a server's certificate and a client's, with its key once more under a password. The paths by name."""
    names = ('ca.pem', 'ca.key', 'server.pem', 'server.key', 'client.pem', 'client.key', 'locked.key')
    paths = {name: os.path.join(str(folder), name) for name in names}
    new = ('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2')
    openssl(*new, '-subj', '/CN=authority', '-keyout', paths['ca.key'], '-out', paths['ca.pem'])
    for name in ('server', 'client'):
        openssl(*new, '-subj', f'/CN={name}', '-addext', 'subjectAltName=DNS:localhost', '-addext', 'basicConstraints=critical,CA:FALSE',
                '-CA', paths['ca.pem'], '-CAkey', paths['ca.key'], '-keyout', paths[f'{name}.key'], '-out', paths[f'{name}.pem'])
    openssl('pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-in', paths['client.key'], '-out', paths['locked.key'], '-passout', 'pass:opensesame')
    return paths


class Writer:
    """Events of the JSON form by any schema, with what the Confluent serializers put in front, or without."""

    def __init__(self, schema, header=b'', others=()):
        known = {}
        for other in others:
            fastavro.parse_schema(other, named_schemas=known)
        self.schema = fastavro.parse_schema(schema, named_schemas=known)
        self.header = header

    def __call__(self, event):
        buffer = live.io.BytesIO()
        fastavro.schemaless_writer(buffer, self.schema, event)
        return self.header + buffer.getvalue()
