"""The agent under test with its owner, access tokens, a destination and a place for notifications. Everything comes from user data
(behave -D), which `run` fills in."""
import json
import os
import re
import subprocess
import threading
import time
import uuid

from .oas import Description
from .requests import later
from .transport import Server

ALL_SCOPES = ["quality-on-demand:sessions:create", "quality-on-demand:sessions:read", "quality-on-demand:sessions:update",
              "quality-on-demand:sessions:delete", "quality-on-demand:sessions:retrieve-by-device", "qos-profiles:read"]


class World:
    def __init__(self, data):
        self.server = Server(data["apiRoot"])
        self.agent = Server("unix:" + data["agent_socket"])  # where a local user makes tokens
        self.netpas = [data["netpas"], "--socket", data["agent_socket"]]
        self.specs = data["specs"]
        self.destination = data["destination"]
        self.device = data["device"]
        self.device6 = data.get("device6", "")
        self.sink_url = data.get("sink_url", "")
        self.sink_log = data.get("sink_log", "")
        self.legs = data.get("legs", "3")
        self.version = data.get("version", "v1")
        self._descriptions = {}
        self._tokens = {}
        self.made = []  # sessions to delete after the scenario

    # --- descriptions

    def description(self, resource):
        """None: without the API descriptions."""
        if not self.specs:
            return None
        name = resource.lstrip("/").split("/")[0] + ".yaml"
        if name not in self._descriptions:
            self._descriptions[name] = Description(self.specs, name)
        return self._descriptions[name]

    def real_path(self, path):
        """The version of the work in progress is the one that is served."""
        return re.sub(r"/(vwip|v[0-9][^/]*)/", f"/{self.version}/", path, count=1)

    # --- tokens

    def token(self, device, scopes=None, client="behave", lifetime=3600):
        key = (device, tuple(scopes or ALL_SCOPES), client, lifetime)
        if key not in self._tokens:
            made = self.agent.call("POST", "/v1/tokens", {"client": client, "role": "request", "device": device,
                                                           "scopes": list(scopes or ALL_SCOPES), "lifetime_s": lifetime})
            assert made.status == 201, made.text
            self._tokens[key] = made.body["token"]
        return self._tokens[key]

    def usual_token(self):
        return self.token(device=self.legs == "3")

    def expired_token(self):
        token = self.token(device=True, client="expired", lifetime=1)
        time.sleep(2)
        return token

    # --- what a request may say

    def device_object(self):
        if ":" in self.device:
            return {"ipv6Address": self.device}
        return {"ipv4Address": {"publicAddress": self.device, "privateAddress": self.device}}

    def server_object(self):
        return {"ipv6Address" if ":" in self.destination else "ipv4Address": self.destination}

    def subnet_object(self):
        whole = 128 if ":" in self.destination else 32
        return {"ipv6Address" if ":" in self.destination else "ipv4Address": f"{self.destination}/{whole - 2}"}

    def profiles(self):
        answer = self.patiently("POST", f"/qos-profiles/{self.version}/retrieve-qos-profiles", {},
                                {"Authorization": "Bearer " + self.token(device=False)})
        assert answer.status == 200, answer.text
        return answer.body

    def profile(self, status="ACTIVE", name="most"):
        fitting = [one for one in self.profiles() if one["status"] == status]
        assert fitting, f"no profile is {status}"
        return next((one for one in fitting if one["name"] == name), fitting[0])

    def create_body(self, legs=None):
        body = {"applicationServer": self.server_object(), "qosProfile": self.profile()["name"], "duration": 60}
        if (legs or self.legs) == "2":
            body["device"] = self.device_object()
        return body

    def credential(self):
        return {"credentialType": "ACCESSTOKEN", "accessToken": "sink-" + uuid.uuid4().hex, "accessTokenType": "bearer",
                "accessTokenExpiresUtc": later(3600)}

    # --- sessions

    def call(self, method, path, body=None, token=None, headers=None):
        sent = {"Authorization": "Bearer " + (token or self.usual_token()), "x-correlator": str(uuid.uuid4())}
        sent.update(headers or {})
        return self.patiently(method, f"/quality-on-demand/{self.version}{path}", body, sent)

    def patiently(self, method, path, body, headers):
        """A suite asks faster than one client may; what is refused for that was not done."""
        answer = self.server.call(method, path, body, headers)
        while answer.status == 429 and answer.body.get("code") == "TOO_MANY_REQUESTS":
            time.sleep(1.1)
            answer = self.server.call(method, path, body, headers)
        return answer

    def make_session(self, sink=False, **more):
        body = self.create_body()
        body.update(more)
        if sink:
            body.update({"sink": self.sink_url, "sinkCredential": self.credential()})
        answer = self.call("POST", "/sessions", body)
        assert answer.status == 201, answer.text
        self.made.append((answer.body["sessionId"], self.usual_token()))
        return body, answer.body

    def session(self, session_id):
        answer = self.call("GET", f"/sessions/{session_id}")
        assert answer.status == 200, answer.text
        return answer.body

    def await_status(self, session_id, wanted, seconds=15):
        end = time.time() + seconds
        while time.time() < end:
            info = self.session(session_id)
            if info["qosStatus"] in wanted:
                return info
            time.sleep(0.1)
        raise AssertionError(f"the session is {info['qosStatus']}, not {wanted}")

    def clean_up(self):
        for session_id, token in self.made:
            self.call("DELETE", f"/sessions/{session_id}", token=token)
        self.made = []

    # --- the owner, in person

    def owner(self, *words):
        done = subprocess.run(self.netpas + ["--json", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"netpas {' '.join(words)}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def let(self, *what):
        """The one rule about sessions."""
        for rule in self.owner("rules", "list")["rules"]:
            self.owner("rules", "rm", str(rule["id"]))
        self.owner("rules", "add", "--purpose", "quality-on-demand", *what)

    def watch_questions(self):
        """A window is there for as long as it waits for questions."""
        door = Server("unix:" + os.path.join(os.path.dirname(self.agent.root[len("unix:"):]), "secretary.sock"))
        revision = door.call("GET", "/v1/pending").body["revision"]
        door.call("GET", f"/v1/pending/watch?front_end=behave&revision={revision}")

    def refused_session(self):
        """One that waited for its owner, who then said no."""
        self.let("--ask")
        window = threading.Thread(target=self.watch_questions, daemon=True)
        window.start()
        time.sleep(0.2)
        try:
            body, info = self.make_session()
            assert info["qosStatus"] == "REQUESTED", info
            pending = self.owner("pending", "list")["pending"]
            assert pending, "nobody was asked"
            self.owner("pending", "deny", str(pending[0]["id"]))
        finally:
            self.let("--up-to", "always")
        return body, self.await_status(info["sessionId"], ["UNAVAILABLE"])

    # --- notifications

    def events(self):
        if not self.sink_log or not os.path.exists(self.sink_log):
            return []
        with open(self.sink_log, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.strip()]

    def await_event(self, session_id, status, seconds=15):
        end = time.time() + seconds
        while time.time() < end:
            for event in self.events():
                data = event["body"].get("data", {})
                if data.get("sessionId") == session_id and data.get("qosStatus") in status:
                    return event
            time.sleep(0.1)
        raise AssertionError(f"no event of session {session_id} with {status} was received")
