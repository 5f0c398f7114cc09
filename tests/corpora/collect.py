#!/usr/bin/env python3
"""Collects the kept inputs of the fuzz targets from real conversations: tests/corpora/collect.py

DataStorm and kcat talk to `datastorm broker`, curl to nobody, each through a socket that listens in. The smallest
request and response of each API and version are kept, batches by codec, and what curl sends. Existing files stay.
"""
import contextlib
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))
import storm  # noqa: E402

BYTES_MAX = 1500


class Listener:
    """Passes frames on and notes them. Where the broker names its own port, it names the listener's instead."""

    def __init__(self, broker):
        self.kept = {}
        self.asked = {}  # (connection, correlation id): (key, version)
        self.broker = broker
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.ports = [struct.pack(">i", int(each.rsplit(":", 1)[1])) for each in (broker, self.address)]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                host, port = self.broker.rsplit(":", 1)
                server = socket.create_connection((host, int(port)))
                for source, to, request in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self.pass_on, args=(source, to, request, id(client)), daemon=True).start()

    def pass_on(self, source, to, request, connection):
        with contextlib.suppress(OSError, struct.error, KeyError):
            stream = source.makefile("rb")
            while length := stream.read(4):
                frame = stream.read(struct.unpack(">i", length)[0])
                if not request:
                    frame = frame.replace(*self.ports)
                (self.note_request if request else self.note_response)(connection, frame)
                to.sendall(length + frame)
            to.shutdown(socket.SHUT_WR)

    def note_request(self, connection, frame):
        key, version, correlation = struct.unpack(">hhi", frame[:8])
        self.asked[connection, correlation] = key, version
        self.keep(f"request-{key:02}-v{version}", b"\0" + frame)

    def note_response(self, connection, frame):
        key, version = self.asked.pop((connection, struct.unpack(">i", frame[:4])[0]))
        # The target reads a request's header before either: key, version, correlation id, no client id.
        self.keep(f"response-{key:02}-v{version}", b"\1" + struct.pack(">hhih", key, version, 1, -1) + frame[4:])

    def keep(self, name, data):
        if len(data) <= BYTES_MAX and (name not in self.kept or len(data) < len(self.kept[name])):
            self.kept[name] = data


def write(target, kept):
    folder = HERE / target
    folder.mkdir(exist_ok=True)
    for name, data in kept.items():
        if not (folder / name).exists():
            (folder / name).write_bytes(data)
    files = list(folder.iterdir())
    print(f"{target}: {len(files)} files, {sum(f.stat().st_size for f in files)} bytes")


def run(*arguments, **more):
    subprocess.run([str(each) for each in arguments], check=False, timeout=60, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, cwd=tempfile.gettempdir(), **more)


def conversations(broker):
    listener = Listener(broker.address)
    there = ("--brokers", listener.address)
    for verb in (("create", "a", "--partitions", 2), ("list",), ("describe", "a"), ("offsets", "a")):
        run(storm.PROGRAM, "topic", *verb, *there)
    for acks in (("--acks", "1"), ("--acks", "all", "--idempotence")):
        run(storm.PROGRAM, "produce", *there, "--topic", "a", "--total", 4, "--batch-size", 2, "--streams", 2, *acks)
    run(storm.PROGRAM, "consume", *there, "--topic", "a", "--sink", "none", "--until-end")
    run(storm.PROGRAM, "verify", *there, "--topic", "a")
    run("kcat", "-L", "-b", listener.address)
    run("kcat", "-P", "-b", listener.address, "-t", "a", "-p", 0, "-X", "enable.idempotence=true", input=b"from kcat")
    run("kcat", "-b", listener.address, "-G", "g", "-e", "-q", "a")
    run("kcat", "-C", "-b", listener.address, "-t", "a", "-e", "-q")
    run(storm.PROGRAM, "topic", "delete", "a", *there)
    return listener.kept


def batches(broker, folder):
    kept, seen = {}, set()
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        for payload in ("tweet", "random:20"):
            topic = f"{codec}-{payload.split(':')[0]}"
            run(storm.PROGRAM, "produce", "--brokers", broker.address, "--topic", topic, "--partitions", 1, "--streams", 1,
                "--total", 6, "--batch-size", 3, "--compression", codec, "--payload", payload)
            for log in pathlib.Path(folder).rglob("*.log"):
                data = log.read_bytes()[:65536]
                if log in seen or len(data) < 61 or b"run/" in data:  # claims
                    continue
                seen.add(log)
                end = 12 + struct.unpack(">i", data[8:12])[0]
                kept[topic] = b"\0" + data[:end]
                kept[topic + "-two"] = b"\1" + data[:end + 12 + struct.unpack(">i", data[end + 8:end + 12])[0]]
    return kept


def of_curl(*arguments):
    """What curl sends for it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        curl = subprocess.Popen(["curl", "-s", "-m", "2", "http://127.0.0.1:%d%s" % (server.getsockname()[1], arguments[0]),
                                 *arguments[1:]], stdout=subprocess.DEVNULL)
        client, _ = server.accept()
        client.settimeout(0.3)
        sent = b""
        with contextlib.suppress(TimeoutError):
            while piece := client.recv(65536):
                sent += piece
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        client.close()
        curl.wait(5)
    return sent


def requests():
    json = ("-H", "Content-Type: application/json")
    kept = {
        "get": of_curl("/api/status"),
        "query": of_curl("/api/history?range=30m&a=b%20c&a=%zz"),
        "post": of_curl("/rate", *json, "-d", '{"rate": 5000}'),
        "chunked": of_curl("/hook", *json, "-H", "Transfer-Encoding: chunked", "-d", '{"event": "package:publish"}'),
        "head": of_curl("/healthz", "-I"),
        "origin": of_curl("/start", "-X", "POST", "-H", "Origin: http://127.0.0.1:3000", "-H", "Sec-Fetch-Site: same-origin"),
        "old": of_curl("/", "-0"),
    }
    kept["pipelined"] = kept["post"] + kept["get"] + kept["chunked"] + kept["get"]
    return kept


def main():
    with tempfile.TemporaryDirectory() as folder:
        broker = storm.Broker(pathlib.Path(folder) / "data", pathlib.Path(folder) / "log")
        try:
            write("request_fuzz", conversations(broker))
            write("record_batch_fuzz", batches(broker, folder))
        finally:
            broker.kill()
    write("http_fuzz", requests())


if __name__ == "__main__":
    main()
