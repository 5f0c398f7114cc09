#!/usr/bin/env python3
"""Servers that answer rubbish, nothing, half or late: produce ends in its time, with one clear message."""
import os
import socket
import struct
import threading
import time

import storm

TOTAL = 16_000
TOPIC = "victim"
DELIVERY = 3  # seconds a batch may take


class Server:
    """Accepts on a free port; behave(connection) runs in a thread for each."""

    def __init__(self, case, behave):
        self.behave = behave
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.open = []
        case.addCleanup(self.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            self.behave(connection)
        except OSError:
            pass  # the other side has gone, as it may

    def close(self):
        # Before close(): only shutdown() wakes a thread that waits in accept() or recv().
        for each in (self.listener, *self.open):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()


def exactly(connection, size):
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise OSError("closed")
        data += more
    return data


def frame(connection):
    """A length and what follows it."""
    head = exactly(connection, 4)
    return head + exactly(connection, struct.unpack(">i", head)[0])


def wait_for_the_end(connection):
    while connection.recv(65536):
        pass


def brings_records(request):
    """Is it a Produce request for TOPIC, and not for the claims, in which TOPIC is named too?"""
    head = request[:100]
    return head[4:6] == b"\0\0" and TOPIC.encode() in head and b"datastorm.runs" not in head


class Proxy(Server):
    """Between produce and a real broker, as if it were that broker; turns bad at records for TOPIC.

    misbehave(request, connection) is given the first `times` such requests instead of the broker.
    `silent`: from then on nobody hears anything, whatever he asks.
    """

    def __init__(self, case, broker, misbehave, times=10**9, silent=False):
        self.real = int(broker.rsplit(":", 1)[1])
        self.misbehave = misbehave
        self.times = times
        self.silent = silent
        self.requests = 0
        super().__init__(case, self.relay)

    def relay(self, connection):
        there = socket.create_connection(("127.0.0.1", self.real))
        self.open.append(there)
        threading.Thread(target=self.answers, args=(there, connection), daemon=True).start()
        while True:
            request = frame(connection)
            mine = brings_records(request)
            self.requests += mine
            if mine and self.requests <= self.times:
                self.misbehave(request, connection)
            elif not (self.silent and self.requests > 0):
                there.sendall(request)

    def answers(self, there, connection):
        """What the broker answers, its address replaced by ours."""
        named, ours = (b"127.0.0.1" + struct.pack(">i", port) for port in (self.real, self.port))
        try:
            while True:
                connection.sendall(frame(there).replace(named, ours))
        except OSError:
            connection.close()


def answer_to(request, body):
    return struct.pack(">i", len(body) + 4) + request[8:12] + body


class Hostile(storm.Case):
    limit = 200

    def produce(self, address, *more, expect, within):
        """Runs it; returns what it told people, in which is one sentence and no stack trace."""
        began = time.monotonic()
        done = self.run_program("produce", "--brokers", address, "--topic", TOPIC, "--partitions", 4, "--total", TOTAL,
                                "--delivery-timeout", f"{DELIVERY}s", "--json", *more, limit=90, expect=expect)
        took = time.monotonic() - began
        self.assertLess(took, within * storm.PATIENCE)
        return done, took

    def test_what_is_no_kafka(self):
        """from the first answer on: one message, exit 3, within the 5 s that connecting may take"""
        def answers(data):
            def behave(connection):
                frame(connection)
                connection.sendall(data)
                wait_for_the_end(connection)
            return behave

        def drips(connection):
            for _ in range(60):
                connection.sendall(b"\0")
                time.sleep(0.5)

        cases = (
            ("closes at once", lambda connection: connection.close()),
            ("closes after the question", lambda connection: (frame(connection), connection.close())),
            ("accepts and says nothing", wait_for_the_end),
            ("drips", drips),
            ("zeros", answers(bytes(4096))),
            ("ones", answers(b"\xff" * 4096)),
            ("a web server", answers(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")),
            ("noise", answers(os.urandom(65536))),
            ("a short frame", answers(struct.pack(">i", 2) + b"ab")),
            ("half a frame", answers(struct.pack(">i", 100) + b"half")),
            ("the right number, then noise", answers(struct.pack(">ii", 104, 1) + os.urandom(100))),
            ("no versions", answers(struct.pack(">iihi", 10, 1, 0, 0))),
            ("two billion versions", answers(struct.pack(">iihi", 10, 1, 0, 2**31 - 1))),
        )
        for what, behave in cases:
            with self.subTest(what):
                server = Server(self, behave)
                done, took = self.produce(server.address, expect=storm.UNREACHABLE, within=8)
                server.close()
                lines = done.stderr.strip().splitlines()
                print(f"  {what}: {took:.1f} s, {lines[0]}", flush=True)
                self.assertLessEqual(len(lines), 2, done.stderr)
                self.assertTrue(lines[0].startswith("datastorm: "), done.stderr)
                self.assertIn(server.address, lines[0])
                self.assertEqual("", done.stdout)

    def test_nobody_is_there(self):
        """a closed port: exit 3 at once, and what to do"""
        done, _ = self.produce(self.nobody(), expect=storm.UNREACHABLE, within=3)
        self.assertIn("refused the connection", done.stderr)
        self.assertIn("try:", done.stderr)

    def test_a_broker_turns_bad(self):
        """in the middle of the run: every record gets an outcome, by the delivery time limit"""
        def swallows(_request, _connection):
            pass

        def closes(_request, connection):
            connection.shutdown(socket.SHUT_RDWR)

        def noise(request, connection):
            connection.sendall(answer_to(request, os.urandom(200)))

        def half(request, connection):
            connection.sendall(answer_to(request, bytes(100))[:40])

        def wrong_number(request, connection):
            connection.sendall(struct.pack(">ii", 104, 0x7EADBEEF) + bytes(100))

        broker = self.broker()
        one, exactly_once = ("--acks", "1"), ("--acks", "all", "--idempotence")
        for misbehave, silent, acks in (
                (swallows, False, one), (swallows, False, exactly_once), (swallows, True, one), (closes, False, one),
                (noise, False, one), (noise, False, exactly_once), (half, False, one), (wrong_number, False, one)):
            what = misbehave.__name__ + (" everything" if silent else "")
            with self.subTest(what, acks=acks):
                proxy = Proxy(self, broker.address, misbehave, silent=silent)
                done, took = self.produce(proxy.address, *acks, expect=storm.GOAL_FAILED,
                                              within=DELIVERY + 20)
                proxy.close()
                account = storm.json.loads(done.stdout)
                print(f"  {what} {' '.join(acks)}: {took:.1f} s, {proxy.requests} requests, "
                      f"failed {account['failed']:,}, unknown {account['unknown']:,}", flush=True)
                self.assertGreater(proxy.requests, 0)
                self.assertEqual(0, account["acknowledged"])
                # Sent and never answered may have been stored; what stayed here was not.
                self.assertGreater(account["unknown"], 0)
                self.assertEqual(account["enqueued"], account["failed"] + account["unknown"])

    def test_a_broker_recovers(self):
        """the first five requests of each kind of trouble are lost, then all is well: all acknowledged"""
        broker = self.broker()
        trouble = {"closes": lambda request, connection: connection.shutdown(socket.SHUT_RDWR),
                   "noise": lambda request, connection: connection.sendall(answer_to(request, os.urandom(200)))}
        for what, misbehave in trouble.items():
            with self.subTest(what):
                proxy = Proxy(self, broker.address, misbehave, times=5)
                done, _ = self.produce(proxy.address, "--acks", "all", "--idempotence", "--delivery-timeout", "30s",
                                       expect=storm.DONE, within=25)
                proxy.close()
                account = storm.json.loads(done.stdout)
                self.assertGreater(proxy.requests, 5)
                self.same(what, asked=TOTAL, acknowledged=account["acknowledged"],
                          log_end_delta=account["log_end_delta"])


if __name__ == "__main__":
    storm.main()
