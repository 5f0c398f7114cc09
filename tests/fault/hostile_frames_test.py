#!/usr/bin/env python3
"""B6: no frame crashes or bloats a live broker, and its other clients do not notice.

Sixty hostile frames and more, one connection each; a canary produces, fetches and looks at what it
fetched all the while. Then half-open connections, as many as the limit of open files lets, each with
the beginning of a large frame; and slow ones that send a byte now and then. The broker's memory is
read from the kernel: its peak may grow by what was sent and 64 KiB a connection, and a small constant.
"""
import gzip
import random
import resource
import socket
import struct
import threading
import time

import kafka_log
import kafka_wire
import promise

I32, I64 = 2**31 - 1, 2**63 - 1
SLACK = 48 << 20  # of the whole run: buffers in their pools, and what a thousand answers take


def peak_bytes(pid, name="VmHWM"):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))


def frame(key, version, body=b"", **named):
    return kafka_wire.framed(kafka_wire.header(key, version, **named) + body)


def produce(records):
    return frame(kafka_wire.PRODUCE, 3, kafka_wire.produce_body("hostile", 0, records))


def patched(batch, at, layout, *values, seal=True):
    """A batch with something else in it, its checksum right again."""
    changed = bytearray(batch)
    struct.pack_into(layout, changed, at, *values)
    if seal:
        struct.pack_into(">I", changed, 17, kafka_log.crc32c(bytes(changed[21:])))
    return bytes(changed)


def hostile(rng):
    """(what, bytes)"""
    for length in (-1, -2**31, 0, 1, 3, 7, I32, (100 << 20) + 1):
        yield f"length {length}", struct.pack(">i", length) + b"\0\0\0\3\0\0\0\1"
    yield "the largest length, then nothing", struct.pack(">i", 100 << 20) + b"\0\0\0\3\0\0\0\1\xff\xff"
    yield "a web browser", b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n"
    yield "a web form", b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + b"a" * 5000
    yield "TLS", bytes.fromhex("16030100c8010000c40303") + rng.randbytes(190)
    yield "SSH", b"SSH-2.0-OpenSSH_9.2\r\n"
    yield "zeros", bytes(4096)
    yield "ones", b"\xff" * 4096
    for i in range(4):
        yield f"noise {i}", rng.randbytes(3000)
    for key, version in ((999, 0), (-1, 0), (3, -1), (3, 32767), (0, 99), (18, 99)):
        yield f"API {key} version {version}", frame(key, version)
    for length in (-2, 32767, -32768):
        yield f"a client id of {length}", kafka_wire.framed(struct.pack(">hhih", 3, 1, 1, length) + b"x")
    # A count that promises two billion elements, or fewer than none, where each request has its array.
    fronts = {1: struct.pack(">iiiib", -1, 100, 1, 1000, 0), 2: struct.pack(">ii", -1, 0)[:5], 3: b"", 0: struct.pack(">hhi", -1, 1, 100),
              8: kafka_wire.string("g") + struct.pack(">i", -1) + kafka_wire.string("") + struct.pack(">q", -1),
              9: kafka_wire.string("g"), 14: kafka_wire.string("g") + struct.pack(">i", 1) + kafka_wire.string("m"), 15: b"", 19: b"", 20: b"",
              21: b"", 32: b"", 37: b"", 42: b"",
              11: kafka_wire.string("g") + struct.pack(">i", 6000) + kafka_wire.string("") + kafka_wire.string("consumer")}
    versions = {1: 4, 2: 2, 0: 3, 3: 1, 8: 2, 9: 1, 14: 0, 15: 0, 19: 2, 20: 1, 21: 0, 32: 1, 37: 0, 42: 0, 11: 0}
    for key, front in fronts.items():
        for count in (I32, -2):
            yield f"API {key} with {count} elements", frame(key, versions[key], front + struct.pack(">i", count))
    long_varint = b"\xff" * 9 + b"\x7f"
    flexible = struct.pack(">hhih", 18, 3, 1, -1)
    yield "a varint of ten bytes in the header", kafka_wire.framed(flexible + long_varint)
    yield "a varint without end", kafka_wire.framed(flexible + b"\xff" * 500)
    yield "two billion tagged fields", kafka_wire.framed(flexible + b"\xff\xff\xff\xff\x0f")
    yield "a tagged field of two billion bytes", kafka_wire.framed(flexible + b"\1\0\xff\xff\xff\xff\x07")
    bomb = b"".join(struct.pack("B", i & 0x7F | 0x80) + struct.pack("B", i >> 7) + b"\0" for i in range(1, 16_000))
    yield "16,000 tagged fields", kafka_wire.framed(flexible + b"\xff\x7c" + bomb)
    yield "a compact string of two billion bytes", kafka_wire.framed(flexible + b"\0\xff\xff\xff\xff\x07")
    good = kafka_log.batch([b"one", b"two"])
    yield "a wrong checksum", produce(patched(good, 17, ">I", 1, seal=False))
    yield "two billion records in a batch", produce(patched(good, 57, ">i", I32))
    yield "fewer than no records", produce(patched(good, 57, ">i", -5))
    yield "a last offset of two billion", produce(patched(good, 23, ">i", I32))
    yield "a batch length below zero", produce(patched(good, 8, ">i", -1, seal=False))
    yield "a batch length beyond the frame", produce(patched(good, 8, ">i", I32, seal=False))
    yield "a batch of format 1", produce(patched(good, 16, ">b", 1, seal=False))
    yield "an unknown codec", produce(patched(good, 21, ">h", 7))
    yield "a control batch", produce(patched(good, 21, ">h", 0x20))
    yield "half a batch", produce(good[:40])
    yield "two batches", produce(good + good)
    zeros = gzip.compress(bytes(400 << 20), 6)
    yield "a zip bomb of 400 MiB", produce(kafka_log.batch([], attributes=1, records=zeros, count=1))
    yield "a question for the time within it", frame(2, 1, struct.pack(">ii", -1, 1) + kafka_wire.string("hostile")
                                                     + struct.pack(">iiq", 1, 0, 1_600_000_000_000))


