"""HTTP/1.1 requests over a Unix socket or loopback TCP, with nothing added that a test did not ask for."""
import http.client
import json
import socket
from urllib.parse import urlsplit


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("netpas", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Answer:
    def __init__(self, status, headers, text):
        self.status = status
        self.headers = headers
        self.text = text

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None

    @property
    def body(self):
        return json.loads(self.text)


class Server:
    """`root` is unix:PATH or http://ADDRESS:PORT."""

    def __init__(self, root, timeout=30):
        self.root = root
        self.timeout = timeout

    def open(self):
        if self.root.startswith("unix:"):
            return _UnixConnection(self.root[len("unix:"):], self.timeout)
        parts = urlsplit(self.root)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=self.timeout)

    def call(self, method, path, body=None, headers=None):
        """`body`: bytes as they are, None for none, else JSON."""
        connection = self.open()
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read().decode())
        finally:
            connection.close()
