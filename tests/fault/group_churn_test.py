#!/usr/bin/env python3
"""B11, second half: members of three makes come, leave and are killed, and one is stopped for longer than its session.

    group_churn_test.py [kafka]          # against the embedded broker, or Apache Kafka

Ours store into one SQLite file, with both engines; kcat and Java's console consumer print what they get. What was
produced must be in the file or on some member's output: nobody may commit what they have not. The file must hold
nothing twice, also of a member that wakes up after its partitions went to another.
"""
import os
import re
import signal
import subprocess
import sys
import time

import promise
import storm

APACHE = "kafka" in sys.argv[1:]
sys.argv = [each for each in sys.argv if each != "kafka"]
TOPIC, GROUP, PARTITIONS = "churned", "churn", 12
RATE = 2_000
SESSION = 6


class Members:
    """Processes of one group, and what they printed."""

    def __init__(self, check, address, store, kafka):
        self.check, self.address, self.store, self.kafka = check, address, store, kafka
        self.running, self.outputs, self.logs, self.count = [], [], [], 0

    def start(self, kind):
        self.count += 1
        name = f"{kind}{self.count}"
        log = self.check.folder / f"{name}.log"
        if kind in ("direct", "librdkafka"):
            process = storm.Process(
                [storm.PROGRAM, "consume", "--brokers", self.address, "--topic", TOPIC, "--group", GROUP, "--engine", kind,
                 "--sink", f"sqlite:{self.store}", "--session-timeout", f"{SESSION}s", "--heartbeat-interval", "1s",
                 "--log-level", "debug", "--quiet"], log)
            self.logs.append(log)
        elif kind == "kcat":
            process = storm.Process(
                ["sh", "-c", f'exec kcat -b {self.address} -G {GROUP} -q -u -f "Partition:%p Offset:%o\\n"'
                 f" -X partition.assignment.strategy=cooperative-sticky -X session.timeout.ms={SESSION}000"
                 f" -X auto.offset.reset=earliest -X debug= {TOPIC}"], log)
            self.outputs.append(log)
        else:
            process = storm.Process(
                [storm.KAFKA_SH, "tool", "console-consumer", "--bootstrap-server", self.address, "--topic", TOPIC,
                 "--group", GROUP, "--from-beginning",
                 "--command-property", "partition.assignment.strategy="
                 "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
                 "--command-property", f"session.timeout.ms={SESSION}000",
                 "--formatter-property", "print.partition=true", "--formatter-property", "print.offset=true",
                 "--formatter-property", "print.value=false"], log, env=self.kafka)
            self.outputs.append(log)
        process.kind = kind
        self.check.keep(process)
        self.running.append(process)
        return process

    def end(self, process, how=signal.SIGINT):
        self.running.remove(process)
        if process.kind == "java":  # a script with a JVM below it
            os.killpg(process.popen.pid, signal.SIGTERM)
            process.popen.wait(30)
        elif how == signal.SIGKILL:
            process.kill()
        else:
            process.stop(how, 40)

    def ours(self):
        return [each for each in self.running if each.kind in ("direct", "librdkafka")]

    def seen(self):
        """{(partition, offset)} that the others printed."""
        found = set()
        for output in self.outputs:
            found.update((int(p), int(o)) for p, o in re.findall(r"Partition:(\d+)\s+Offset:(\d+)", output.read_text()))
        return found


def zombie(members, check, stopped_at):
    """Stops one of ours for 15 s, while the others go on; when to wake it."""
    victim = check.random.choice([each for each in members.running if each.kind == "direct"])
    victim.popen.send_signal(signal.SIGSTOP)
    return victim, stopped_at + 15


