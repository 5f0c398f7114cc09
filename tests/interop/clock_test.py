#!/usr/bin/env python3
"""How far two machines' clocks differ, by the broker's: a storm and a pipeline whose times of day are set wrong by known amounts name the difference, within their bounds."""
import json
import os
import pathlib
import tempfile

import storm

# The time of day, and it alone, is off by SKEW_US; nothing else is touched, least of all intervals.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *to) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  const int done = real(id, to);
  if (id == CLOCK_REALTIME) {
    const long long ns = to->tv_sec * 1000000000LL + to->tv_nsec + atoll(getenv("SKEW_US")) * 1000;
    to->tv_sec = ns / 1000000000;
    to->tv_nsec = ns % 1000000000;
  }
  return done;
}

/* librdkafka asks this one. */
int gettimeofday(struct timeval *to, void *zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  to->tv_sec = now.tv_sec;
  to->tv_usec = now.tv_nsec / 1000;
  return 0;
}
"""


class Clocks(storm.Case):
    limit = 300

    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="datastorm-test-"))
        cls.addClassCleanup(lambda: [each.unlink() for each in folder.iterdir()] + [folder.rmdir()])
        cls.shim = folder / "shim.so"
        (folder / "shim.c").write_text(SHIM)
        storm.checked(["cc", "-shared", "-fPIC", "-o", cls.shim, folder / "shim.c", "-ldl"], 60)

    def at(self, skew_us, log, *arguments):
        """datastorm ARGUMENTS on a machine whose clock is ahead by that much."""
        env = dict(os.environ, LD_PRELOAD=str(self.shim), SKEW_US=str(skew_us))
        return self.keep(storm.Process([storm.PROGRAM, *arguments, "--json"], self.folder / f"{log}.log", env))

    def ended(self, process, expect=(storm.DONE,)):
        """Its account, the one line of JSON."""
        code = process.popen.wait(120 * storm.PATIENCE)
        self.assertIn(code, expect, storm.tail(process.log))
        [line] = [line for line in process.log.read_text().splitlines() if line.startswith("{")]
        return json.loads(line)

    def stopped(self, process):
        process.stop()
        return self.ended(process, (storm.DONE, storm.INTERRUPTED))

    def told(self, address):
        """[words of storms], [records of those who only measure], as kcat reads them."""
        printed = self.kcat("-C", "-b", address, "-t", "datastorm.clock", "-o", "beginning", "-e", "-q", "-J")
        records = [json.loads(line) for line in printed.splitlines()]
        for record in records:
            self.assertEqual("logappend", record["tstype"], record)
        words = [json.loads(record["payload"]) for record in records if record["payload"]]
        return words, [record for record in records if not record["payload"]]

    def compare(self, address, topic, skew_us, storms):
        """The account of a pipeline beside these storms: [(skew, command, ...)]."""
        already = len(self.told(address)[1]) if self.exists(address) else 0
        sending = [self.at(skew, f"{topic}-storm{i}", *command, "--brokers", address, "--topic", topic)
                   for i, (skew, *command) in enumerate(storms)]
        reader = self.at(skew_us, f"{topic}-reader", "consume", "--brokers", address, "--topic", topic, "--group", topic,
                         "--sink", "none")

        silent = None  # when all storms had spoken

        def measured():
            nonlocal silent
            for process in sending:
                self.assertIsNone(process.popen.poll(), storm.tail(process.log))
            if not self.exists(address):
                return False
            words, others = self.told(address)
            if silent is None and {(word["topic"], word["shard"]) for word in words} >= {
                    (topic, i) for i in range(len(storms))}:
                silent = len(others)
            # Each storm has one without a word, and the reader sends eight at once. Its third after all had
            # spoken comes after it has held its clock against all of them.
            return silent is not None and len(others) >= max(silent + 3, already + len(storms) + 10)
        reader.wait_until(measured, 60, "measuring its clock")
        account = self.stopped(reader)
        for process in sending:
            self.stopped(process)
        return account

    def exists(self, address):
        listed = self.run_json("topic", "list", "--brokers", address)
        return "datastorm.clock" in json.dumps(listed)

    def holds(self, account, ahead_us, word):
        """What is said is true, and said in these words."""
        clock = account["clock"]
        least, most = clock["aheadLeastMs"] * 1000, clock["aheadMostMs"] * 1000
        print(f"  {ahead_us:,} us: {least:,.0f} to {most:,.0f}, ± {(most - least) / 2000:.2f} ms: {clock['text']}", flush=True)
        self.assertLessEqual(least, ahead_us)
        self.assertGreaterEqual(most, ahead_us)
        self.assertEqual("", clock["notMeasured"])
        self.assertIn(word, clock["text"])
        return clock

    def beside(self, address, prefix):
        """Each kind of storm, ahead, behind and with the pipeline."""
        produce = ("produce", "--rate", "2k", "--batch-size", 100)
        cases = {
            "ahead": (2_718_281, 0, produce, "ahead of the storm's", True),
            "behind": (-3_000_000, 250, produce, "behind the storm's", True),
            "storm-ahead": (0, 3_000_500, (*produce, "--engine", "librdkafka"), "behind the storm's", True),
            "sensors": (1_250_000, -1_250_000, ("sensors", "--via", "kafka", "--producers", 10), "ahead of the storm's", True),
            "one-clock": (0, 0, produce, "this clock is", False),
        }
        for name, (reader, sender, command, word, differ) in cases.items():
            with self.subTest(name):
                account = self.compare(address, f"{prefix}-{name}", reader, [(sender, *command)])
                self.assertGreater(account["stored"], 0)
                clock = self.holds(account, reader - sender, word)
                if differ:
                    self.assertTrue(clock["differ"])
                    self.assertIn("too long" if reader > sender else "too short", clock["text"])
                if reader < sender:
                    self.assertGreater(clock["negative"], 0)
                    self.assertIn("came before they were due", clock["text"])

    def test_against_the_embedded_broker(self):
        """a storm by either engine and sensors, ahead of the pipeline and behind it"""
        self.beside(self.broker().address, "e")

    def test_against_apache_kafka(self):
        """the same, by Apache Kafka's clock"""
        self.beside(self.shared_kafka().address, "k")

    def test_the_farthest_of_several(self):
        """two processes of one run on two machines: the one whose clock is farther off is named"""
        address = self.broker().address
        command = ("produce", "--rate", "2k", "--batch-size", 100, "--run", "00000000c10c", "--streams", 2)
        account = self.compare(address, "t", 500_000, [(0, *command, "--shard", "0/2"),
                                                       (-1_500_000, *command, "--shard", "1/2")])
        clock = self.holds(account, 2_000_000, "ahead of a storm's")
        self.assertIn("the farthest of 2", clock["text"])

    def test_says_why_where_it_is_not_known(self):
        """other people's producers, no right to write, a topic that bears no broker's time: no run fails for it"""
        address = self.broker().address
        self.kcat("-P", "-b", address, "-t", "others", stdin=b"one\ntwo\n")

        def read(where, topic):
            clock = self.run_json("consume", "--brokers", where, "--topic", topic, "--group", "g", "--sink", "none",
                                  "--until-end")["clock"]
            print(f"  {topic}: {clock['notMeasured']}", flush=True)
            self.assertIsNone(clock["aheadLeastMs"])
            self.assertIsNone(clock["aheadMostMs"])
            self.assertNotEqual("", clock["notMeasured"])
            self.assertEqual("", clock["text"])
            return clock["notMeasured"]
        read(address, "others")
        self.assertFalse(self.exists(address), "who only reads makes no topic")

        self.run_program("topic", "create", "datastorm.clock", "--partitions", 1, "--brokers", address)
        self.run_json("produce", "--brokers", address, "--topic", "t", "--total", 1000)
        read(address, "t")

        (self.folder / "acl").write_text("ANONYMOUS all topic t\nANONYMOUS all topic datastorm.runs\n"
                                         "ANONYMOUS all group *\nANONYMOUS all cluster\n")
        locked = self.broker(self.folder / "locked", "--acl", self.folder / "acl").address
        self.run_json("produce", "--brokers", locked, "--topic", "t", "--total", 1000)
        read(locked, "t")


if __name__ == "__main__":
    storm.main()
