#!/usr/bin/env python3
"""`serve --sink influx:URL` over InfluxDB 2.7: what the bucket holds, what was claimed, the group's lag and the past, and
all of it again when the server comes back."""
import json
import pathlib
import sys
import urllib.error
import urllib.request

import storm

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fault"))
import stores  # noqa: E402

TOTAL, MORE = 30_000, 7_000


class ServeInflux(storm.Case):
    def setUp(self):
        super().setUp()
        self.store = stores.of_case(self, stores.Influx2, storm.missing)
        self.environment = stores.environment([self.store])

    def ask(self, path):
        with urllib.request.urlopen(self.address + path, timeout=60) as reply:
            return json.load(reply)

    def produce(self, kafka, total, brand):
        self.run_json("produce", "--brokers", kafka, "--total", total, "--batch-size", 1000, "--rate", "10k", "--brands", brand,
                      "--positive", 50, "--negative", 30, "--neutral", 20)

    def consume(self, kafka):
        done = stores.run([storm.PROGRAM, "consume", "--brokers", kafka, "--group", "g", "--sink", self.store.sink, *stores.BUCKET,
                           "--until-end", "--quiet"], [self.store])
        self.assertEqual(done, storm.DONE)

    def test_a_bucket_is_shown(self):
        """counts by sentiment and brand, claims, lag, the past"""
        kafka = self.broker().address
        self.produce(kafka, TOTAL, "SuperCoffee")
        self.consume(kafka)
        serve = storm.Process([storm.PROGRAM, "serve", "--listen", "127.0.0.1:0", "--data-dir", self.folder / "serve", "--sink",
                               self.store.sink, *stores.BUCKET, "--brokers", kafka, "--group", "g"], self.folder / "serve.log",
                              env=self.environment)
        self.addCleanup(serve.kill)
        self.address = serve.told(r"dashboard +(http://\S+)$")

        def shown(stored, lag):
            status = self.ask("/api/status")
            return status["stored"] == stored and status["lag"]["records"] == lag and status["counters"]["acknowledged"] > 0

        serve.wait_until(lambda: shown(TOTAL, 0), 60, "showing what is there")
        self.produce(kafka, MORE, "TeaHouse")
        serve.wait_until(lambda: shown(TOTAL, MORE), 60, "showing what waits in the topic")
        self.consume(kafka)
        serve.wait_until(lambda: shown(TOTAL + MORE, 0), 60, "showing what came")
        status = self.ask("/api/status")
        self.same("by sentiment", sentiment=sum(status["sentiment"].values()), stored=status["stored"])
        self.assertEqual(sorted(status["brands"]), ["SuperCoffee", "TeaHouse"])
        self.assertEqual(status["store"]["kind"], "influx")
        past = self.ask("/api/history?range=30m")
        self.same("the past", past=sum(past["stored"]), stored=TOTAL + MORE)
        serve.wait_until(lambda: self.ask("/api/status")["counters"]["acknowledged"] == TOTAL + MORE, 60, "showing both claims")

        self.store.kill()
        serve.wait_until(lambda: "does not answer" in self.ask("/api/status")["store"]["durability"], 60, "saying that it is gone")
        self.assertEqual(self.ask("/api/status")["stored"], TOTAL + MORE, "what is known stays")
        self.store.again()
        serve.wait_until(lambda: self.ask("/api/status")["store"]["durability"] == "read only", 60, "finding it again")
        self.assertEqual(serve.stop(), storm.INTERRUPTED)


if __name__ == "__main__":
    storm.main()
