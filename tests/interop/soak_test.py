#!/usr/bin/env python3
"""Eight clients of four makes at the embedded broker at once: all that was acknowledged is read by each group.

In a build with sanitizers (`make test PRESET=dev`, `tsan`) this is their soak: broker, producers, consumers and sinks
of DataStorm all run in it, and one report of a sanitizer fails the test. DATASTORM_SOAK_SECONDS makes it longer.
"""
import json
import os
import re
import threading

import storm

SECONDS = int(os.environ.get("DATASTORM_SOAK_SECONDS") or storm.size(8, 60))
TOPIC, PARTITIONS = "soak", 8
REPORT = re.compile(r"(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:).*")


class Soak(storm.Case):
    limit = 240 + 4 * SECONDS

    def start(self, name, command, *more):
        self.ours[name] = self.keep(storm.Process(
            [storm.PROGRAM, command, "--brokers", self.address, "--topic", TOPIC, *more], self.folder / f"{name}.log"))

    def producer(self, name, command, *more):
        self.start(name, command, "--duration", f"{SECONDS}s", "--json", *more)

    def consumer(self, name, group, sink, *more):
        self.start(name, "consume", "--group", group, "--sink", sink, *more)

    def kcat_writes(self, done):
        """Readings in small batches by kcat, until the others have written theirs."""
        while not done.wait(0.2):
            lines = [b'{"data":20.5,"timestamp_producer":1700000000000,"producer_id":999,"sequence":%d}\n' % each
                     for each in range(self.by_kcat, self.by_kcat + 200)]
            self.kcat("-P", "-b", self.address, "-t", TOPIC, "-X", "acks=all", stdin=b"".join(lines))
            self.by_kcat += len(lines)

    def told(self, name):
        """What a consumer of ours says it has stored so far."""
        said = re.findall(r"stored ([\d,]+),", (self.folder / f"{name}.log").read_text(errors="replace"))
        return int(said[-1].replace(",", "")) if said else 0

    def account(self, name, limit):
        """What it prints when it has ended by itself."""
        process = self.ours[name]
        self.assertEqual(storm.DONE, process.popen.wait(limit * storm.PATIENCE), storm.tail(process.log))
        return json.loads(process.log.read_text(errors="replace").splitlines()[-1])

    def test_eight_clients(self):
        """four producers (direct, librdkafka, sensors, kcat) and four consumers in three groups, all at once"""
        self.need("kcat")
        self.ours, self.by_kcat = {}, 0
        broker = self.ours["broker"] = self.broker()
        self.address = broker.address
        self.run_json("topic", "create", TOPIC, "--brokers", self.address, "--partitions", PARTITIONS)
        self.consumer("pair-1", "pair", "none", "--workers", 2)
        self.consumer("pair-2", "pair", "none", "--engine", "librdkafka")
        self.consumer("rows", "rows", f"sqlite:{self.folder}/rows.db")
        read = self.folder / "kcat.log"
        reader = self.keep(storm.Process(["kcat", "-b", self.address, "-G", "kcat", "-q", "-u", "-X",
                                          "auto.offset.reset=earliest", "-f", "%p %o\\n", TOPIC], read))
        done = threading.Event()
        writer = threading.Thread(target=self.kcat_writes, args=(done,))
        writer.start()
        try:
            self.producer("direct", "produce", "--rate", 20_000, "--acks", "all", "--idempotence", "--compression", "lz4")
            self.producer("librdkafka", "produce", "--rate", 10_000, "--engine", "librdkafka", "--compression", "zstd")
            self.producer("sensors", "sensors", "--via", "kafka", "--producers", 100)
            written = {name: self.account(name, 60 + 2 * SECONDS) for name in ("direct", "librdkafka", "sensors")}
        finally:
            done.set()
            writer.join()
        for name, account in written.items():
            self.assertEqual((0, 0), (account["failed"], account["unknown"]), name)
        acknowledged = self.by_kcat + sum(account["acknowledged"] for account in written.values())
        reader.wait_until(lambda: read.read_bytes().count(b"\n") >= acknowledged, 120, f"at {acknowledged:,}")
        for names in (("pair-1", "pair-2"), ("rows",)):
            self.ours[names[0]].wait_until(lambda: sum(map(self.told, names)) >= acknowledged, 120, f"at {acknowledged:,}")
        reader.stop()
        for name in ("pair-1", "pair-2", "rows", "broker"):  # TSan tells at the end
            self.assertIn(self.ours[name].stop(limit=60), (storm.DONE, storm.INTERRUPTED), storm.tail(self.ours[name].log))
        self.same("records", acknowledged=acknowledged, by_kcat=len(set(read.read_text().splitlines())),
                  by_a_pair=self.told("pair-1") + self.told("pair-2"), rows=self.stored(self.folder / "rows.db"))
        for name, process in self.ours.items():
            report = REPORT.search(process.log.read_text(errors="replace"))
            self.assertIsNone(report, f"{name}: {report and report[0]}")

    def stored(self, database):
        return sum(self.select(database, f"select count(*) from {table}")[0][0] for table in ("tweets", "readings"))


if __name__ == "__main__":
    storm.main()