class Canary(threading.Thread):
    """A client like any other: what it sends comes back, soon."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.client = kafka_wire.Client(address, timeout=30)
        self.stopping, self.rounds, self.worst, self.wrong = False, 0, 0.0, []

    def run(self):
        try:
            while not self.stopping:
                began = time.monotonic()
                value = str(self.rounds).encode()
                error, offset = self.client.produce("canary", 0, kafka_log.batch([value]))
                _, _, data = self.client.fetch("canary", 0, offset)
                got = [v for base, batch in kafka_wire.batches(data) for _, v in kafka_wire.records(batch)]
                if error or got[:1] != [value]:
                    self.wrong.append(f"round {self.rounds}: error {error}, got {got[:1]}")
                self.rounds += 1
                self.worst = max(self.worst, time.monotonic() - began)
                time.sleep(0.02)
        except Exception as error:
            self.wrong.append(f"{type(error).__name__}: {error}")


with promise.Check("B6", "hostile frames", faults=60, limit=150) as check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    broker = check.broker()
    host, port = broker.address.rsplit(":", 1)
    pid = broker.popen.pid
    with kafka_wire.Client(broker.address) as client:
        check.that(client.create_topic("canary", 1) == 0 and client.create_topic("hostile", 1) == 0, "no topic")
    canary = Canary(broker.address)
    canary.start()
    before = peak_bytes(pid)
    sent = answered = closed = silent = 0
    slow = [kafka_wire.Client(broker.address) for _ in range(20)]
    drip = frame(18, 0)
    for i, (what, data) in enumerate(hostile(random.Random(check.seed))):
        for each in slow:
            if i // 6 < len(drip) and i % 6 == 0:
                each.send(drip[i // 6:i // 6 + 1])
        connection = socket.create_connection((host, int(port)), 10)
        connection.settimeout(20 if "time" in what else 0.5)
        sent += len(data)
        try:
            connection.sendall(data)
            got = connection.recv(1 << 16)
            answered, closed = answered + bool(got), closed + (not got)
        except (ConnectionError, BrokenPipeError):
            closed += 1
        except TimeoutError:
            silent += 1  # it waits for the rest, and may
        connection.close()
        check.fault()
        if broker.popen.poll() is not None:
            check.that(False, f"the broker ended with {broker.popen.returncode} after: {what}")
            break
        if peak_bytes(pid) > before + sent + SLACK:
            check.that(False, f"{(peak_bytes(pid) - before) >> 20} MiB more after: {what}")
            before = peak_bytes(pid) - sent
    frames_peak = peak_bytes(pid)

    # Both sides need a descriptor each, in two processes; the broker takes 10,000 connections in all.
    room = min(9_900, hard - 500)
    with open(f"/proc/{pid}/limits") as limits:
        room = min(room, next(int(line.split()[4]) for line in limits if line.startswith("Max open files")) - 500)
    rss = peak_bytes(pid, "VmRSS")
    half_open = []
    start = struct.pack(">ihhi", 50 << 20, 0, 3, 1) + bytes(20)
    for _ in range(max(1, round(room * min(1.0, check.scale)))):
        connection = socket.create_connection((host, int(port)), 10)
        connection.sendall(start)
        half_open.append(connection)
    with kafka_wire.Client(broker.address) as client:
        check.that(client.api_versions()[0] == 0, "nobody else can connect")
    grown = peak_bytes(pid, "VmRSS") - rss
    check.that(grown <= len(half_open) * ((64 << 10) + len(start)) + SLACK, f"half-open connections take {grown >> 20} MiB")
    for connection in half_open:
        connection.close()
    canary.stopping = True
    canary.join(40)
    check.that(not canary.wrong and not canary.is_alive(), f"the canary: {canary.wrong[:2]}")
    check.size(f"{check.row['faults']} frames, 20 slow, {len(half_open):,} half-open (limit {hard:,}), canary {canary.rounds:,} rounds")
    check.note(answered=answered, closed=closed, left_waiting=silent, canary_worst_ms=round(canary.worst * 1000),
               frames_mib=(frames_peak - before) >> 20, half_open_mib=grown >> 20)
    check.that(broker.stop() in (0, 130), "the broker did not end by itself")
