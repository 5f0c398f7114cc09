#!/usr/bin/env python3
"""One group of DataStorm, librdkafka (kcat) and Java members: whoever leads, each partition has one reader."""
import collections
import json
import os
import re
import signal
import subprocess
import time

import storm

TOPIC, GROUP, PARTITIONS = "shared", "mixed", 6
COOPERATIVE = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
RANGE = "org.apache.kafka.clients.consumer.RangeAssignor"


class Groups(storm.Case):
    limit = 500

    def consume(self, address, *more, name="ours"):
        return self.keep(storm.Process(
            [storm.PROGRAM, "consume", "--brokers", address, "--topic", TOPIC, "--group", GROUP, "--sink",
             f"sqlite:{self.folder}/{name}.db", "--log-level", "debug", "--quiet", *more], self.folder / f"{name}.log"))

    def kcat_member(self, address, assignor):
        self.need("kcat")
        return self.keep(storm.Process(
            ["kcat", "-b", address, "-G", GROUP, "-u", "-q", "-f", "Partition:%p Offset:%o\\n", "-X",
             f"partition.assignment.strategy={assignor}", "-X", "auto.offset.reset=earliest", TOPIC],
            self.folder / "kcat.log"))

    def java_member(self, address, assignor, env):
        return self.keep(storm.Process(
            [storm.KAFKA_SH, "tool", "console-consumer", "--bootstrap-server", address, "--topic", TOPIC, "--group", GROUP,
             "--from-beginning", "--command-property", f"partition.assignment.strategy={assignor}",
             "--formatter-property", "print.partition=true", "--formatter-property", "print.offset=true", "--formatter-property", "print.value=false"],
            self.folder / "java.log", env=env))

    def printed(self, name):
        return [(int(p), int(o)) for p, o in
                re.findall(r"Partition:(\d+)\s+Offset:(\d+)", (self.folder / f"{name}.log").read_text())]

    def rows(self, name="ours"):
        database = self.folder / f"{name}.db"
        if not database.exists():
            return []
        try:
            return self.select(database, "select partition, offset from tweets")
        except storm.sqlite3.OperationalError:
            return []

    def produce(self, address, total):
        self.run_json("produce", "--brokers", address, "--topic", TOPIC, "--partitions", PARTITIONS, "--total", total,
                      "--batch-size", 100, "--acks", "all")

    def together(self, address, env, first, assignor, ours, java):
        """Members of three makes, `first` the leader; everything produced is read, by all of them together, and once
        where a partition stayed with its reader or DataStorm gave it away. (Java's consumer goes on reading between its
        last commit before a rebalance and the loss of a partition, KAFKA-14196: what it read then is read again.)"""
        members, total, readers = {}, PARTITIONS * 100, dict.fromkeys(range(PARTITIONS), first)
        start = {"ours": lambda: self.consume(address, *ours), "kcat": lambda: self.kcat_member(address, assignor),
                 "java": lambda: self.java_member(address, java, env)}
        seen = {"ours": self.rows, "kcat": lambda: self.printed("kcat"), "java": lambda: self.printed("java")}

        def read():
            """How often each record was read."""
            return collections.Counter(each for look in seen.values() for each in look())

        def round_of_records():
            """Produces and waits until all is read; returns what was read again, and who read of each partition."""
            nonlocal total
            before, earlier = read(), {name: set(look()) for name, look in seen.items()}
            self.produce(address, PARTITIONS * 100)
            total += PARTITIONS * 100
            # A rebalance may be under way, with some of it to be read when that is over.
            self.settled(lambda: len(read()) >= total, 120)
            again = {each for each, times in (read() - before).items() if before[each] + times > 1}
            return again, {p: name for name, look in seen.items() for p, _ in set(look()) - earlier[name]}

        self.produce(address, total)
        try:
            for name in [first] + [each for each in start if each != first]:
                members[name] = start[name]()
                # The first leads as long as it stays: it has the group to itself until it has read all.
                members[name].wait_until(lambda: name != first or len(seen[first]()) >= total, 60, "reading alone")
            # Until all three have joined, and each gets its part of what comes.
            until, twice, again = time.monotonic() + 240, 0, set()
            while (again or set(collections.Counter(readers.values()).values()) != {2}) and time.monotonic() < until:
                again, now = round_of_records()
                # Whoever had the partition when the round began left what it read uncommitted.
                self.assertEqual(set(), {p for p, _ in again if readers[p] == "ours"}, "given away without a commit")
                readers, twice = readers | now, twice + len(again)
            again, steady = round_of_records()
            shares = dict(collections.Counter(steady.values()))
            print(f"  {first} leads: partitions {shares}, read twice {twice:,}", flush=True)
            self.same(f"{first} leads", produced=total, read=len(read()))
            self.assertEqual((set(), readers), (again, steady), "once all have joined, each partition has one reader")
            self.assertEqual({"ours": 2, "kcat": 2, "java": 2}, shares)
            for name, member in members.items():
                if name == "java":
                    os.killpg(member.popen.pid, signal.SIGTERM)
                    member.popen.wait(20 * storm.PATIENCE)
                else:
                    member.stop(limit=20)
        except AssertionError as error:
            told = "\n".join(f"-- {name}\n{storm.tail(self.folder / f'{name}.log', 25)}" for name in members)
            raise AssertionError(f"{error}\n{told}") from error
        finally:
            for member in members.values():
                member.kill()

    @staticmethod
    def settled(ready, limit):
        """Waits for ready(), but no longer: what holds then is judged."""
        until = time.monotonic() + limit
        while not ready() and time.monotonic() < until:
            time.sleep(0.1)

    def all_makes(self, address, env, firsts):
        if subprocess.run([storm.KAFKA_SH, "fetched"], stdout=subprocess.DEVNULL).returncode != 0:
            storm.missing(self, "Apache Kafka's tools have not been fetched; run: setup/install.sh up test")
        for first in firsts:
            with self.subTest(first=first):
                global TOPIC, GROUP
                TOPIC, GROUP = f"shared-{first}", f"mixed-{first}"
                for each in self.folder.glob("*.db*"):
                    each.unlink()
                for each in ("ours", "kcat", "java"):
                    (self.folder / f"{each}.log").unlink(missing_ok=True)
                cooperative = first != "eager"
                self.together(address, env, first if cooperative else "ours",
                              "cooperative-sticky" if cooperative else "range",
                              () if cooperative else ("--assignor", "range,cooperative-sticky"),
                              COOPERATIVE if cooperative else RANGE)

    def test_embedded(self):
        """at the embedded broker, led by each make, and eagerly by range"""
        env = dict(os.environ, KAFKA_RUN=str(self.folder / "java"))
        self.all_makes(self.broker().address, env, ("ours", "kcat", "java", "eager"))

    def test_apache_kafka(self):
        """the same at Apache Kafka"""
        kafka = self.kafka()
        self.all_makes(kafka.address, kafka.env, ("ours", "kcat", "java", "eager"))

    def test_takes_over_at_once(self):
        """killed and started again it goes on long before its session ends; a clean end leaves to the others"""
        broker = self.broker()
        self.produce(broker.address, 600)
        slow = ("--session-timeout", "10m")  # far longer than anything here takes
        first = self.consume(broker.address, *slow)
        first.wait_until(lambda: len(self.rows()) == 600, 30, "storing what is there")
        first.kill()
        self.produce(broker.address, 600)
        again = self.consume(broker.address, *slow)
        took = again.wait_until(lambda: len(self.rows()) == 1200, 30, "storing what came")
        print(f"  killed and started again: {took:.1f} s to go on", flush=True)
        self.assertEqual(0, again.stop() - storm.INTERRUPTED)
        self.produce(broker.address, 600)
        other = self.consume(broker.address, "--instance", "another")
        took = other.wait_until(lambda: len(self.rows()) == 1800, 30, "storing what came after")
        print(f"  ended, and another started: {took:.1f} s to go on", flush=True)

    def test_until_end_together(self):
        """three members with a store each end together, when all of the topic is read"""
        broker = self.broker()
        self.produce(broker.address, 60_000)
        members = [self.consume(broker.address, "--until-end", "--json", name=f"m{i}") for i in range(3)]
        for member in members:
            self.assertEqual(0, member.popen.wait(60 * storm.PATIENCE), storm.tail(member.log))
        accounts = [json.loads(re.search(r"^\{.*\}$", m.log.read_text(), re.MULTILINE)[0]) for m in members]
        rows = [row for i in range(3) for row in self.rows(f"m{i}")]
        self.same("records", produced=60_000, stored=sum(each["stored"] for each in accounts), rows=len(rows),
                  places=len(set(rows)))

    def test_refuses_rollups_by_librdkafka(self):
        """batches' boundaries are hidden there"""
        done = self.run_program("consume", "--engine", "librdkafka", "--store", "rollup", "--brokers", self.nobody(),
                                expect=storm.WRONG_USE)
        self.assertIn("--engine direct", done.stderr)


if __name__ == "__main__":
    storm.main()
