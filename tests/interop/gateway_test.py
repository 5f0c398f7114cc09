#!/usr/bin/env python3
"""Every status that the gateway answers, from outside: what is refused, what has to wait, and that it goes on."""
import pathlib
import signal
import sys
import time

import storm

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fault"))
import hooks  # noqa: E402

KEY = b"gateway"


class Statuses(storm.Case):
    def gateway(self, brokers, *more):
        return self.keep(hooks.Gateway(brokers, self.folder / "gateway.log", *more, secret=KEY.decode()))

    def ask(self, gateway, body, headers=None, limit=60, **more):
        """(status, headers) of one request over a connection of its own."""
        client = hooks.Client(gateway.address, limit)
        try:
            client.send(hooks.request(body, hooks.npm(KEY, body) if headers is None else headers, **more))
            got = client.answer()
            self.assertIsNotNone(got, "the connection ended without an answer")
            return got[0], got[1]
        finally:
            client.close()

    def until(self, wanted, limit, ask):
        """Asks again until that status comes; returns all that came."""
        statuses, end = [], time.monotonic() + limit
        while not statuses or statuses[-1] != wanted:
            self.assertLess(time.monotonic(), end, f"no {wanted} within {limit} s: {statuses[-5:]}")
            status, headers = ask()
            statuses.append(status)
            if status in (429, 503):
                self.assertRegex(headers.get("retry-after", ""), r"^[1-9]\d*$", "says when to come again")
            time.sleep(0.1)
        return statuses

    def test_what_is_refused_at_once(self):
        """400 to 431, one table."""
        broker = self.broker()
        gateway = self.gateway(broker.address, "--body-bytes", "10000")
        good = hooks.event(1, 1)
        table = (
            ("stored", 202, good, {}),
            ("no JSON", 400, b"{", {}),
            ("not signed", 401, good, {"headers": {}}),
            ("signed by another", 401, good, {"headers": hooks.npm(b"other", good)}),
            ("another topic", 403, hooks.event(1, 2, "elsewhere"), {}),
            ("another path", 404, good, {"path": "/hooks"}),
            ("another method", 405, good, {"method": "PUT"}),
            ("no length", 411, b"", {"length": False}),
            ("a long body", 413, b" " * 10001, {}),
            ("another type", 415, good, {"kind": "text/plain"}),
            ("packed", 415, good, {"headers": hooks.npm(KEY, good) | {"Content-Encoding": "gzip"}}),
            ("a long header", 431, good, {"headers": {"A": "b" * 17000}}),
        )
        for what, wanted, body, more in table:
            with self.subTest(what):
                status, headers = self.ask(gateway, body, **more)
                self.assertEqual(wanted, status)
                if wanted == 405:
                    self.assertIn("POST", headers.get("allow", ""))
        found, strange = hooks.stored(broker.address, "readings")
        self.assertEqual(([(1, 1)], []), (found, strange), "what was refused is not stored")

    def test_slow_ones_are_told_408(self):
        """Half a header, and half a body, from a client that waits to be told."""
        broker = self.broker()
        gateway = self.gateway(broker.address)
        head = b"POST /hook HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n"
        clients = [hooks.Client(gateway.address, 60) for _ in range(2)]
        for client, data in zip(clients, (head, head + b"\r\n{")):
            client.send(data)
        for what, client in zip(("header", "body"), clients):
            status, headers, _ = client.answer() or (None, {}, b"")
            self.assertEqual(408, status, what)
            self.assertEqual("close", headers.get("connection"))
            self.assertIsNone(client.answer(), "and the connection is closed")
            client.close()

    def test_too_many_are_told_429_and_when_to_come_again(self):
        """A secret's rate: what is over it waits, what was taken is stored once."""
        broker = self.broker()
        gateway = self.gateway(broker.address, "--hook-rate", "5")
        number, taken = 0, []

        def send():
            nonlocal number
            number += 1
            got = self.ask(gateway, hooks.event(1, number))
            if got[0] == 202:
                taken.append((1, number))
            return got
        statuses = [send()[0] for _ in range(60)]
        print(f"  of 60 at once: {statuses.count(202)} taken, {statuses.count(429)} told 429", flush=True)
        self.assertEqual({202, 429}, set(statuses))
        self.until(202, 60, send)
        found, _ = hooks.stored(broker.address, "readings")
        self.same("stored", taken=len(taken), found=len(found), distinct=len(set(found) & set(taken)))

    def test_without_a_broker_it_is_503_until_there_is_one(self):
        """kill -9 of the broker: 503, /readyz too; when it is back the same message is taken, once."""
        broker = self.broker()
        gateway = self.gateway(broker.address)
        self.assertEqual(202, self.ask(gateway, hooks.event(1, 1))[0])
        broker.kill()
        body = hooks.event(1, 2)
        self.says_ready(gateway, 503)  # before anything has been sent in vain
        self.assertEqual(503, self.until(503, 60, lambda: self.ask(gateway, body))[-1])
        again = self.broker(address=broker.address)
        self.says_ready(gateway, 200)
        statuses = self.until(202, 90, lambda: self.ask(gateway, body))
        self.assertLessEqual(set(statuses), {202, 503})
        found, _ = hooks.stored(again.address, "readings")
        self.assertIn((1, 2), found)
        self.assertEqual(0, gateway.stop(signal.SIGTERM))

    def says_ready(self, gateway, wanted):
        """/readyz comes to say so by itself, within a minute; nothing is sent meanwhile."""
        end = time.monotonic() + 60
        while hooks.status_of(gateway.address, b"GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n") != wanted:
            self.assertLess(time.monotonic(), end, f"/readyz does not come to say {wanted}")
            time.sleep(0.1)

    def test_more_than_may_wait_is_503_at_once(self):
        """A broker that is frozen: bytes up to the cap wait for it, the next are told to come again."""
        broker = self.broker()
        gateway = self.gateway(broker.address, "--in-flight-bytes", "65536")
        self.assertEqual(202, self.ask(gateway, hooks.event(1, 0))[0])
        broker.popen.send_signal(signal.SIGSTOP)
        self.addCleanup(broker.popen.send_signal, signal.SIGCONT)
        waiting = []
        for number in (1, 2):
            body = hooks.event(1, number, pad="x" * 40_000)
            client = hooks.Client(gateway.address, 60)
            client.send(hooks.request(body, hooks.npm(KEY, body)))
            waiting.append((number, client))
        statuses = self.until(503, 60, lambda: self.ask(gateway, hooks.event(1, 3, pad="x" * 40_000)))
        self.assertEqual(503, statuses[-1])
        broker.popen.send_signal(signal.SIGCONT)
        answers = {number: (client.answer() or (None,))[0] for number, client in waiting}
        for _, client in waiting:
            client.close()
        print(f"  those that waited: {answers}", flush=True)
        self.assertLessEqual(set(answers.values()), {202, 503}, "each is told something")
        self.until(202, 60, lambda: self.ask(gateway, hooks.event(1, 4)))
        found, _ = hooks.stored(broker.address, "readings")
        for number, status in answers.items():
            if status == 202:
                self.assertIn((1, number), found)
        self.assertIn((1, 4), found)


if __name__ == "__main__":
    storm.main()
