#!/usr/bin/env python3
"""One run by three processes on machines of their own: one of them and a broker die, and nothing is lost or doubled."""
import json
import subprocess

import networks
import storm

SHARDS, PARTITIONS = 3, 12
RATE = 30_000
TOTAL = RATE * storm.size(16, 60)
RUN = "00005a4d5a4d"


class Shards(storm.Case):
    limit = 600

    def shard(self, net, number, address, log, *more):
        """`produce --shard number/3` on its machine."""
        return self.keep(storm.Process(
            net.at(f"shard{number}", [
                storm.PROGRAM, "produce", "--json", "--brokers", address, "--topic", "storm", "--run", RUN,
                "--shard", f"{number}/{SHARDS}", "--rate", RATE, "--total", TOTAL, "--batch-size", 1000, "--acks", "all",
                "--idempotence", "--seed", 7, "--data-dir", self.folder / f"shard{number}", *more]),
            self.folder / f"{log}.log"))

    def account(self, shard, limit=180):
        code = shard.popen.wait(limit)
        lines = [line for line in shard.log.read_text().splitlines() if line.startswith("{")]
        self.assertEqual(1, len(lines), storm.tail(shard.log))
        return code, json.loads(lines[0])

    def test_a_shard_and_a_broker_die(self):
        """killed in mid-run, both come back; three accounts and kcat's count agree, verify finds each record once"""
        net = networks.Network(self)
        net.machine("kafka")
        for number in range(SHARDS):
            net.machine(f"shard{number}")
        kafka = self.kafka("--nodes", "3", "--heap", "256m", at=lambda c: net.at("kafka", c),
                           KAFKA_HOST=net.address("kafka"))
        kafka.call("topic", "storm", str(PARTITIONS), "3", "min.insync.replicas=2")
        shards = [self.shard(net, n, kafka.address, f"shard{n}") for n in range(SHARDS)]

        def stored(share):
            """Waits until so much of the run is in the topic; by our own word, for a node may be away."""
            def there():
                done = subprocess.run(net.at("shard0", [
                    storm.PROGRAM, "topic", "offsets", "storm", "--brokers", kafka.address, "--json"]),
                    capture_output=True, text=True, timeout=60)
                return done.returncode == 0 and json.loads(done.stdout)["records"] >= TOTAL * share
            shards[0].wait_until(there, 120, f"storing {share:.0%}")

        stored(0.1)
        kafka.call("kill", "2")
        stored(0.3)  # the others lead its partitions now
        shards[1].kill()
        kafka.call("start-node", "2", limit=120)
        shards[1] = self.shard(net, 1, kafka.address, "shard1-again")
        accounts = [self.account(each) for each in shards]
        for number, (code, account) in enumerate(accounts):
            print(f"  shard {number}: exit {code}, " + ", ".join(
                f"{k} {account[k]:,}" for k in ("scheduled", "acknowledged", "failed", "unknown", "taken_up")), flush=True)
        self.assertEqual([storm.DONE] * SHARDS, [code for code, _ in accounts])
        in_log = sum(kafka.end_offsets("storm").values())
        self.same("records", asked=TOTAL, scheduled=sum(a["scheduled"] for _, a in accounts),
                  acknowledged=sum(a["acknowledged"] for _, a in accounts), get_offsets=in_log)
        taken = accounts[1][1]["taken_up"]
        self.assertGreater(taken, 0)
        self.assertLess(taken, accounts[1][1]["acknowledged"])
        printed = storm.checked(net.at("kafka", [
            "kcat", "-C", "-b", kafka.address, "-t", "storm", "-o", "beginning", "-e", "-q", "-f", "%p\\n"]), 120)
        self.same("kcat", asked=TOTAL, kcat=printed.count("\n"))
        done = storm.checked(net.at("shard2", [
            storm.PROGRAM, "verify", "--run", RUN, "--brokers", kafka.address, "--topic", "storm", "--json"]), 120)
        verdict = json.loads(done)
        self.same("verify", asked=TOTAL, expected=verdict["expected"], found=verdict["found"])
        self.assertEqual([0] * 5, [verdict[k] for k in ("lost", "duplicated", "disordered", "corrupted", "unclaimed")],
                         verdict["ranges"][:5])
        self.assertEqual([], verdict["not_shown"])

    def test_goes_on_only_with_the_same_settings(self):
        """another seed is another run: refused in words before anything is sent"""
        broker = self.broker()
        settings = ("--brokers", broker.address, "--run", RUN, "--batch-size", 100)
        first = self.run_json("produce", *settings, "--total", 1000)
        self.same("first", total=1000, acknowledged=first["acknowledged"])
        refused = self.run_program("produce", *settings, "--total", 1000, "--seed", 2, expect=storm.WRONG_USE)
        self.assertIn("seed 1 (now 2)", refused.stderr)
        again = self.run_json("produce", *settings, "--total", 1500)  # what is there counts as done
        self.same("again", total=1500, acknowledged=again["acknowledged"])
        self.same("of it taken up", first=1000, taken_up=again["taken_up"])
        self.same("in the topic", total=1500, kcat=len(self.kcat_offsets(broker.address, "tweets")))


if __name__ == "__main__":
    storm.main()
