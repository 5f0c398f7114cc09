"""The webhook from outside: the gateway as a process, and clients in plain sockets that know nothing of ours."""
import base64
import hashlib
import hmac
import json
import os
import re
import socket
import subprocess

import storm


class Gateway(storm.Process):
    """`datastorm gateway` on a free port; `secret` goes in by the environment, as people do it."""

    def __init__(self, brokers, log, *more, secret=None, listen="127.0.0.1:0"):
        env = {name: value for name, value in os.environ.items() if not name.startswith("HOOK_")}
        if secret is not None:
            env["HOOK_SECRET"] = secret
        super().__init__([storm.PROGRAM, "gateway", "--brokers", brokers, "--listen", listen, "--json", *more],
                         log, env=env)
        try:
            self.url = self.told(r"gateway ready at http://(\S+),")
        except AssertionError:
            self.kill()
            raise
        host, _, rest = self.url.partition(":")
        self.address = (host, int(rest.partition("/")[0]))

    def account(self):
        """What it printed at its end."""
        return json.loads(re.findall(r'^\{"command":"gateway".*\}$', self.log.read_text(), re.MULTILINE)[-1])


def refuses_to_start(*more, secret=None):
    """The exit code and the words of a gateway that must not start."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HOOK_")}
    if secret is not None:
        env["HOOK_SECRET"] = secret
    done = subprocess.run([storm.PROGRAM, "gateway", "--listen", "127.0.0.1:0", *map(str, more)], env=env,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    return done.returncode, done.stderr


def digest(secret, data):
    return hmac.new(secret, data, hashlib.sha256).digest()


def npm(secret, body):
    return {"x-npm-signature": "sha256=" + digest(secret, body).hex()}


def hub(secret, body):
    return {"X-Hub-Signature-256": "sha256=" + digest(secret, body).hex()}


def standard(key, body, name, at):
    signed = b".".join([name.encode(), str(at).encode(), body])
    return {"webhook-id": name, "webhook-timestamp": str(at),
            "webhook-signature": "v1," + base64.b64encode(digest(key, signed)).decode()}


def event(producer, sequence, topic="readings", **more):
    payload = {"topic": topic, "data": sequence / 8, "timestamp_producer": 1700000000000,
               "producer_id": producer, "sequence": sequence, **more}
    return json.dumps({"event": "package:publish", "payload": payload}).encode()


def request(body, headers, path="/hook", method="POST", kind="application/json", length=True):
    lines = [f"{method} {path} HTTP/1.1", "Host: hook.example"]
    if kind is not None:
        lines.append(f"Content-Type: {kind}")
    if length:
        lines.append(f"Content-Length: {len(body)}")
    pairs = headers.items() if isinstance(headers, dict) else headers
    lines += [f"{name}: {value}" for name, value in pairs]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Client:
    """One connection: bytes out, answers in."""

    def __init__(self, address, limit=15):
        self.socket = socket.create_connection(address, timeout=limit)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """(status, headers, body); None when the connection ends before or instead."""
        try:
            while b"\r\n\r\n" not in self.buffer:
                more = self.socket.recv(65536)
                if not more:
                    return None
                self.buffer += more
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            status = int(lines[0].split(" ")[1])
            length = int(headers.get("content-length", 0))
            while len(rest) < length:
                more = self.socket.recv(65536)
                if not more:
                    return None
                rest += more
            self.buffer = rest[length:]
            return status, headers, rest[:length]
        except ConnectionError:
            return None

    def answers(self):
        """The statuses of all answers until the connection ends, or nothing comes for a second."""
        statuses = []
        self.socket.settimeout(1)
        try:
            while (got := self.answer()) is not None:
                statuses.append(got[0])
            return statuses, True
        except TimeoutError:
            return statuses, False

    def close(self):
        self.socket.close()


def status_of(address, data):
    client = Client(address)
    try:
        client.send(data)
        got = client.answer()
        return got[0] if got else None
    finally:
        client.close()


def stored(address, topic):
    """[(producer, sequence)] of every record that kcat reads, and what was no such JSON."""
    done = subprocess.run(["kcat", "-C", "-b", address, "-t", topic, "-o", "beginning", "-e", "-q"],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=True)
    found, strange = [], []
    for line in done.stdout.splitlines():
        try:
            value = json.loads(line)
            found.append((value["producer_id"], value["sequence"]))
        except (ValueError, KeyError, TypeError):
            strange.append(line)
    return found, strange
