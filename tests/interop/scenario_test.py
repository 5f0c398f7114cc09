#!/usr/bin/env python3
"""Scenario files: the schema that editors use, the bundled ones, every error at once, and a run of one elsewhere."""
import json
import re
import xml.etree.ElementTree

import storm

SCHEMA = storm.ROOT / "schemas/scenario.schema.json"
BUNDLED = ("backlog", "brandpulse", "crisis", "opportunity", "parakafka", "soak", "spike", "volatile")


class Scenarios(storm.Case):
    def modules(self):
        try:
            import jsonschema
            import tomllib
        except ImportError as error:
            storm.missing(self, f"{error.name} is missing: Python 3.11 and `pip install jsonschema`")
        return jsonschema, tomllib

    def test_the_schema_is_the_programs(self):
        """schemas/scenario.schema.json is what `datastorm config --scenario-schema` prints"""
        self.assertEqual(SCHEMA.read_text(), self.run_program("config", "--scenario-schema").stdout,
                         "print it again: datastorm config --scenario-schema >schemas/scenario.schema.json")

    def test_the_bundled_ones_are_sound(self):
        """config --check and the schema take all eight; the list names them"""
        listed = self.run_program("up", "--scenario", "list").stdout
        self.assertEqual(list(BUNDLED), [line.split()[0] for line in listed.splitlines()])
        for name in BUNDLED:
            self.run_program("config", "--check", storm.ROOT / f"scenarios/{name}.toml")
        jsonschema, tomllib = self.modules()
        schema = json.loads(SCHEMA.read_text())
        judge = jsonschema.validators.validator_for(schema)
        judge.check_schema(schema)
        for name in BUNDLED:
            judge(schema).validate(tomllib.loads((storm.ROOT / f"scenarios/{name}.toml").read_text()))

    def test_the_schema_refuses_what_is_wrong(self):
        """a name that is none, a switch that is text, a word that is not one of a setting's"""
        jsonschema, _ = self.modules()
        schema = json.loads(SCHEMA.read_text())
        judge = jsonschema.validators.validator_for(schema)(schema)
        for good in ({"acks": 1}, {"acks": "all"}, {"total": "5M"}, {"event": ["30s crisis"]}, {"duration": "6h"},
                     {"faults": {"freeze-sink": "30s for 5s", "skew-clock": ["1s for 1s by -3s"]}}):
            judge.validate(good)
        for wrong in ({"rats": "5k"}, {"keep-unread": "perhaps"}, {"acks": 2}, {"total": -1}, {"limit": 5},
                      {"duration": "soon"}, {"scenario": "crisis"},
                      {"faults": {"melt-cpu": "1s for 1s"}}, {"faults": {"freeze-sink": "5s"}},
                      {"faults": {"skew-clock": "1s for 1s"}}):
            with self.subTest(wrong=wrong):
                self.assertFalse(judge.is_valid(wrong))

    def test_every_error_is_told_at_once(self):
        """config --check: each wrong line with its number and what is allowed, in the order of the file"""
        file = self.folder / "wrong.toml"
        file.write_text('about = "all of it"\nrate = "fast"\nkeys = "zipf:-1"\npositive = 60\nnonsense = 1\n'
                        'schedule = "walk 5s"\nheader = ["x"]\nlimit = ["p99<1s", "speed>1"]\nevent = ["soon crisis"]\n'
                        'tombstones = "200%"\nrun-time = 5\n[faults]\nmelt-cpu = "1s for 1s"\n'
                        'slow-sink = ["1s for 1s",\n"soon"]\nskew-clock = "1s for 1s"\n')
        said = self.run_program("config", "--check", file, expect=storm.WRONG_USE).stderr
        lines = [int(number) for number in re.findall(r"wrong\.toml:(\d+): ", said)]
        self.assertEqual([2, 3, 5, 6, 7, 8, 9, 10, 11, 13, 15, 16], lines, said)
        self.assertIn("not 100", said)  # 60 + 30 + 20
        broken = self.folder / "broken.toml"
        broken.write_text("rate = \n")
        self.assertIn("broken.toml:1", self.run_program("config", "--check", broken, expect=storm.WRONG_USE).stderr)

    def test_the_same_file_runs_against_a_real_cluster(self):
        """keys, headers, faults and limits of a scenario: with the embedded broker, and with one line more in Apache Kafka"""
        kafka = self.kafka()
        text = ('about = "a short one"\nschedule = "2s@5k"\nkeys = "zipf"\npartitions = 5\nheader = ["team=blue"]\n'
                'fault = ["freeze-sink 500ms for 500ms", "pause-partition 500ms for 1s partition 3"]\n'
                'limit = ["lost=0", "doubled=0", "p99<60s", "faults=2"]\n')
        for name, more in (("embedded", ""), ("kafka", f'brokers = "{kafka.address}"\n')):
            with self.subTest(where=name):
                file = self.folder / f"{name}.toml"
                file.write_text(text + more)
                junit = self.folder / f"{name}.xml"
                account = self.run_json("up", "--scenario", file, "--data-dir", self.folder / name, "--broker-listen",
                                        "127.0.0.1:0", "--dashboard", "127.0.0.1:0", "--control", "127.0.0.1:0",
                                        "--no-open", "--junit", junit)
                counters = account["counters"]
                [(rows,)] = self.select(self.folder / name / "datastorm.db", "select count(*) from tweets")
                self.same(name, asked=10_000, acknowledged=counters["acknowledged"], rows=rows)
                suite = xml.etree.ElementTree.parse(junit).getroot().find("testsuite")
                self.assertEqual(["5", "0"], [suite.get("tests"), suite.get("failures")])
        self.same("in Apache Kafka", asked=10_000, ends=sum(kafka.end_offsets("tweets").values()))

    def play(self, name, text, expect=storm.DONE):
        """`up` by a scenario of that text; returns the account, rows and distinct tweets of its store, the words."""
        file = self.folder / f"{name}.toml"
        file.write_text(text)
        self.run_program("config", "--check", file)
        done = self.run_program("up", "--scenario", file, "--data-dir", self.folder / name, "--broker-listen",
                                "127.0.0.1:0", "--dashboard", "127.0.0.1:0", "--control", "127.0.0.1:0", "--no-open",
                                "--json", expect=expect)
        [(rows, distinct)] = self.select(self.folder / name / "datastorm.db",
                                         "select count(*), count(distinct tweetId) from tweets")
        return json.loads(done.stdout), rows, distinct, done.stderr

    def test_faults_are_played_and_got_over(self):
        """each kind upon an idempotent storm: all of them fall upon something, nothing is lost, nothing there twice"""
        account, rows, distinct, words = self.play("faults", """about = "all of them"
schedule = "13s@10k"
acks = "all"
idempotence = true
partitions = 4
limit = ["faults=6", "recovery<5m", "lost=0", "doubled=0"]
[faults]
freeze-sink = "1s for 2s"
pause-partition = "4s for 2s partition 1"
slow-sink = "7s for 1s by 500ms"
lose-acknowledgements = "9s for 1s every 5"
duplicate = "10s for 1s every 3"
skew-clock = "11s for 1s by 3s"
""")
        self.same("stored", asked=130_000, acknowledged=account["counters"]["acknowledged"], rows=rows,
                  distinct=distinct)
        faults = {fault["fault"].split()[0]: fault for fault in account["faults"]}
        self.assertEqual(6, len(faults))
        for fault in faults.values():
            print(f"  {fault}", flush=True)
            self.assertTrue(fault["begun"])
            self.assertGreater(fault["injected"], 0, fault)
            self.assertIsNotNone(fault["recoveryS"], fault)
            self.assertIn(f"Fault {fault['fault']}: fell upon {fault['injected']:,} of the {fault['upon']}, ", words)
        # Half of what would be expected of a quiet machine.
        self.assertGreater(faults["freeze-sink"]["behindMax"], 10_000, "two seconds of all")
        self.assertGreater(faults["pause-partition"]["behindMax"], 2_500, "two seconds of a partition in four")
        self.assertLess(faults["slow-sink"]["injected"], 8, "a second has room for two or three")
        self.assertIn("trying again", words)  # it was the storm whom nobody told
        self.assertGreater(account["clock"]["negative"], 0, "a clock that is ahead is seen")

    def test_what_faults_double_is_counted(self):
        """without idempotence: what is there twice by answers lost and requests doubled, the ledger counts"""
        for fault in ("lose-acknowledgements", "duplicate"):
            with self.subTest(fault=fault):
                account, rows, distinct, words = self.play(fault, f"""schedule = "3s@5k"
acks = "all"
partitions = 4
fault = "{fault} 1s for 1s every 10"
""", expect=storm.GOAL_FAILED)
                [told] = account["faults"]
                print(f"  {told}", flush=True)
                self.assertGreater(told["injected"], 0)
                self.assertEqual(fault == "lose-acknowledgements", "trying again" in words, words)
                self.same("distinct", asked=15_000, acknowledged=account["counters"]["acknowledged"], stored=distinct)
                self.same("doubled", rows_too_many=rows - distinct, ledger=account["balance"]["doubled"])
                self.assertGreaterEqual(rows - distinct, told["injected"], "a request holds a record or more")

    def test_answers_lost_for_longer_than_one_waits_leave_unknowns(self):
        """what nobody was told of in time is unknown: in the store or not, and never lost or doubled"""
        account, rows, distinct, _ = self.play("unknown", """schedule = "4s@5k"
acks = "all"
idempotence = true
delivery-timeout = "500ms"
partitions = 4
limit = ["lost=0", "doubled=0"]
fault = "lose-acknowledgements 1s for 2s"
""", expect=storm.GOAL_FAILED)
        counters, balance = account["counters"], account["balance"]
        print(f"  {counters} {rows} rows", flush=True)
        self.assertGreater(counters["unknown"], 0)
        self.assertEqual(20_000, counters["acknowledged"] + counters["unknown"] + counters["failed"])
        self.assertEqual(rows, distinct)
        self.assertGreaterEqual(rows, counters["acknowledged"])
        self.assertLessEqual(rows, counters["acknowledged"] + counters["unknown"])
        self.assertEqual([0, 0], [balance["missing"], balance["doubled"]])

    def test_a_limit_that_is_missed_fails(self):
        """produce, consume and verify: exit 1, and a failure in JUnit's file"""
        address = self.broker().address
        junit = self.folder / "junit.xml"

        def failures():
            return xml.etree.ElementTree.parse(junit).getroot().findall("testsuite/testcase/failure")
        self.run_program("produce", "--brokers", address, "--total", 8000, "--quiet", "--junit", junit,
                         "--limit", "rate>900G", expect=storm.GOAL_FAILED)
        self.assertEqual(1, len(failures()))
        self.run_program("consume", "--brokers", address, "--group", "g", "--sink", "none", "--until-end", "--quiet",
                         "--junit", junit, "--limit", "stored=8000", "--limit", "max<1us", expect=storm.GOAL_FAILED)
        self.assertEqual(1, len(failures()))
        self.run_program("verify", "--brokers", address, "--topic", "tweets", "--junit", junit)
        self.assertEqual(0, len(failures()))


if __name__ == "__main__":
    storm.main()
