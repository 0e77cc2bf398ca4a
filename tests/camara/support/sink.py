"""A place for notifications: answers 204 over HTTPS and writes every one as a line of JSON.   sink.py ADDRESS PORT CERT KEY LOG"""
import http.server
import json
import ssl
import sys


class Sink(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        text = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 1 << 20)).decode()
        with open(sys.argv[5], "a", encoding="utf-8") as file:
            file.write(json.dumps({"headers": dict(self.headers.items()), "body": json.loads(text)}) + "\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Server6(http.server.ThreadingHTTPServer):
    import socket
    address_family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET


server = Server6((sys.argv[1], int(sys.argv[2])), Sink)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[3], sys.argv[4])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
