"""Requests from inside a namespace: a line of JSON each on standard input, the answer as a line on standard output. https:// doors
are known by their keys, which the lab made itself; a `key` is a file with the caller's own certificate and key."""
import http.client
import json
import os
import ssl
import sys
from urllib.parse import urlsplit

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../camara"))
from support.transport import Server  # noqa: E402


class TlsServer(Server):
    def __init__(self, root, key):
        super().__init__(root)
        self.key = key

    def open(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if self.key:
            context.load_cert_chain(self.key)
        parts = urlsplit(self.root)
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=self.timeout, context=context)


for line in sys.stdin:
    asked = json.loads(line)
    tls = asked["root"].startswith("https:")
    server = TlsServer(asked["root"], asked["key"]) if tls else Server(asked["root"])
    headers = dict(asked["headers"])
    if tls:
        headers.setdefault("Host", "netpas")
    body = asked["raw"].encode("latin-1") if asked["raw"] is not None else asked["body"]
    answer = server.call(asked["method"], asked["path"], body, headers)
    print(json.dumps({"status": answer.status, "headers": answer.headers, "text": answer.text}), flush=True)
