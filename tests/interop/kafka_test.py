#!/usr/bin/env python3
"""DataStorm against Apache Kafka: what it says it sent is what Kafka's own tools and kcat count."""
import storm

TOTAL = storm.size(200_000, 5_000_000)  # whole generator batches of 8,000
MIX = ("--mode", "fixed", "--positive", 50, "--negative", 30, "--neutral", 20)
PARTITIONS = 8


class ApacheKafka(storm.Case):
    limit = 900 if storm.FULL else 240

    def produce(self, kafka, topic, *more):
        kafka.create_topic(topic, PARTITIONS)
        return self.run_json("produce", "--brokers", kafka.address, "--topic", topic, "--total", TOTAL, *MIX, *more)

    def counted(self, kafka, topic):
        """(by kafka-get-offsets, by kcat)"""
        seen = self.kcat_offsets(kafka.address, topic)
        self.assertEqual(len(seen), len(set(seen)))
        return sum(kafka.end_offsets(topic).values()), len(seen)

    def test_counts_agree(self):
        """produce with every acks, then consume into SQLite: five counters of the same records"""
        self.need("kcat")
        kafka = self.kafka()
        for acks in ("all", "1", "0"):
            with self.subTest(acks=acks):
                topic = f"tweets-{acks}"
                account = self.produce(kafka, topic, "--acks", acks)
                by_kafka, by_kcat = self.counted(kafka, topic)
                confirmed = account["written"] if acks == "0" else account["acknowledged"]
                self.same(f"acks={acks}", asked=TOTAL, scheduled=account["scheduled"], confirmed=confirmed,
                          log_end_delta=account["log_end_delta"], get_offsets=by_kafka, kcat=by_kcat)
                self.assertEqual(0 if acks == "0" else TOTAL, account["acknowledged"])
                self.assertEqual([0, 0], [account["failed"], account["unknown"]])
        self.consumed_whole(kafka, "tweets-all")

    def consumed_whole(self, kafka, topic):
        database = self.folder / "tweets.db"
        account = self.run_json("consume", "--brokers", kafka.address, "--topic", topic, "--group", "counted",
                                "--sink", f"sqlite:{database}", "--until-end")
        [(rows, places, ids)] = self.select(
            database, "select count(*), count(distinct topic || '/' || partition || '/' || offset), "
                      "count(distinct tweetId) from tweets")
        self.same("stored", asked=TOTAL, stored=account["stored"], rows=rows, places=places, ids=ids,
                  committed=sum(kafka.committed("counted", topic).values()))
        # 50/30/20 of 8,000 is exact in every batch, so it is in all of them together.
        mix = dict(self.select(database, "select sentiment, count(*) from tweets group by sentiment"))
        self.assertEqual({"positive": TOTAL * 5 // 10, "negative": TOTAL * 3 // 10, "neutral": TOTAL * 2 // 10}, mix)

    def test_consumed_twice_is_stored_once(self):
        """a second consume finds nothing; --reset-offsets reads all again, which verify then names"""
        kafka = self.kafka()
        self.produce(kafka, "again", "--acks", "all")
        database = self.folder / "again.db"
        for more, stored, rows in ((), TOTAL, TOTAL), ((), 0, TOTAL), (("--reset-offsets",), TOTAL, 2 * TOTAL):
            account = self.run_json("consume", "--brokers", kafka.address, "--topic", "again", "--group", "g",
                                    "--sink", f"sqlite:{database}", "--until-end", *more)
            self.assertEqual(stored, account["stored"])
            [(found,)] = self.select(database, "select count(*) from tweets")
            self.same(f"consume {' '.join(more)}", expected=rows, rows=found)
        verdict = self.run_json("verify", "--sink", f"sqlite:{database}", expect=storm.GOAL_FAILED)
        self.same("doubled", rows=TOTAL, verdict=verdict["duplicated"])


if __name__ == "__main__":
    storm.main()
