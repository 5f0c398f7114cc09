#!/usr/bin/env python3
"""Wrong use is told in one clear line, by its name, all at once; exit 2, or 3 where no server answers."""
import signal
import socket
import subprocess
import time

import storm

USE, NOBODY = storm.WRONG_USE, storm.UNREACHABLE

# (arguments, exit code, what standard error says in this order). {nobody} refuses every connection,
# {file} is a file, {rubbish} holds rubbish, {folder} is empty.
TABLE = [
    # commands and flags
    ("", USE, ["no command is named", "produce"]),
    ("prodcue --total 5", USE, ["there is no command 'prodcue'; did you mean 'produce'?"]),
    ("produce --totl 5", USE, ["--totl is no flag of produce; did you mean --total?"]),
    ("help prodcue", USE, ["there is no command 'prodcue'"]),
    ("--total 5", USE, ["there is no command '--total'"]),
    ("produce --totl 5", USE, ["--totl is no flag of produce"]),
    ("produce extra", USE, ["produce does not take the word 'extra'"]),
    ("produce --total", USE, ["--total needs a value"]),
    ("produce --json=maybe", USE, ["--json: 'maybe' is neither yes nor no"]),
    ("topic fly", USE, ["'topic fly' is not known", "create|list"]),
    ("bench nosuch", USE, ["there is no suite 'nosuch'"]),
    ("bench encode --runs 0", USE, ["--runs: '0' is out of range"]),
    ("config --nosuch", USE, ["--nosuch is no flag of config"]),
    ("version --nosuch", USE, ["--nosuch is no flag of version"]),
    ("completion extra", USE, ["does not take the word 'extra'"]),
    # numbers, sizes, times
    ("produce --total abc", USE, ["--total: 'abc' is not a whole number"]),
    ("produce --total -5", USE, ["--total: '-5'"]),
    ("produce --rate fast", USE, ["--rate: 'fast' is not a rate", "max"]),
    ("produce --rate 0", USE, ["--rate", "nothing is ever sent"]),
    ("produce --duration soon", USE, ["--duration: 'soon'"]),
    ("produce --workers 0.5", USE, ["--workers: '0.5'"]),
    ("produce --in-flight 0", USE, ["--in-flight: '0' is out of range"]),
    ("produce --in-flight 4294967297", USE, ["--in-flight: '4294967297' is out of range"]),
    ("produce --connections 0", USE, ["--connections: '0' is out of range"]),
    ("produce --partitions 4294967297", USE, ["--partitions: '4294967297' is out of range"]),
    ("produce --replication 70000", USE, ["--replication: '70000' is out of range"]),
    ("produce --batch-bytes 10", USE, ["--batch-bytes", "from 1 KiB to 64 MiB"]),
    ("produce --buffer-memory 10", USE, ["--buffer-memory", "fewer than two batches"]),
    ("produce --buffer-memory 900TiB", USE, ["--buffer-memory", "more than this machine has"]),
    ("produce --delivery-timeout 0", USE, ["--delivery-timeout"]),
    ("produce --idempotence --acks 1", USE, ["--idempotence: idempotence needs --acks all"]),
    ("produce --idempotence --acks all --in-flight 6", USE, ["--in-flight", "at most 5"]),
    ("broker --durability often", USE, ["--durability", "often", "sync"]),
    ("broker --partitions 0", USE, ["--partitions: '0' is out of range"]),
    # percentages and schedules
    ("produce --positive 60", USE, ["60 + 30 + 20 is 110 percent"]),
    ("produce --positive -10 --negative 90", USE, ["--positive: '-10' is not a percentage"]),
    ("produce --positive x", USE, ["--positive: 'x' is not a percentage"]),
    ("produce --volatility 3", USE, ["--volatility: '3'", "0 to 1"]),
    ("produce --schedule often", USE, ["--schedule", "'often'"]),
    ("produce --schedule 10s@100k --rate 5", USE, ["exclude each other"]),
    ("up --schedule 10s@100k --rate 5", USE, ["exclude each other"]),
    ("up --schedule often", USE, ["--schedule", "'often'"]),
    # choices
    ("produce --mode wild", USE, ["--mode: 'wild'", "volatile"]),
    ("produce --compression lzma", USE, ["--compression: 'lzma'", "zstd"]),
    ("produce --engine steam", USE, ["--engine: 'steam'", "librdkafka"]),
    ("produce --acks 7", USE, ["--acks: '7'", "all"]),
    ("produce --timestamps some", USE, ["--timestamps: 'some'", "each"]),
    ("produce --shard 3/2", USE, ["--shard: '3/2'"]),
    ("produce --run xyz", USE, ["--run: 'xyz'"]),
    ("produce --log-level loud", USE, ["--log-level: 'loud'"]),
    ("produce --limit fast", USE, ["--limit: 'fast' is not a limit"]),
    ("produce --limit speed>5", USE, ["--limit: there is no figure 'speed'", "p99"]),
    ("produce --payload stones", USE, ["--payload: 'stones'", "random:N"]),
    ("consume --store heap", USE, ["--store: 'heap'"]),
    ("consume --decode xml", USE, ["--decode: 'xml'"]),
    ("consume --sink shoebox", USE, ["no sink 'shoebox'"]),
    # names and addresses
    ("produce --topic a/b", USE, ["--topic: 'a/b' is no topic's name"]),
    ("consume --topic ..", USE, ["--topic: '..' is no topic's name"]),
    ("topic create a/b", USE, ["'a/b' is no topic's name"]),
    ("produce --brokers host:99999", USE, ["--brokers", "99999"]),
    ("produce --brokers ::", USE, ["--brokers", "IPv6"]),
    ("produce --brokers nosuchhost.invalid:9092", NOBODY, ["nosuchhost.invalid", "resolve"]),
    ("produce --brokers {nobody}", NOBODY, ["{nobody} refused the connection"]),
    ("produce --engine librdkafka --brokers {nobody}", NOBODY, ["{nobody}", "onnect"]),
    ("consume --brokers {nobody} --sink none", NOBODY, ["{nobody} refused the connection"]),
    ("topic list --brokers {nobody}", NOBODY, ["{nobody} refused the connection"]),
    ("verify --topic tweets --brokers {nobody}", NOBODY, ["{nobody} refused the connection"]),
    ("monitor --url http://{nobody}", NOBODY, ["{nobody} refused the connection"]),
    ("monitor --url ftp://x", USE, ["--url: 'ftp://x'"]),
    ("up --dashboard here:there", USE, ["--dashboard", "there"]),
    ("up --dashboard 0.0.0.0:0 --rate fast", USE, ["--rate: 'fast'", "0.0.0.0:0 is not loopback"]),
    ("serve --dashboard 0.0.0.0:0", USE, ["0.0.0.0:0 is not loopback"]),
    ("serve --sink mongo:mongodb://u:secretword@x", USE, ["cannot be looked at", "influx:URL"]),
    ("broker --listen 0.0.0.0:0", USE, ["0.0.0.0:0", "--allow-anonymous"]),
    # files and folders
    ("produce --config nowhere.toml", USE, ["nowhere.toml cannot be read"]),
    ("produce --config {folder}", USE, ["{folder} cannot be read"]),
    ("produce --command-config nowhere", USE, ["nowhere cannot be read"]),
    ("produce --command-config {folder}", USE, ["{folder} cannot be read"]),
    ("produce --payload file:nowhere", USE, ["nowhere cannot be read"]),
    ("consume --brokers {nobody} --sink sqlite:nowhere/a.db", USE, ["nowhere/a.db cannot be opened"]),
    ("consume --brokers {nobody} --sink sqlite:{folder}", USE, ["{folder} cannot be opened"]),
    ("consume --brokers {nobody} --sink sqlite:{rubbish}", USE, ["{rubbish} is not a SQLite database"]),
    ("consume --brokers {nobody} --data-dir {file}/x", USE, ["{file}/x cannot be made"]),
    ("verify --sink sqlite:nowhere.db", USE, ["nowhere.db cannot be opened"]),
    ("verify --sink sqlite:{rubbish}", USE, ["{rubbish} is not a SQLite database"]),
    ("verify --sink none", USE, ["'none' keeps nothing"]),
    ("broker --listen 127.0.0.1:0 --data-dir {file}/x", USE, ["{file}/x"]),
    ("broker --listen 127.0.0.1:0 --data-dir /proc/nowhere", USE, ["/proc/nowhere"]),
    ("up --data-dir {file}/x", USE, ["{file}/x cannot be made"]),
    ("serve --listen 127.0.0.1:0 --data-dir {file}/x", USE, ["{file}/x cannot be made"]),
    # certificates, logins, properties
    ("produce --brokers {nobody} -X security.protocol=SSL -X ssl.ca.location=nowhere.pem", USE, ["nowhere.pem"]),
    ("produce --brokers {nobody} -X security.protocol=SSL -X ssl.ca.location={rubbish}", USE, ["{rubbish}"]),
    ("produce --brokers {nobody} -X security.protocol=SSL -X ssl.certificate.location={rubbish}", USE, ["{rubbish}"]),
    ("produce -X security.protocol=SASL_SSL", USE, ["sasl.mechanism is not set"]),
    ("produce -X security.protocol=TLS", USE, ["'TLS' is not known"]),
    ("produce -X security.protocol=SASL_SSL -X sasl.mechanism=PLAIN", USE, ["a login needs a user"]),
    ("produce -X security.protocol=SASL_SSL -X sasl.mechanism=OAUTHBEARER", USE, ["OAUTHBEARER", "librdkafka"]),
    ("produce -X secretword", USE, ["one of them is not NAME=VALUE"]),
    ("produce -X no.such.property=1", USE, ["no.such.property", "librdkafka"]),
    ("produce -X no.such.property=1 --engine librdkafka", USE, ["librdkafka refuses no.such.property"]),
    ("produce -X linger.ms=never", USE, ["linger.ms: 'never' is not allowed"]),
    ("produce -X linger.ms=never --engine librdkafka", USE, ["librdkafka refuses linger.ms"]),
    ("topic list -X no.such.property=1", USE, ["no.such.property"]),
    # all at once
    ("produce --total abc --rate fast --positive 200 --brokers :: --topic a/b --nosuch 5 -X no.such=1", USE,
     ["--nosuch is no flag", "--brokers", "--topic: 'a/b'", "--rate: 'fast'", "--total: 'abc'", "--positive: 200",
      "no.such"]),
    ("consume --config {toml}", USE,
     ["{toml}:2: no setting is called 'totl'", "{toml}:1: 'heap' is no way to store"]),
]


