#!/usr/bin/env python3
"""A broker of Apache Kafka dies or freezes while produce runs: nothing acknowledged is lost."""
import json
import time

import storm

RATE = 50_000
SECONDS = storm.size(12, 60)
TOTAL = RATE * SECONDS


class Storming(storm.Process):
    """`datastorm produce --json` beside the test; its account when it has ended."""

    def __init__(self, case, topic, *arguments):
        self.case = case
        super().__init__([storm.PROGRAM, "produce", "--json", "--topic", topic, *arguments],
                         case.folder / f"produce-{topic}.log")

    def account(self, limit):
        """(exit code, the JSON object)"""
        code = self.popen.wait(limit * storm.PATIENCE)
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        self.case.assertEqual(1, len(lines), storm.tail(self.log))
        return code, json.loads(lines[0])


class Cluster(storm.Case):
    limit = 900 if storm.FULL else 150

    def storming(self, kafka, topic, *more):
        return self.keep(Storming(self, topic, "--brokers", kafka.address, "--total", TOTAL, "--rate", RATE,
                                  "--acks", "all", *more))

    def records_in(self, kafka, topic):
        return sum(kafka.end_offsets(topic).values())

    def verdict(self, kafka, topic, account, expect):
        return self.run_json("verify", "--run", account["run"], "--brokers", kafka.address, "--topic", topic,
                             expect=expect)

    def test_a_broker_is_killed(self):
        """kill -9 of one of three in mid-run, and back: acknowledged is there, idempotent exactly once"""
        kafka = self.kafka("--nodes", "3", "--heap", "256m")
        for node, idempotent in (2, False), (3, True):
            with self.subTest(idempotent=idempotent):
                self.killed(kafka, node, idempotent)

    def killed(self, kafka, node, idempotent):
        topic = "idempotent" if idempotent else "plain"
        kafka.call("topic", topic, "12", "3", "min.insync.replicas=2")
        produce = self.storming(kafka, topic, *(("--idempotence",) if idempotent else ()))
        time.sleep(3)  # the run has a rate: this is its first quarter
        kafka.call("kill", str(node))
        time.sleep(2)
        kafka.call("start-node", str(node), limit=90)
        code, account = produce.account(60)
        in_log = self.records_in(kafka, topic)
        print("  " + ", ".join(f"{k} {account[k]:,}" for k in (
            "scheduled", "acknowledged", "failed", "unknown", "log_end_delta")) +
            f", in the log {in_log:,}, p99 {account['latency_us']['p99'] / 1e6:.2f} s", flush=True)
        self.assertEqual(TOTAL, account["scheduled"])
        self.same("settled", scheduled=TOTAL,
                  settled=account["acknowledged"] + account["failed"] + account["unknown"])
        self.assertEqual(storm.DONE if account["acknowledged"] == TOTAL else storm.GOAL_FAILED, code)
        # A cluster of three with one gone goes on by itself, well within the delivery time limit.
        self.same("acknowledged", asked=TOTAL, acknowledged=account["acknowledged"])
        self.same("the log's end", log_end_delta=account["log_end_delta"], get_offsets=in_log)
        doubled = in_log - TOTAL
        self.assertGreaterEqual(doubled, 0)
        verdict = self.verdict(kafka, topic, account, storm.GOAL_FAILED if doubled else storm.DONE)
        self.assertEqual([0, 0], [verdict["lost"], verdict["corrupted"]])
        self.same("duplicates", by_the_log=doubled, by_verify=verdict["duplicated"])
        if idempotent:
            self.assertEqual([0, 0], [verdict["duplicated"], verdict["disordered"]])

    def test_the_only_broker_freezes(self):
        """5 s without an answer show in the latency, as the load was open; nothing is lost"""
        kafka = self.kafka("--heap", "256m")
        kafka.create_topic("frozen", 8)
        produce = self.storming(kafka, "frozen", "--idempotence")
        time.sleep(3)
        kafka.call("pause", "1")
        time.sleep(5)
        kafka.call("resume", "1")
        code, account = produce.account(60)
        p50, p99, longest = (account["latency_us"][k] / 1e6 for k in ("p50", "p99", "max"))
        print(f"  latency p50 {p50:.3f} s, p99 {p99:.2f} s, max {longest:.2f} s", flush=True)
        self.same("through a freeze", asked=TOTAL, scheduled=account["scheduled"],
                  acknowledged=account["acknowledged"], get_offsets=self.records_in(kafka, "frozen"))
        self.assertEqual(storm.DONE, code)
        # 5 of 12 s (60 when large) waited from 0 to 5 s; a closed loop would have shown one batch.
        self.assertGreater(longest, 4.5)
        self.assertGreater(p99, storm.size(4.0, 3.0))
        verdict = self.verdict(kafka, "frozen", account, storm.DONE)
        self.same("verified", asked=TOTAL, expected=verdict["expected"], found=verdict["found"])


if __name__ == "__main__":
    storm.main()
