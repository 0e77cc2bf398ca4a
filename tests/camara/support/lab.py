"""A lab for a test: brought up, its hosts' commands, their agents, and taken down."""
import glob
import json
import os
import signal
import subprocess
import sys
import time


def output(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more).stdout


class Lab:
    """`folder` has the programs; `prefix` begins the lab's name, which nobody else's has."""

    def __init__(self, folder, scratch, prefix):
        self.name = f"{prefix}{os.getpid()}"
        self.lab = os.path.join(folder, "netpas-lab")
        self.scratch = scratch
        self.children = []

    def exec(self, host, *words):
        return [self.lab, "exec", "--name", self.name, host, "--", *words]

    def start(self, host, *words, log):
        with open(os.path.join(self.scratch, log), "ab") as file:
            child = subprocess.Popen(self.exec(host, *words), stdout=file, stderr=file, stdin=subprocess.DEVNULL)
        self.children.append(child)
        return child

    def up(self, topology):
        subprocess.run([self.lab, "up", topology, "--name", self.name], check=True, stdout=sys.stderr)

    def down(self):
        for child in self.children:
            child.send_signal(signal.SIGTERM)
        for child in self.children:
            child.wait(20)
        subprocess.run([self.lab, "down", "--name", self.name], check=False, stdout=sys.stderr)

    def address(self, host, family="-4"):
        """Empty: it has none."""
        links = json.loads(output(*self.exec(host, "ip", "-json", family, "address", "show", "scope", "global")))
        return next((one["local"] for link in links for one in link.get("addr_info", [])), "")

    def agent(self, host):
        """Process and command line of the host's agent, which is the oldest of its processes."""
        mark = f"/{self.name}/host/{host}/"
        for folder in sorted(glob.glob("/proc/[0-9]*"), key=lambda one: int(os.path.basename(one))):
            try:
                with open(folder + "/cmdline", "rb") as file:
                    words = file.read().decode().split("\0")[:-1]
            except OSError:
                continue
            ours = words and words[0].endswith("netpasd") and "--launched" not in words
            if ours and any(mark in word for word in words):
                return int(os.path.basename(folder)), words
        raise RuntimeError("the lab's agent is not found")

    def restart_agent(self, host, *more):
        """The same agent, with more options than the lab gives it; its socket."""
        process, words = self.agent(host)
        os.kill(process, signal.SIGTERM)
        # Its parent need not have asked how it ended.
        while os.path.exists(f"/proc/{process}/exe"):
            time.sleep(0.05)
        self.start(host, *words, *more, log=f"agent-{host}.log")
        socket = words[words.index("--socket") + 1]
        for _ in range(200):
            done = subprocess.run([os.path.join(os.path.dirname(self.lab), "netpas"), "--socket", socket, "--json", "status"],
                                  capture_output=True, check=False)
            if done.returncode == 0 and json.loads(done.stdout).get("isp", {}).get("connected"):
                return socket
            time.sleep(0.1)
        raise RuntimeError("the agent does not answer; see " + self.scratch)
