"""Packets that leave for somewhere until they are stopped: about a third of what a session is made for."""
import socket
import threading


class Traffic:
    def __init__(self, destination, port=9, size=1000, interval=0.005):
        family = socket.AF_INET6 if ":" in destination else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.connect((destination, port))
        self._content = b"x" * size
        self._interval = interval
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._over.wait(self._interval):
            try:
                self._socket.send(self._content)
            except OSError:
                pass  # nobody listens there, and says so

    def stop(self):
        """Again and again, as you like."""
        self._over.set()
        self._thread.join()
        self._socket.close()
