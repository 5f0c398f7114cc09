#!/usr/bin/env python3
"""Large runs: what the account says is what Kafka's own tools, kcat and a counting peer have."""
import json
import os
import signal
import subprocess

import storm

TOTAL = storm.size(2_000_000, 50_000_000)  # whole generator batches of 8,000
PARTITIONS = 32
PEER = os.path.join(os.path.dirname(storm.PROGRAM), "discard_peer")


class BigRuns(storm.Case):
    limit = 1700

    def produce(self, address, topic, *more):
        account = self.run_json("produce", "--brokers", address, "--topic", topic, "--partitions", PARTITIONS,
                                "--total", TOTAL, *more, limit=900)
        print(f"  {' '.join(more)}: {account['rate_avg'] / 1e6:.2f} M/s in {account['elapsed_s']:.1f} s, "
              f"{account['bytes_per_record']:.1f} B a record, {account['rss_mib']:.0f} MiB", flush=True)
        self.assertEqual([0, 0], [account["failed"], account["unknown"]])
        self.assertEqual(TOTAL, account["scheduled"])
        self.assertLessEqual(account["rss_mib"], 256)
        return account

    def test_apache_kafka(self):
        """acks 1 and all: acknowledged = get-offsets = what kcat reads, one by one"""
        self.need("kcat")
        for acks in ("1", "all"):
            kafka = self.kafka("--heap", "1g")  # one each, so that the disk holds one topic at a time
            account = self.produce(kafka.address, "big", "--acks", acks)
            # kcat prints an offset a record; wc counts the lines, so that nobody holds 50 M of them.
            lines = storm.checked(["bash", "-c", 'set -o pipefail; kcat -C -b "$1" -t big -e -q -o beginning '
                                   "-f '%o\\n' -X check.crcs=true | wc -l", "-", kafka.address], 1200)
            self.same(f"acks={acks}", asked=TOTAL, acknowledged=account["acknowledged"],
                      log_end_delta=account["log_end_delta"], get_offsets=sum(kafka.end_offsets("big").values()),
                      kcat=int(lines))
            kafka.destroy()

    def test_a_peer_that_counts(self):
        """a broker that keeps nothing counts what comes: every acks, idempotence, both engines"""
        self.need(PEER, "run: make build-tests")
        for how in (("--acks", "1"), ("--acks", "all"), ("--acks", "all", "--idempotence"), ("--acks", "0"),
                    ("--acks", "1", "--timestamps", "each"), ("--acks", "1", "--engine", "librdkafka")):
            with self.subTest(" ".join(how)):
                peer = subprocess.Popen([PEER, str(PARTITIONS)], stdout=subprocess.PIPE, text=True)
                self.addCleanup(peer.kill)
                account = self.produce(peer.stdout.readline().split()[-1], "big", *how)
                peer.send_signal(signal.SIGINT)
                counted = json.loads(peer.communicate(timeout=20 * storm.PATIENCE)[0])
                sent = account["written"] if how[1] == "0" else account["acknowledged"]
                self.same(" ".join(how), asked=TOTAL, account=sent, peer=counted["records"])
                if "librdkafka" not in how:  # its batches are its own
                    self.same("bytes", account=account["bytes"], peer=counted["bytes"])


if __name__ == "__main__":
    storm.main()
