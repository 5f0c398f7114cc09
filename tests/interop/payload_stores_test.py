#!/usr/bin/env python3
"""Payloads that are no tweets, and records without a value, into real stores: SQLite and MongoDB keep each and
`verify` finds each; InfluxDB has no place for them, so they are dead letters that say so and can be stored elsewhere."""
import json
import os
import pathlib
import subprocess
import sys

import storm

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fault"))
import stores  # noqa: E402

TOTAL = storm.size(4_000, 200_000)
TEMPLATE = '{"id":{{sequence}},"user":"u{{zipf 1.1 1000}}","colour":"{{choice red:3 green}}","ümlaut":"☕"}'


class PayloadStores(storm.Case):
    def setUp(self):
        super().setUp()
        self.address = self.broker().address
        (self.folder / "order.tpl").write_text(TEMPLATE)

    def store(self, kind):
        store = stores.of_case(self, kind, storm.missing)
        before = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(before)))
        os.environ.update(store.secrets)
        return store

    def produce(self, topic, *more):
        return self.run_json("produce", "--brokers", self.address, "--topic", topic, "--total", TOTAL, "--batch-size", 100,
                             "--partitions", 2, *more)

    def consume(self, topic, sink, *more):
        return self.run_json("consume", "--brokers", self.address, "--topic", topic, "--until-end", "--sink", sink,
                             *stores.BUCKET, *more)

    def verify(self, made, sink, expect=storm.DONE):
        return self.run_json("verify", "--brokers", self.address, "--run", made["run"], "--sink", sink, *stores.BUCKET,
                             expect=expect)

    def whole(self, verdict):
        self.same("verified", asked=TOTAL, expected=verdict["expected"], found=verdict["found"])
        self.assertEqual([0, 0, 0], [verdict[k] for k in ("lost", "duplicated", "corrupted")])

    def test_mongo_keeps_them(self):
        """text, bytes, readings and tombstones: a document each, found again by identity; what is taken or altered is named"""
        store = self.store(stores.Mongo)
        made = {}
        for topic, more in (("orders", ("--payload", "template:order.tpl")), ("noise", ("--payload", "random:64")),
                            ("gauges", ("--payload", "reading:uniform:0,50")), ("tweets", ("--tombstones", "10%"))):
            made[topic] = self.produce(topic, *more)
            told = self.consume(topic, store.sink)
            self.assertEqual([TOTAL, 0], [told["stored"], told["dead_lettered"]], topic)
            self.whole(self.verify(made[topic], store.sink))
        documents = {}
        for each in store.documents("records"):
            documents.setdefault(each["topic"], []).append(each)
        self.same("of orders", asked=TOTAL, documents=len(documents["orders"]), of_noise=len(documents["noise"]))
        self.assertTrue(all(set(json.loads(each["data"])) == {"id", "user", "colour", "ümlaut"} for each in documents["orders"]))
        self.assertTrue(all(each["data"] is None for each in documents["tweets"]))
        self.assertEqual(TOTAL, len(documents["tweets"]) + len(store.documents("tweets")))

        # What they say can be told by the second alone, and only while all of it is there.
        gone, altered, doubled = documents["orders"][1::TOTAL // 4][:3]
        store.update(altered, {"$set": {"data": altered["data"].replace("u", "v", 1)}}, "records")
        verdict = self.verify(made["orders"], store.sink, storm.GOAL_FAILED)
        self.assertEqual([0, 0, 1], [verdict[k] for k in ("lost", "duplicated", "corrupted")], verdict["ranges"])
        self.assertEqual([(altered["producer_id"], altered["timestamp_producer"] // 1000)],
                         [(r["stream"], r["window_s"]) for r in verdict["ranges"]])
        store.update(altered, {"$set": {"data": altered["data"]}}, "records")
        store.tell("delete", "records", json.dumps({"_id": gone["_id"]}))
        store.tell("insert", "records", said=json.dumps(doubled | {"_id": "again"}) + "\n")
        verdict = self.verify(made["orders"], store.sink, storm.GOAL_FAILED)
        self.assertEqual([1, 1, 0], [verdict[k] for k in ("lost", "duplicated", "corrupted")], verdict["ranges"])
        for what, of in (("lost", gone), ("doubled", doubled)):
            found = [(r["stream"], r["first"], r["count"]) for r in verdict["ranges"] if r["what"] == what]
            self.assertEqual([(of["producer_id"], of["sequence"], 1)], found)

    def refused_by(self, kind):
        store = self.store(kind)
        made = self.produce("orders", "--payload", "template:order.tpl")
        told = self.consume("orders", store.sink)
        self.assertEqual([0, TOTAL], [told["stored"], told["dead_lettered"]])
        printed = self.kcat("-C", "-b", self.address, "-t", "orders.dlq", "-e", "-q", "-J").decode("latin-1")
        letters = [json.loads(line) for line in printed.split("\n") if line]
        self.same("letters", asked=TOTAL, written=len(letters))
        for letter in letters:
            headers = dict(zip(letter["headers"][::2], letter["headers"][1::2]))
            self.assertIn("SQLite and MongoDB", headers["error"])
        again = self.folder / "again.db"
        told = self.consume("orders", f"sqlite:{again}", "--from-dlq")
        self.assertEqual([TOTAL, 0], [told["stored"], told["dead_lettered"]])
        self.whole(self.verify(made, f"sqlite:{again}"))

        # Among tweets: those are stored, and what is not is found among the letters.
        made = self.produce("tweets", "--tombstones", "10%")
        told = self.consume("tweets", store.sink)
        self.assertEqual(TOTAL, told["stored"] + told["dead_lettered"])
        self.assertGreater(told["dead_lettered"], TOTAL // 20)
        verdict = self.verify(made, store.sink, storm.GOAL_FAILED)
        self.same("without a value", letters=told["dead_lettered"], missing=verdict["lost"])
        self.assertEqual({"a dead letter: tweets.dlq has it, and why"},
                         {r["why"] for r in verdict["ranges"] if r["what"] == "lost"})

    def test_influx_1_refuses_them_in_words(self):
        """1.6: every one of another payload is a letter that says where it can go, and goes there"""
        self.refused_by(stores.Influx1)

    def test_influx_2_refuses_them_in_words(self):
        """2.7: the same"""
        self.refused_by(stores.Influx2)


if __name__ == "__main__":
    storm.main()