class Refusals(storm.Case):
    limit = 400

    def setUp(self):
        super().setUp()
        (self.folder / "file").write_text("")
        (self.folder / "rubbish").write_text("rubbish, but more than a hundred bytes of it " * 10)
        (self.folder / "empty").mkdir()
        (self.folder / "two.toml").write_text('store = "heap"\ntotl = 5\n')
        self.names = {"nobody": self.nobody(), "file": self.folder / "file", "rubbish": self.folder / "rubbish",
                      "folder": self.folder / "empty", "toml": self.folder / "two.toml"}

    def test_every_wrong_use_is_told(self):
        """the table: exit code, names in their order, no stack trace, nothing on standard output"""
        slowest = 0
        for words, code, says in TABLE:
            with self.subTest(words):
                began = time.monotonic()
                done = self.run_program(*(word.format(**self.names) for word in words.split()), expect=code, limit=30)
                slowest = max(slowest, time.monotonic() - began)
                # libmongoc speaks before main() when a killed process of the same number left its counters behind.
                lines = [line for line in done.stderr.splitlines() if "Falling back to malloc for counters" not in line]
                self.assertTrue(lines[0].startswith("datastorm: "), done.stderr)
                # One line for each thing that is wrong, and at most one of advice.
                self.assertLessEqual(len(lines), max(2, len(says) + 1), done.stderr)
                self.assertEqual("", done.stdout)
                self.assertNotIn("secretword", done.stderr)
                at = 0
                for part in says:
                    found = done.stderr.find(part.format(**self.names), at)
                    self.assertGreaterEqual(found, 0, f"'{part}' is not said in its place: {done.stderr}")
                    at = found
        print(f"  {len(TABLE)} kinds of wrong use, the slowest told after {slowest:.1f} s", flush=True)

    def test_a_taken_address_and_a_taken_folder(self):
        """a port or a data folder that another broker has: named, exit 2"""
        broker = self.broker()
        for how, says in ((("--listen", broker.address, "--data-dir", self.folder / "other"), broker.address),
                          (("--listen", "127.0.0.1:0", "--data-dir", broker.data_dir), str(broker.data_dir))):
            done = self.run_program("broker", *how, expect=USE, limit=30)
            self.assertIn(says, done.stderr)

    def test_up_names_all_addresses_that_are_taken(self):
        """three taken ports: told at once, with the flags to change, before anything is begun"""
        taken, flags = [], ("--broker-listen", "--dashboard", "--control")
        for _ in flags:
            taken.append(socket.create_server(("127.0.0.1", 0)))
            self.addCleanup(taken[-1].close)
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in taken]
        done = self.run_program("up", "--data-dir", self.folder / "up", *(word for pair in zip(flags, addresses) for word in pair),
                                expect=USE, limit=30)
        for flag, address in zip(flags, addresses):
            self.assertIn(f"{flag}: {address} is taken by another program", done.stderr)
        self.assertEqual([], list((self.folder / "up").iterdir()), "nothing was begun")

    def test_help_is_where_people_look(self):
        """help, --help, help COMMAND, COMMAND --help and --version"""
        said = {words: self.run_program(*words.split()).stdout for words in
                ("help", "--help", "help produce", "produce --help", "version", "--version")}
        self.assertEqual(said["help"], said["--help"])
        self.assertEqual(said["help produce"], said["produce --help"])
        self.assertEqual(said["version"], said["--version"])
        self.assertIn("--total N", said["produce --help"])

    def test_up_takes_a_schedule(self):
        """up's own default rate gives way to --schedule; the total is the schedule's"""
        up = self.up("--schedule", "1s@20k")
        up.wait_until(lambda: up.status()["stored"] == 20_000, 60, "stored")
        status = up.status()
        self.same("1s@20k", asked=20_000, stored=status["stored"], acknowledged=status["counters"]["acknowledged"])
        up.stop(signal.SIGINT, limit=30)

    def test_a_topic_that_is_not_there(self):
        """with --until-end it is refused by name, exit 2; without, it is waited for, and never made"""
        broker = self.broker()
        there = ("--brokers", broker.address, "--topic", "later")
        done = self.run_program("consume", *there, "--sink", "none", "--until-end", expect=USE, limit=30)
        self.assertIn("there is no topic later", done.stderr)
        waiting = self.keep(storm.Process([storm.PROGRAM, "consume", *there, "--sink", "none", "--total", 1000],
                                          self.folder / "consume.log"))
        time.sleep(1.5)
        self.assertIsNone(waiting.popen.poll(), "it waits")
        self.assertNotIn("later", self.run_program("topic", "list", "--brokers", broker.address).stdout)
        self.run_program("produce", *there, "--total", 1000)
        self.assertEqual(storm.DONE, waiting.popen.wait(30), storm.tail(waiting.log))

    def test_a_run_killed_in_its_first_moment(self):
        """kill -9 right after the first answers: what verify finds was claimed, or it says that nothing was"""
        draw = storm.drawn()
        broker = self.broker()
        claimed = 0
        for number in range(storm.size(6, 30)):
            topic = f"short-{number}"
            run = f"{number + 1:012x}"
            # A first run makes the topics, so that the moment falls into the storm itself.
            self.run_program("topic", "create", topic, "--partitions", 4, "--brokers", broker.address)
            producer = self.keep(storm.Process(
                [storm.PROGRAM, "produce", "--brokers", broker.address, "--topic", topic, "--run", run,
                 "--rate", "50k", "--total", 0, "--quiet"], self.folder / "produce.log"))
            ends = lambda: sum(p["end"] for p in self.run_json(
                "topic", "offsets", topic, "--brokers", broker.address)["partitions"])
            producer.wait_until(lambda: ends() > 0, 20, "sending")
            time.sleep(draw.uniform(0.05, 0.4))
            producer.kill()
            done = subprocess.run([storm.PROGRAM, "verify", "--brokers", broker.address, "--topic", topic, "--run", run],
                                  text=True, capture_output=True, timeout=60 * storm.PATIENCE, cwd=self.folder)
            said = done.stdout + done.stderr
            if done.returncode == storm.DONE:
                self.assertNotIn(" 0 expected", said)
                claimed += 1
            else:
                self.assertEqual(storm.GOAL_FAILED, done.returncode, said)
                self.assertIn("nothing is claimed of it yet", said)
        print(f"  of {storm.size(6, 30)} runs killed 50 to 400 ms after their first record, {claimed} had claims")
        self.assertGreater(claimed, 0)


if __name__ == "__main__":
    storm.main()
