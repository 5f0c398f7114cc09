#!/usr/bin/env python3
"""`datastorm up` as people use it: live, agreeing with itself, and whole again after kill -9."""
import collections
import contextlib
import json
import signal
import time
import uuid

import storm

TOTAL = storm.size(100_000, 2_000_000)
RATE = 20_000
LIVE_WITHIN = 5  # seconds, a start on data that are there
# When it is killed, and how many seconds after what.
MOMENTS = {"while starting": (0, 0.05), "with its first records": (0, 0.3), "in mid-run": (0.5, 2.5),
           "while draining": (0, 0.03)}


class TheWhole(storm.Case):
    limit = 900 if storm.FULL else 150

    def setUp(self):
        super().setUp()
        self.need("kcat")
        self.data_dir = self.folder / "up"
        self.database = self.data_dir / "datastorm.db"

    # -- what lies where

    def rows(self):
        """{(partition, offset): tweetId} in the store; that no row is doubled is checked on the way."""
        if not self.database.exists():
            return {}
        found = self.select(self.database, "select partition, offset, tweetId from tweets where topic = 'tweets'")
        rows = {(partition, offset): tweet_id for partition, offset, tweet_id in found}
        self.assertEqual(len(found), len(rows), "doubled rows")
        return rows

    def claimed(self):
        """{run: {(stream, sequence)}} that the producers claimed as acknowledged, from the store's copy."""
        claims = collections.defaultdict(set)
        for (value,) in self.select(self.database, "select value from runs where key glob 'run/????????????/stream/*'"):
            claim = json.loads(value)
            for first, end in claim["acknowledged"]:
                claims[claim["run"]].update((claim["stream"], sequence) for sequence in range(first, end))
        return claims

    def verified(self, run, *where):
        verdict = self.run_json("verify", "--run", run, *where)
        self.assertEqual([0] * 4, [verdict[k] for k in ("lost", "duplicated", "disordered", "corrupted")])
        return verdict

    # -- what is running

    def wait_for(self, up, condition, limit, what):
        up.wait_until(lambda: condition(up.status()), limit, what)
        return up.status()

    def finished(self, up, total, stored=None):
        """Its storm of `total` is over and all is stored: the status."""
        return self.wait_for(
            up, lambda s: s["counters"]["acknowledged"] == total and s["lag"]["records"] == 0
            and s["stored"] >= (stored or total), 90, "drained")

    def live_again(self, up):
        print(f"  live after {up.ready_after:.2f} s, on what is there", flush=True)
        self.assertLess(up.ready_after, LIVE_WITHIN)

    def interrupt(self, up):
        """Ctrl-C: it drains, says that it balances and ends with 130."""
        self.assertEqual(storm.INTERRUPTED, up.stop(signal.SIGINT, limit=30), storm.tail(up.log))
        self.assertRegex(storm.tail(up.log, 1), "^Ledger: scheduled = acknowledged = stored")

    def in_log(self):
        """[(partition, offset)] in the log that `up` left, by kcat, through `datastorm broker` alone."""
        broker = self.broker(self.data_dir / "broker")
        seen = self.kcat_offsets(broker.address, "tweets")
        broker.stop()
        return seen

    # -- the promises

    def test_the_counts_agree(self):
        """page, SQLite and kcat agree, live, after Ctrl-C, and on a second start with what it found"""
        up = self.up("--total", TOTAL, "--rate", RATE * 5)
        status = self.finished(up, TOTAL)
        self.assertIn(b"DataStorm", up.get("/"))
        on_the_page = json.loads(up.get("/api/status"))
        self.same("live", asked=TOTAL, acknowledged=status["counters"]["acknowledged"], page=on_the_page["stored"],
                  by_sentiment=sum(on_the_page["sentiment"].values()), rows=len(self.rows()),
                  kcat=len(self.kcat_offsets(up.address, "tweets")))
        self.assertTrue(on_the_page["balance"]["ok"])
        self.interrupt(up)
        self.same("after Ctrl-C", asked=TOTAL, rows=len(self.rows()), kcat=len(self.in_log()))

        up = self.up("--total", TOTAL, "--rate", RATE * 5)
        self.live_again(up)
        self.finished(up, TOTAL)
        self.same("second start", asked=2 * TOTAL, rows=len(self.rows()),
                  kcat=len(self.kcat_offsets(up.address, "tweets")),
                  history=sum(json.loads(up.get("/api/history?range=30m"))["stored"]))
        self.interrupt(up)

    def test_ctrl_c_in_mid_run(self):
        """at some moment of a storm at full speed: everything that was scheduled is stored, exit 130"""
        up = self.up("--rate", "max", "--json")
        time.sleep(storm.drawn().uniform(0.2, 1.5))
        self.assertEqual(storm.INTERRUPTED, up.stop(signal.SIGINT, limit=60), storm.tail(up.log))
        account = json.loads(storm.tail(up.log, 1))
        verdict = self.verified(account["run"], "--sink", f"sqlite:{self.database}")
        self.assertTrue(account["balance"]["ok"])
        [(rows,)] = self.select(self.database, "select count(*) from tweets")
        self.same("drained", scheduled=account["counters"]["scheduled"], stored=account["stored"],
                  acknowledged=account["counters"]["acknowledged"], expected=verdict["expected"],
                  found=verdict["found"], rows=rows + account["retired"])

    def test_killed_at_any_moment(self):
        """kill -9 again and again: rows, kcat and claims agree afterwards, nothing lost, nothing twice"""
        draw = storm.drawn()
        moments = list(MOMENTS) * storm.size(2, 10)
        draw.shuffle(moments)
        told, stored = {}, set()  # acknowledgements that were told, by run
        for moment in moments:
            rate, after = draw.choice((5_000, 20_000, 60_000)), draw.uniform(*MOMENTS[moment])
            print(f"  kill -9 {moment}, {after:.3f} s, {rate:,}/s", flush=True)
            told.update(self.killed(moment, after, rate))
            now = set(self.rows())
            self.assertLessEqual(stored, now, "rows went away")
            stored = now
        up = self.up("--total", RATE, "--rate", RATE)
        self.live_again(up)
        status = self.finished(up, RATE)
        told[status["run"]] = status["counters"]["acknowledged"]
        self.whole(up, told)
        self.interrupt(up)

    def killed(self, moment, after, rate):
        """Starts it, kills it: {run: acknowledged} as it told last."""
        if moment == "while starting":
            process = self.keep(storm.Process([storm.PROGRAM, "up", "--data-dir", self.data_dir, "--broker-listen",
                                               "127.0.0.1:0", "--dashboard", "127.0.0.1:0", "--control",
                                               "127.0.0.1:0"], self.folder / "up.log"))
            time.sleep(after)
            process.kill()
            return {}
        up = self.up("--rate", rate)
        if moment == "while draining":
            self.wait_for(up, lambda s: s["counters"]["acknowledged"] > 0, 10, "acknowledging")
            status = up.status()
            up.popen.send_signal(signal.SIGINT)
        deadline = time.monotonic() + after
        while time.monotonic() < deadline:
            if moment != "while draining":
                status = up.status()
            time.sleep(0.005)
        if moment != "while draining":
            status = up.status()
        up.kill()
        return {status["run"]: status["counters"]["acknowledged"]}

    def whole(self, up, told):
        """Log, store and claims hold the same, and all that was told."""
        seen = self.kcat_offsets(up.address, "tweets")
        rows = self.rows()
        self.same("log and store", kcat=len(seen), places=len(set(seen)), rows=len(rows), both=len(rows.keys() & seen),
                  ids=len(set(rows.values())))
        held = collections.defaultdict(set)
        for tweet_id in rows.values():
            run, stream, sequence = identity(tweet_id)
            held[run].add((stream, sequence))
        claimed = self.claimed()
        for run, acknowledged in told.items():
            verdict = self.verified(run, "--brokers", up.address, "--sink", f"sqlite:{self.database}")
            self.verified(run, "--brokers", up.address, "--topic", "tweets")
            print(f"  run {run}: told {acknowledged:,}, claimed {len(claimed[run]):,}, "
                  f"verified {verdict['expected']:,}, stored {len(held[run]):,}", flush=True)
            self.assertLessEqual(acknowledged, len(held[run]))
            self.assertLessEqual(claimed[run], held[run])
            self.assertEqual(len(held[run]), verdict["found"])

    def test_in_memory_the_log_is_bounded(self):
        """--durability memory: more than 192 MiB go through, and the broker never keeps more"""
        total = 3_000_000
        last = self.run_json("up", "--data-dir", self.data_dir, "--durability", "memory", "--rate", "max", "--store", "rollup",
                             "--total", total, "--broker-listen", "127.0.0.1:0", "--dashboard", "127.0.0.1:0", "--control",
                             "127.0.0.1:0", limit=300)
        self.same("through memory", asked=total, acknowledged=last["counters"]["acknowledged"], stored=last["stored"])
        print(f"  {last['broker']['bytes'] >> 20} MiB kept, {last['rssBytes'] >> 20} MiB of memory in all", flush=True)
        self.assertLess(0, last["broker"]["bytes"])
        self.assertLessEqual(last["broker"]["bytes"], 200 << 20, "a frame of each lane may pass the limit")

    def test_others_go_on_producing(self):
        """an idempotent produce survives kill -9 of the broker that `up` holds: each record exactly once"""
        draw = storm.drawn()
        up = self.up("--rate", 1_000)
        produce = self.keep(storm.Process(
            [storm.PROGRAM, "produce", "--brokers", up.address, "--topic", "tweets", "--total", TOTAL, "--rate", RATE,
             "--acks", "all", "--idempotence", "--json", "--quiet"], self.folder / "produce.log"))
        for _ in range(2):
            time.sleep(draw.uniform(0.5, 2))
            up.kill()
            up = self.up("--rate", 1_000, address=up.address)
            self.live_again(up)
        self.assertEqual(storm.DONE, produce.popen.wait(60 + TOTAL / RATE), storm.tail(produce.log))
        account = json.loads(storm.tail(produce.log, 1))
        self.interrupt(up)  # it tells the others' records from its own
        self.assertRegex(storm.tail(up.log, 1), r"[\d,]+ that others wrote$")
        ids = [identity(tweet_id) for tweet_id in self.rows().values()]
        mine = [each for each in ids if each[0] == account["run"]]
        verdict = self.verified(account["run"], "--sink", f"sqlite:{self.database}")
        self.same("produced", asked=TOTAL, acknowledged=account["acknowledged"], rows=len(mine), ids=len(set(mine)),
                  expected=verdict["expected"], found=verdict["found"])


def identity(tweet_id):
    """(run, stream, sequence) of rrrrrrrr-rrrr-8sss-Vsss-nnnnnnnnnnnn: 48, 26 and 48 bits."""
    bits = uuid.UUID(tweet_id).int
    return f"{bits >> 80:012x}", (bits >> 64 & 0xFFF) << 14 | bits >> 48 & 0x3FFF, bits & (1 << 48) - 1


if __name__ == "__main__":
    storm.main()
