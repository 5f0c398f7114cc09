#!/usr/bin/env python3
"""How the embedded broker starts: soon from nothing, soon after a kill, and not where it must not.

Judged is the processor's time that it takes, which other programs on the machine leave alone; the
clock's is printed beside it.
"""
import os
import pathlib
import signal
import subprocess
import time

import storm

GIB = 1 << 30
BYTES = storm.size(GIB // 4, 2 * GIB)
RECORD = 1000
EMPTY_MS, S_PER_GIB = 100, 2  # what a start may take


class BrokerStart(storm.Case):
    limit = 900 if storm.FULL else 240

    def started(self, *more, **named):
        """(broker, seconds of the clock, of the processor) until it was ready."""
        began = time.monotonic()
        broker = self.broker(*more, **named)
        took = time.monotonic() - began
        fields = pathlib.Path(f"/proc/{broker.popen.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return broker, took, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_from_nothing(self):
        """an empty folder, and none: ready within 100 ms of the processor's time"""
        for what, more in (("a folder", ()), ("memory", ("--durability", "memory"))):
            broker, took, busy = min((self.started(self.folder / f"{what}-{i}", *more) for i in range(3)), key=lambda each: each[2])
            print(f"  {what}: ready after {took * 1000:.0f} ms, {busy * 1000:.0f} ms of them at work", flush=True)
            self.assertLessEqual(busy * 1000, EMPTY_MS)

    def test_after_a_kill(self):
        """kill -9, then every record is there again, at 2 s a GiB or less"""
        self.need("kcat")
        broker = self.broker()
        total = BYTES // RECORD
        account = self.run_json("produce", "--brokers", broker.address, "--topic", "t", "--partitions", 8, "--payload", f"random:{RECORD}",
                                "--total", total, "--batch-size", 1000, "--acks", "all", limit=300)
        self.assertEqual(total, account["acknowledged"])
        held = sum(each.stat().st_size for each in (self.folder / "broker").rglob("*.log"))
        broker.kill()
        broker, took, busy = self.started()
        print(f"  {held / GIB:.2f} GiB: ready after {took:.2f} s, {busy:.2f} s of them at work, {busy * GIB / held:.2f} s a GiB", flush=True)
        self.assertLessEqual(busy * GIB / held, S_PER_GIB)
        told = self.kcat("-Q", "-b", broker.address, *[word for p in range(8) for word in ("-t", f"t:{p}:-1")]).decode()
        ends = [int(line.rsplit(" ", 1)[1]) for line in told.splitlines() if line.startswith("t [")]
        self.same("after the kill", produced=total, kept=sum(ends))

    def test_many_partitions(self):
        """1,024 partitions of records: written, killed, started, all there"""
        broker = self.broker()
        total = 1024 * 50
        self.run_json("produce", "--brokers", broker.address, "--topic", "many", "--partitions", 1024, "--total", total,
                      "--batch-size", 50, "--acks", "all")
        broker.kill()
        broker, took, busy = self.started()
        print(f"  1,024 partitions: ready after {took:.2f} s, {busy:.2f} s of them at work", flush=True)
        stored = self.run_json("consume", "--brokers", broker.address, "--topic", "many", "--sink", "none", "--until-end")
        self.same("of 1,024 partitions", produced=total, read=stored["read"])

    def test_where_it_must_not(self):
        """a folder in use, of another program, of a newer version, an address in use: one line each, exit 2"""
        broker = self.broker()
        foreign, newer = self.folder / "foreign", self.folder / "newer"
        for folder in (foreign, newer):
            folder.mkdir()
        (foreign / "letters.txt").write_text("dear")
        (newer / "format").write_text("datastorm broker 9\ncluster x\n")
        for what, folder, address, says in (("in use", broker.data_dir, "127.0.0.1:0", broker.address),
                                            ("another program's", foreign, "127.0.0.1:0", "letters.txt"),
                                            ("a newer version's", newer, "127.0.0.1:0", "version 9"),
                                            ("an address in use", self.folder / "own", broker.address, "taken by another program")):
            done = subprocess.run([storm.PROGRAM, "broker", "--data-dir", folder, "--listen", address], text=True, capture_output=True,
                                  timeout=20 * storm.PATIENCE, stdin=subprocess.DEVNULL)
            lines = done.stderr.strip().splitlines()
            print(f"  {what}: {lines[0] if lines else '(nothing)'}", flush=True)
            self.assertEqual(storm.WRONG_USE, done.returncode, done.stderr)
            self.assertIn(says, done.stderr)
            self.assertLessEqual(len(lines), 2)
        self.assertEqual("dear", (foreign / "letters.txt").read_text())
        self.assertIn(broker.stop(signal.SIGINT), (storm.DONE, storm.INTERRUPTED))


if __name__ == "__main__":
    storm.main()
