#!/usr/bin/env python3
"""--json, whatever the command: one JSON object on one line of standard output, and nothing else there."""
import os
import signal

import storm


class Json(storm.Case):
    def object(self, *arguments):
        told = self.run_json(*arguments)
        self.assertIsInstance(told, dict, arguments)
        return told

    def test_without_a_server(self):
        """version, config, scenarios, users, suites"""
        self.assertIn("datastorm", self.object("version"))
        settings = self.object("config", "--total", "1M")["settings"]
        self.assertEqual({"value": "1M", "origin": "--total"}, settings["total"])
        self.assertTrue(self.object("config", "--check", "spike")["sound"])
        self.assertIn("crisis", self.object("up", "--scenario", "list")["scenarios"])
        self.assertIn("encode", self.object("bench", "--list")["suites"])
        (self.folder / "secret").write_text("a password\n")
        users = ("--users", self.folder / "users")
        self.assertEqual({"added": "alice"},
                         self.object("user", "add", "alice", *users, "--password-file", self.folder / "secret"))
        self.assertEqual({"users": ["alice"]}, self.object("user", "list", *users))
        self.assertEqual({"removed": "alice"}, self.object("user", "remove", "alice", *users))
        self.assertEqual({"users": []}, self.object("user", "list", *users))

    def test_secrets_stay_hidden(self):
        """the effective settings as JSON show no secret"""
        os.environ["HOOK_SECRET"] = "known-to-nobody"
        self.addCleanup(os.environ.pop, "HOOK_SECRET")
        told = self.run_program("config", "--json", "-X", "sasl.password=known-to-nobody").stdout
        self.assertIn("(hidden)", told)
        self.assertNotIn("known-to-nobody", told)

    def test_with_a_broker(self):
        """topics, producing, consuming, verifying, reporting, and the broker's own account"""
        broker = self.keep(storm.Broker(self.folder / "broker", self.folder / "broker.log", "--json"))
        at, sink = ("--brokers", broker.address), ("--sink", f"sqlite:{self.folder}/rows.db")
        self.assertEqual({"created": "tweets", "partitions": 3, "replication": 1},
                         self.object("topic", "create", "tweets", "--partitions", 3, *at))
        self.assertEqual({"topics": ["tweets"]}, self.object("topic", "list", *at))
        self.assertEqual(3, len(self.object("topic", "describe", "tweets", *at)["partitions"]))
        self.assertEqual(3_000, self.object("produce", "--total", 3_000, *at)["acknowledged"])
        self.assertEqual(3_000, self.object("topic", "offsets", "tweets", *at)["records"])
        self.assertEqual(3_000, self.object("consume", "--group", "g", "--until-end", *sink, *at)["stored"])
        self.assertEqual((3_000, 0), tuple(map(self.object("verify", *sink).get, ("found", "lost"))))
        self.object("report", "--from", sink[1], "--out", self.folder / "report")
        self.assertEqual({"deleted": "tweets"}, self.object("topic", "delete", "tweets", *at))
        broker.stop(signal.SIGINT)
        last = broker.log.read_text().splitlines()[-1]
        self.assertTrue(last.startswith("{") and last.endswith("}"), last)


if __name__ == "__main__":
    storm.main()