def churn(check, members, java):
    seconds = 60 * check.scale
    kinds = ["direct", "direct", "librdkafka", "kcat"]
    began = time.monotonic()
    asleep, wakes, next_step = None, 0, began
    for kind in ("direct", "direct", "kcat") + (("java",) if java else ()):
        members.start(kind)
    while (now := time.monotonic()) < began + seconds:
        if asleep is None and now > began + 14 and any(each.kind == "direct" for each in members.running):
            asleep, wakes = zombie(members, check, now)
        elif wakes and now > wakes:
            asleep.popen.send_signal(signal.SIGCONT)
            check.fault()
            wakes = 0
        if now < next_step:
            time.sleep(0.05)
            continue
        next_step += 2
        awake = [each for each in members.running if each is not asleep]
        if len(awake) > 2 and (len(awake) > 5 or check.random.random() < 0.5):
            victim = check.random.choice(awake)
            kill = victim.kind in ("direct", "librdkafka") and check.random.random() < 0.5
            members.end(victim, signal.SIGKILL if kill else signal.SIGINT)
        else:
            members.start(check.random.choice(kinds))
        check.fault()


where = "Apache Kafka" if APACHE else "the embedded broker"
with promise.Check("B11", f"a mixed group that churns, at {where}", faults=31, limit=280) as check:
    check.need("kcat")
    java = subprocess.run([storm.KAFKA_SH, "fetched"], stdout=subprocess.DEVNULL).returncode == 0
    if APACHE:
        if not java:
            check.skip("Apache Kafka has not been fetched; run: setup/install.sh up test")
        cluster = storm.Kafka(check.folder / "kafka")
        check.stack.callback(cluster.destroy)
        address, environment = cluster.address, cluster.env
    else:
        address = check.broker().address
        environment = dict(os.environ, KAFKA_RUN=str(check.folder / "java"))
    total = int(RATE * 60 * check.scale)
    check.size(f"{PARTITIONS} partitions, {total:,} records, a change every 2 s, one zombie for 15 s of a session of {SESSION}")
    store = check.folder / "store.db"
    producer = check.keep(storm.Process(
        [storm.PROGRAM, "produce", "--brokers", address, "--topic", TOPIC, "--partitions", PARTITIONS, "--total", total,
         "--rate", RATE, "--batch-size", 100, "--acks", "all", "--quiet", "--json"], check.folder / "produce.log"))
    members = Members(check, address, store, environment)
    time.sleep(1)
    churn(check, members, java)
    check.that(producer.popen.wait(60) == 0, "the producer failed")
    for member in list(members.running):
        members.end(member)
    # Whatever nobody has read yet.
    storm.checked([storm.PROGRAM, "consume", "--brokers", address, "--topic", TOPIC, "--group", GROUP, "--sink",
                   f"sqlite:{store}", "--until-end", "--quiet"], 120, cwd=check.folder)

    import sqlite3
    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    rows = database.execute("select partition, offset from tweets").fetchall()
    printed = members.seen()
    ends = dict(database.execute("select partition, next_offset from offsets"))
    here, everywhere = set(rows), set(rows) | printed
    reached = {}
    for partition, offset in everywhere:
        reached[partition] = max(reached.get(partition, -1), offset)
    produced = sum(end + 1 for end in reached.values())
    refused = sum(log.read_text().count("another consumer has stored") for log in members.logs)
    lost_shares = sum(log.read_text().count("has gone on without us") for log in members.logs)
    check.note(records=total, rows=len(rows), printed_by_others=len(printed), members=members.count,
               shares_lost=lost_shares, transactions_refused=refused)
    check.same("in the log", produced=total, seen=produced)
    check.zero(lost=total - len(everywhere), stored_twice=len(rows) - len(here),
               beyond_the_offsets=sum(offset >= ends.get(partition, 0) for partition, offset in rows))
    check.that(len(rows) > total / 10, "ours stored next to nothing")
    # Whether it held partitions just then is a matter of luck; that the broker gave it up is not.
    thrown_out = 0 if APACHE else (check.folder / "broker.log").read_text().count("has not been heard of for its session")
    check.that(lost_shares > 0 or thrown_out > 0, "the zombie was none: it lost nothing, and nobody missed it")
