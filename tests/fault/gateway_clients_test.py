#!/usr/bin/env python3
"""B13: 2xx means stored, slow clients are harmless, and SIGTERM resets no accepted request.

The senders are plain sockets, what is stored is read by kcat.
"""
import collections
import selectors
import signal
import socket
import threading
import time

import promise  # first: it tells where storm is
import hooks

KEY = b"B13"


class Sender(threading.Thread):
    """Sends events of its own over one connection after the other, and keeps what it heard of each."""

    def __init__(self, number, address, pause, until):
        super().__init__(daemon=True)
        self.number, self.address, self.pause, self.until = number, address, pause, until
        self.heard = {}       # sequence: status
        self.cut = []         # sequences that were sent whole and never answered
        self.slowest = 0.0
        self.leave = False    # asked to close: goes, instead of connecting again

    def run(self):
        client, sequence = None, 0
        while not self.until.is_set():
            try:
                if client is None:
                    client = hooks.Client(self.address, 20)
            except OSError:
                if self.leave:
                    return
                time.sleep(0.05)
                continue
            sequence += 1
            body = hooks.event(self.number, sequence)
            began = time.monotonic()
            try:
                client.send(hooks.request(body, hooks.npm(KEY, body)))
                got = client.answer()
            except OSError:
                got = None
            if got is None:
                self.cut.append(sequence)
                client = None
                continue
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.heard[sequence] = got[0]
            if got[1].get("connection") == "close":
                client.close()
                client = None
                if self.leave:
                    return
            if got[0] == 503:
                time.sleep(0.2)
            elif self.pause:
                time.sleep(self.pause)


def through_kills(check):
    """60 s of load; the broker is killed ten times and comes back within a second, or in two."""
    broker = check.broker()
    gateway = check.keep(hooks.Gateway(broker.address, check.folder / "gateway.log", secret=KEY.decode()))
    over = threading.Event()
    senders = [Sender(number, gateway.address, 0.004, over) for number in range(8)]
    for sender in senders:
        sender.start()
    kills, began = check.scaled(10), time.monotonic()
    for kill in range(kills):
        time.sleep(max(0, began + (kill + check.random.random()) * check.scaled(60) / kills - time.monotonic()))
        broker.kill()
        check.fault()
        time.sleep(check.random.choice((0, 0.3, 1, 2)))
        broker = check.broker(address=broker.address)
    time.sleep(2)
    over.set()
    for sender in senders:
        sender.join(30)
    code = gateway.stop(signal.SIGTERM)
    found, strange = hooks.stored(broker.address, "readings")
    taken = {(s.number, n) for s in senders for n, status in s.heard.items() if status == 202}
    sent = {(s.number, n) for s in senders for n in [*s.heard, *s.cut]}
    statuses = collections.Counter(status for s in senders for status in s.heard.values())
    check.note(taken=len(taken), answered_503=statuses.pop(503, 0))
    statuses.pop(202, 0)
    check.zero(lost=len(taken - set(found)), phantom=len(set(found) - sent), strange=len(strange),
               cut=sum(len(s.cut) for s in senders), other_answers=sum(statuses.values()))
    # Each event was sent once: that one of them lies there twice would be the gateway's own doing.
    check.zero(doubled=len(found) - len(set(found)))
    check.that(len(taken) > 1000, "hardly anything was taken")
    check.that(code == 0, f"the gateway ended with {code}")


def slow_clients(check):
    """A thousand sockets of five kinds of slowness; each must be cut, and nobody else may notice."""
    broker = check.broker(data_dir=check.folder / "slow")
    gateway = check.keep(hooks.Gateway(broker.address, check.folder / "slow.log", secret=KEY.decode()))
    over = threading.Event()
    normal = Sender(1000, gateway.address, 0.01, over)
    normal.start()
    head = b"POST /hook HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n"
    kinds = [b"", b"P", head, head + b"\r\n", head + b"\r\n{" + b" " * 500]
    count = check.scaled(1000)
    began, cut_after, selector = {}, [], selectors.DefaultSelector()
    for number in range(count):
        each = socket.create_connection(gateway.address, timeout=10)
        each.setblocking(False)
        began[each] = (time.monotonic(), kinds[number % len(kinds)][:1])
        each.send(kinds[number % len(kinds)])
        selector.register(each, selectors.EVENT_READ)
    drip, limit = time.monotonic() + 1, time.monotonic() + 60
    while began and time.monotonic() < limit:
        for key, _ in selector.select(0.1):
            try:
                gone = not key.fileobj.recv(4096)
            except OSError:
                gone = True
            if gone:
                cut_after.append(time.monotonic() - began.pop(key.fileobj)[0])
                selector.unregister(key.fileobj)
                key.fileobj.close()
        if time.monotonic() >= drip:
            drip += 1
            for each, (_, first) in began.items():
                if first:  # a byte a second, from all but those who are silent
                    try:
                        each.send(b"x" if first == b"P" else b" ")
                    except OSError:
                        pass
    over.set()
    normal.join(30)
    check.fault(len(cut_after))
    late = sum(after > 10 for after in cut_after)
    check.note(slow=count, cut_after_s=round(max(cut_after, default=0), 1), normal=len(normal.heard),
               normal_slowest_ms=round(1000 * normal.slowest))
    check.zero(never_cut=len(began), cut_late=late, normal_harmed=len(normal.cut) + sum(
        status != 202 for status in normal.heard.values()))
    check.that(len(normal.heard) > 50, "the normal client hardly got through")
    check.that(gateway.stop(signal.SIGTERM) == 0, "the gateway did not end with 0")


def drains(check):
    """SIGTERM under load: what was sent is answered, and the end comes with 0 within 10 s."""
    broker = check.broker(data_dir=check.folder / "drain")
    cut, codes, slowest, rates = 0, [], 0.0, []
    for each in range(check.scaled(3)):
        gateway = check.keep(hooks.Gateway(broker.address, check.folder / f"drain{each}.log", secret=KEY.decode()))
        over = threading.Event()
        senders = [Sender(2000 + 10 * each + number, gateway.address, 0, over) for number in range(6)]
        for sender in senders:
            sender.start()
        began = time.monotonic()
        time.sleep(2 + check.random.random())
        sent = sum(len(s.heard) for s in senders)
        rates.append(round(sent / (time.monotonic() - began)))
        for sender in senders:
            sender.leave = True
        began = time.monotonic()
        codes.append(gateway.stop(signal.SIGTERM, 15))
        slowest = max(slowest, time.monotonic() - began)
        over.set()
        for sender in senders:
            sender.join(30)
        check.fault()
        cut += sum(len(s.cut) for s in senders)
        account = gateway.account()
        check.that(account["unanswered"] == 0, "the gateway itself knows of unanswered requests")
        found = set(hooks.stored(broker.address, "readings")[0])
        taken = {(s.number, n) for s in senders for n, status in s.heard.items() if status == 202}
        check.zero(drained_lost=len(taken - found))
    check.note(requests_a_second=min(rates), ended_after_s=round(slowest, 1))
    check.zero(reset=cut, ended_badly=sum(code != 0 for code in codes), ended_late=int(slowest > 10))


with promise.Check("B13", "gateway's clients", faults=1013, limit=400) as check:
    check.need("kcat")
    check.size(f"{check.scaled(60)} s with {check.scaled(10)} kills, {check.scaled(1000)} slow sockets, "
               f"{check.scaled(3)} ends under load")
    through_kills(check)
    slow_clients(check)
    drains(check)
