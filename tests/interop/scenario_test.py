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
        for good in ({"acks": 1}, {"acks": "all"}, {"total": "5M"}, {"event": ["30s crisis"]}, {"duration": "6h"}):
            judge.validate(good)
        for wrong in ({"rats": "5k"}, {"keep-unread": "perhaps"}, {"acks": 2}, {"total": -1}, {"limit": 5},
                      {"duration": "soon"}, {"scenario": "crisis"}):
            with self.subTest(wrong=wrong):
                self.assertFalse(judge.is_valid(wrong))

    def test_every_error_is_told_at_once(self):
        """config --check: each wrong line with its number and what is allowed, in the order of the file"""
        file = self.folder / "wrong.toml"
        file.write_text('about = "all of it"\nrate = "fast"\nkeys = "zipf:-1"\npositive = 60\nnonsense = 1\n'
                        'schedule = "walk 5s"\nheader = ["x"]\nlimit = ["p99<1s", "speed>1"]\nevent = ["soon crisis"]\n'
                        'tombstones = "200%"\nrun-time = 5\n')
        said = self.run_program("config", "--check", file, expect=storm.WRONG_USE).stderr
        lines = [int(number) for number in re.findall(r"wrong\.toml:(\d+): ", said)]
        self.assertEqual([2, 3, 5, 6, 7, 8, 9, 10, 11], lines, said)
        self.assertIn("not 100", said)  # 60 + 30 + 20
        broken = self.folder / "broken.toml"
        broken.write_text("rate = \n")
        self.assertIn("broken.toml:1", self.run_program("config", "--check", broken, expect=storm.WRONG_USE).stderr)

    def test_the_same_file_runs_against_a_real_cluster(self):
        """keys, headers and limits of a scenario: with the embedded broker, and with one line more in Apache Kafka"""
        kafka = self.kafka()
        text = ('about = "a short one"\nschedule = "2s@5k"\nkeys = "zipf"\npartitions = 5\nheader = ["team=blue"]\n'
                'limit = ["lost=0", "doubled=0", "p99<60s"]\n')
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
                self.assertEqual(["4", "0"], [suite.get("tests"), suite.get("failures")])
        self.same("in Apache Kafka", asked=10_000, ends=sum(kafka.end_offsets("tweets").values()))

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
