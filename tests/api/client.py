"""Speaks to an agent and a secretary and holds every answer against the description. What is wrong is kept, not raised, so that one run
tells all of it."""
import json
import os
import subprocess

from support.transport import Answer, Server

HERE = os.path.dirname(os.path.realpath(__file__))


class Refused(Exception):
    """What the rest of a part stands on was not answered as expected."""


class Record:
    def __init__(self, description):
        self.description = description
        self.met = {}  # statuses by operation
        self.failures = []
        self._known = set()
        self.answers = 0

    def fail(self, what, said=""):
        """Once, however often it happens; `said`: as it was the first time."""
        if what not in self._known:
            self._known.add(what)
            self.failures.append(what + ("; " + said.strip()[:300] if said else ""))

    def judge(self, door, kinds, method, path, body, answer, expected):
        self.answers += 1
        what = f"{door}: {method} {path}"
        operation = self.description.operation(method, path)
        if operation is None or not kinds & set(operation.doors):
            complaints = self.description.judge_error(answer)
        else:
            self.met.setdefault(operation.id, set()).add(str(answer.status))
            complaints = self.description.judge_reply(operation, answer)
            if 200 <= answer.status < 300 and body is not None:
                complaints += ["the request: " + one for one in self.description.judge_request(operation, body)]
        for one in complaints:
            self.fail(f"{what}: {answer.status}: {one}", answer.text)
        if expected is not None and answer.status not in expected:
            asked = json.dumps(body)[:200] if body is not None else ""
            self.fail(f"{what} {asked}: {answer.status} where {sorted(expected)} was expected", answer.text)


class Door:
    """One way in: a Unix socket, or a TCP address inside a namespace of the lab."""

    def __init__(self, record, name, kinds, call):
        self.record = record
        self.name = name
        self.kinds = set(kinds)  # of x-netpas-doors
        self._call = call

    def ask(self, method, path, body=None, expect=None, headers=None, raw=None):
        """`body`: JSON; `raw`: bytes as they are. `expect`: a status or several; None: any that is described."""
        expected = {expect} if isinstance(expect, int) else None if expect is None else set(expect)
        answer = self._call(method, path, raw if raw is not None else body, headers or {})
        self.record.judge(self.name, self.kinds, method, path, body, answer, expected)
        return answer

    def call_plain(self, method, path, body, headers):
        """Of another API than the one that is described."""
        return self._call(method, path, body, headers)

    def need(self, method, path, body=None, expect=(200, 201, 202), **more):
        """As `ask`, for what the rest stands on: the body."""
        answer = self.ask(method, path, body, expect, **more)
        if not 200 <= answer.status < 300:
            raise Refused(f"{method} {path}: {answer.status} {answer.text[:200]}")
        return json.loads(answer.text) if answer.text else None


def unix_door(record, name, kind, path):
    server = Server("unix:" + path, timeout=60)
    door = Door(record, name, {kind}, server.call)
    door.path = path
    return door


def namespace_door(record, name, kinds, words, root, key=None):
    """A door that only a host of the lab reaches: `words` run a command there (Lab.exec). It ends with this program."""

    inside = subprocess.Popen([*words, "/usr/bin/python3", os.path.join(HERE, "inside.py")], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)

    def call(method, path, body, headers):
        asked = {"root": root, "key": key, "method": method, "path": path, "headers": headers,
                 "raw": body.decode("latin-1") if isinstance(body, bytes) else None, "body": None if isinstance(body, bytes) else body}
        inside.stdin.write(json.dumps(asked) + "\n")
        inside.stdin.flush()
        told = inside.stdout.readline()
        if not told:
            raise Refused(f"{name}: {method} {path} was not answered")
        told = json.loads(told)
        return Answer(told["status"], told["headers"], told["text"])

    return Door(record, name, kinds, call)
