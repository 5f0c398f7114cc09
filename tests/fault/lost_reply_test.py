#!/usr/bin/env python3
"""B5: idempotent producing under lost replies: the log equals the input exactly.

Four kcats (librdkafka, idempotent) send numbered lines through fault_proxy, which lets every few
Produce requests through and resets the connection when their answer comes; twice the broker is
killed and started again. Then the window's edges, said by hand: the last five batches sent again are
known by their offsets, the sixth is refused, before and after a kill.
"""
import subprocess
import threading
import time

import kafka_log
import kafka_wire
import promise

PARTITIONS = 4


class Proxy:
    def __init__(self, check, server):
        self.popen = subprocess.Popen([promise.BUILD / "fault_proxy", server], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True)
        check.stack.callback(self.popen.kill)
        self.address = self.popen.stdout.readline().split()[-1]

    def say(self, line):
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def stats(self):
        self.say("stats")
        words = self.popen.stdout.readline().split()
        return dict(zip(words[::2], map(int, words[1::2])))


def edges(client, topic, producer, epoch, first):
    """Sends six batches, then each of them once more; returns what is wrong in words."""
    sent = [kafka_log.batch([f"{i}a".encode(), f"{i}b".encode()], producer=(producer, epoch, 2 * i)) for i in range(first, first + 6)]
    answers = [client.produce(topic, 0, batch) for batch in sent]
    end = client.end(topic, 0)
    wrong = [f"batch {i} was refused with {error}" for i, (error, _) in enumerate(answers) if error]
    for batch in sent:  # five in flight, unanswered, then gone: their answers are never read
        client.send_produce(topic, 0, batch)
    client.close()
    return sent, answers, end, wrong


def again(client, topic, sent, answers, end):
    wrong = []
    for i, (batch, (_, offset)) in enumerate(zip(sent, answers)):
        got = client.produce(topic, 0, batch)
        expected = (kafka_wire.OUT_OF_ORDER, -1) if i == 0 else (0, offset)
        if got != expected:
            wrong.append(f"batch {i} of 6, sent again, is answered {got}, not {expected}")
    if client.end(topic, 0) != end:
        wrong.append(f"the log ends at {client.end(topic, 0)}, not {end}")
    return wrong


with promise.Check("B5", "lost replies, idempotent", faults=500, limit=220) as check:
    check.need("kcat")
    broker = check.broker()
    proxy = Proxy(check, broker.address)
    with kafka_wire.Client(broker.address) as client:
        check.that(client.create_topic("t", PARTITIONS) == 0 and client.create_topic("edge", 1) == 0, "no topic")
    lines = check.scaled(200_000) // PARTITIONS
    inputs = []
    for partition in range(PARTITIONS):
        path = check.folder / f"input-{partition}"
        path.write_text("".join(f"{partition} {i} {'x' * check.random.randrange(60)}\n" for i in range(lines)))
        inputs.append(path)
    cuts = check.scaled(500)
    proxy.say(f"cut 4 {cuts}")
    senders = []
    for partition, path in enumerate(inputs):
        senders.append(subprocess.Popen(
            ["kcat", "-P", "-E", "-b", proxy.address, "-t", "t", "-p", str(partition), "-X", "enable.idempotence=true",
             "-X", "batch.num.messages=40", "-X", "linger.ms=2", "-X", "reconnect.backoff.ms=5", "-X",
             "reconnect.backoff.max.ms=20", "-X", "retry.backoff.ms=5", "-X", "message.timeout.ms=150000", "-l", str(path)],
            stdout=subprocess.DEVNULL, stderr=(check.folder / f"kcat-{partition}").open("wb")))
        check.stack.callback(senders[-1].kill)
    restarts = 0
    for share in (0.3, 0.6):  # of the cuts
        while proxy.stats()["cuts"] < cuts * share and any(each.poll() is None for each in senders):
            time.sleep(0.02)
        broker.kill()
        broker = check.broker(address=broker.address)
        restarts += 1
    codes = [each.wait(150) for each in senders]
    check.fault(proxy.stats()["cuts"])
    differ = 0
    for partition, path in enumerate(inputs):
        out = check.run("kcat", "-C", "-b", broker.address, "-t", "t", "-p", partition, "-o", "beginning", "-e", "-q")
        if out != path.read_text():
            differ += 1
            want, got = path.read_text().splitlines(), out.splitlines()
            print(f"  partition {partition}: {len(got):,} of {len(want):,} lines; {len(got) - len(set(got)):,} doubled, "
                  f"{len(set(want) - set(got)):,} lost", flush=True)
    check.size(f"{lines * PARTITIONS:,} records, {restarts} broker kills")
    check.note(connections=proxy.stats()["connections"])
    check.zero(partitions_that_differ=differ, senders_that_failed=sum(code != 0 for code in codes))

    client = kafka_wire.Client(broker.address)
    producer, epoch = client.init_producer_id()
    wrong = []
    for first, kill in ((0, False), (6, True)):
        sent, answers, end, found = edges(kafka_wire.Client(broker.address), "edge", producer, epoch, first)
        wrong += found
        if kill:
            client.close()
            broker.kill()
            broker = check.broker(address=broker.address)
            client = kafka_wire.Client(broker.address)
        wrong += again(client, "edge", sent, answers, end)
    gap = client.produce("edge", 0, kafka_log.batch([b"gap"], producer=(producer, epoch, 99)))
    if gap[0] != kafka_wire.OUT_OF_ORDER:
        wrong.append(f"a gap in the sequence is answered {gap}")
    check.that(not wrong, "; ".join(wrong))
    check.zero(window_edges_wrong=len(wrong))
