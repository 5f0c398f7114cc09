#!/usr/bin/env python3
"""TLS and logins against Apache Kafka: every way in works, every wrong key is told in one line."""
import pathlib
import time

import storm

TOTAL = storm.size(8_000, 200_000)
SASL = [(protocol, mechanism) for protocol in ("SASL_PLAINTEXT", "SASL_SSL")
        for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")]
PASSWORDS = ("alice-secret", "limited-secret", "wrong")


class Secure(storm.Case):
    """One cluster for all of them: they only add topics of their own."""

    limit = 200

    @classmethod
    def tearDownClass(cls):
        if cls.cluster is not None:
            cls.cluster.destroy()

    cluster = None

    def setUp(self):
        super().setUp()
        if Secure.cluster is None:
            self.start()
        self.kafka_env = Secure.env

    def start(self):
        folder = pathlib.Path(storm.tempfile.mkdtemp(prefix="datastorm-test-"))
        self.addClassCleanup(storm.shutil.rmtree, folder, ignore_errors=True)
        if storm.subprocess.run([storm.KAFKA_SH, "fetched"], stdout=storm.subprocess.DEVNULL).returncode != 0:
            storm.missing(self, "Apache Kafka has not been fetched; run: setup/install.sh up test")
        kafka = Secure.cluster = storm.Kafka(folder / "kafka", "--secure")
        exports = kafka.call("env").replace("export ", "").split()
        Secure.env = dict(each.split("=", 1) for each in exports)
        # Topics, groups and the cluster: all for alice, who else gets nothing. limited may use one.
        for resource in ("--topic=*", "--group=*", "--cluster"):
            kafka.tool("acls", "--add", "--allow-principal", "User:alice", "--operation", "All", *resource.split("="))
        kafka.create_topic("open", 4)
        kafka.create_topic("closed", 4)
        for operation in ("Read", "Describe"):
            kafka.tool("acls", "--add", "--allow-principal", "User:limited", "--operation", operation, "--topic", "open")
        self.produce(kafka.address, "open")

    def address(self, protocol):
        return self.kafka_env["KAFKA_BOOTSTRAP" + ("" if protocol == "PLAINTEXT" else "_" + protocol)]

    def file(self, name):
        return ("--command-config", f"{self.kafka_env['KAFKA_CLIENT_FILES']}/{name}.properties")

    def properties(self, protocol, mechanism=None, user="alice", password="alice-secret", ca=None, certificate=None):
        """The same by -X, in librdkafka's names."""
        named = {"security.protocol": protocol}
        if protocol.endswith("SSL"):
            named["ssl.ca.location"] = ca or self.kafka_env["KAFKA_CA"]
        if mechanism:
            named |= {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password}
        if certificate:
            named |= {"ssl.certificate.location": f"{certificate}.crt", "ssl.key.location": f"{certificate}.key"}
        return [word for name, value in named.items() for word in ("-X", f"{name}={value}")]

    def tls(self, name):
        return self.kafka_env["KAFKA_CA"].replace("ca.crt", name)

    def ways_in(self):
        """(name, address, by file, by -X)"""
        yield "SSL", self.address("SSL"), self.file("ssl"), self.properties("SSL")
        yield ("mTLS", self.address("SSL"), self.file("mtls"),
               self.properties("SSL", certificate=self.tls("client")))
        for protocol, mechanism in SASL:
            yield (f"{protocol} {mechanism}", self.address(protocol),
                   self.file(f"{protocol}-{mechanism}-alice".lower()), self.properties(protocol, mechanism))

    def produce(self, address, topic, *how, engine="direct"):
        account = self.run_json("produce", "--brokers", address, "--topic", topic, "--partitions", 4, "--total", TOTAL,
                                "--acks", "all", "--engine", engine, *how)
        self.assertEqual(TOTAL, account["acknowledged"])
        return account

    def consume(self, address, topic, group, *how):
        database = self.folder / f"{group}.db"
        self.run_json("consume", "--brokers", address, "--topic", topic, "--group", group,
                      "--sink", f"sqlite:{database}", "--until-end", *how)
        return self.select(database, "select count(*) from tweets")[0][0]

    def test_every_way_in(self):
        """SSL, mTLS and six logins: produced and consumed by file and by -X, counted by Kafka"""
        for number, (name, address, by_file, by_property) in enumerate(self.ways_in()):
            with self.subTest(name):
                topic = f"way-{number}"
                self.produce(address, topic, *by_file)
                self.produce(address, topic, *by_property)
                rows = [self.consume(address, topic, f"{topic}-{i}", *how)
                        for i, how in enumerate((by_file, by_property))]
                self.same(name, asked=2 * TOTAL, by_file=rows[0], by_property=rows[1])
        ends = {}
        for line in self.cluster.tool("get-offsets").split():
            topic, _, offset = line.rsplit(":", 2)
            ends[topic] = ends.get(topic, 0) + int(offset)
        for number, (name, *_) in enumerate(self.ways_in()):
            self.assertEqual(2 * TOTAL, ends[f"way-{number}"], name)

    def test_librdkafka_gets_in_too(self):
        """the reference engine: by the same file; where its version cannot, it says which can"""
        for number, (name, address, by_file, _) in enumerate(self.ways_in()):
            if name.startswith("SASL_PLAINTEXT SCRAM"):
                continue  # as over TLS
            with self.subTest(name):
                if "SCRAM" not in name:
                    self.produce(address, f"rd-{number}", *by_file, engine="librdkafka")
                    continue
                done = storm.subprocess.run(
                    [storm.PROGRAM, "produce", "--brokers", address, "--topic", f"rd-{number}", "--partitions", "4",
                     "--total", str(TOTAL), "--engine", "librdkafka", *by_file], text=True, capture_output=True,
                    timeout=60 * storm.PATIENCE)
                if done.returncode != storm.DONE:  # before 2.6.1
                    self.assertEqual(storm.UNREACHABLE, done.returncode)
                    self.assertIn("fixed in 2.6.1", done.stderr)

    def test_a_login_that_only_librdkafka_knows(self):
        """OAuth's bearer tokens, unsigned: topic, records and claims get in by librdkafka alone, others are told"""
        address = self.address("SASL_PLAINTEXT")

        def login(principal):
            named = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER",
                     "enable.sasl.oauthbearer.unsecure.jwt": "true",
                     "sasl.oauthbearer.config": f"principal={principal}"}
            return [word for name, value in named.items() for word in ("-X", f"{name}={value}")]
        account = self.produce(address, "oauth", *login("alice"), engine="librdkafka")
        verdict = self.run_json("verify", "--brokers", self.cluster.address, "--topic", "oauth",
                                "--run", account["run"])  # the claims came the same way
        self.same("OAUTHBEARER", asked=TOTAL, acknowledged=account["acknowledged"],
                  get_offsets=sum(self.cluster.end_offsets("oauth").values()), claimed=verdict["expected"],
                  found=verdict["found"])
        self.refused("who may not", address, *login("limited"), "--engine", "librdkafka",
                     expect=storm.UNREACHABLE, says="uthoriz")
        self.refused("the direct engine", address, *login("alice"), expect=storm.WRONG_USE, says="librdkafka alone")

    def refused(self, what, address, *how, expect, says, command="produce", started=False):
        """One line, perhaps with one of advice; no password in it. `started`: after an account."""
        with self.subTest(what):
            began = time.monotonic()
            done = self.run_program(command, "--brokers", address, "--topic", "closed", *how, "--json",
                                    *(("--total", TOTAL) if command == "produce" else ("--until-end",)),
                                    expect=expect, limit=30)
            lines = done.stderr.strip().splitlines()
            if started:
                lines = lines[-1:]
            print(f"  {what}: {lines[0]} ({time.monotonic() - began:.1f} s)", flush=True)
            self.assertLessEqual(len(lines), 2, done.stderr)
            self.assertTrue(lines[0].startswith("datastorm: "))
            self.assertRegex(done.stderr, says)
            if not started:
                self.assertEqual("", done.stdout)
            for password in PASSWORDS[:2]:
                self.assertNotIn(password, done.stderr)

    def test_every_wrong_key(self):
        """wrong passwords, authorities, certificates and listeners: one clear line, exit 3"""
        for protocol, mechanism in SASL:
            self.refused(f"wrong password, {protocol} {mechanism}", self.address(protocol),
                         *self.file(f"{protocol}-{mechanism}-alice-wrong".lower()),
                         expect=storm.UNREACHABLE, says="refused the login of alice")
        self.refused("unknown user", self.address("SASL_SSL"),
                     *self.properties("SASL_SSL", "SCRAM-SHA-256", user="nobody", password="alice-secret"),
                     expect=storm.UNREACHABLE, says="refused the login of nobody")
        self.refused("unknown authority", self.address("SSL"), *self.properties("SSL", ca=self.tls("stranger.crt")),
                     expect=storm.UNREACHABLE, says="certificate")
        self.refused("a stranger's certificate", self.address("SSL"),
                     *self.properties("SSL", certificate=self.tls("stranger")),
                     expect=storm.UNREACHABLE, says="certificate")
        self.refused("no login at a SASL listener", self.address("SASL_PLAINTEXT"),
                     expect=storm.UNREACHABLE, says="login")
        self.refused("plain text at a TLS listener", self.address("SSL"), expect=storm.UNREACHABLE, says="TLS")
        self.refused("TLS at a plain listener", self.address("PLAINTEXT"), *self.file("ssl"),
                     expect=storm.UNREACHABLE, says="TLS")
        self.refused("a login at a plain listener", self.address("PLAINTEXT"),
                     *self.file("sasl_plaintext-plain-alice"), expect=storm.UNREACHABLE, says="no login")
        self.refused("an address of another name", self.address("SSL").replace("127.0.0.1", "127.0.0.2"),
                     *self.file("ssl"), expect=storm.UNREACHABLE, says="127.0.0.2")

    def test_what_cannot_be_meant(self):
        """settings that contradict or name nothing: one line, exit 2, before anybody is asked"""
        nowhere = "127.0.0.1:1"
        for what, how, says in (
                ("a file that is not there", self.file("gone"), "gone.properties cannot be read"),
                ("an unknown protocol", ("-X", "security.protocol=TLS"), "SASL_SSL"),
                ("Kerberos", ("-X", "security.protocol=SASL_SSL", "-X", "sasl.mechanism=GSSAPI"), "SCRAM-SHA-512"),
                ("a mechanism without a login", ("-X", "sasl.mechanism=PLAIN"), "security.protocol"),
                ("a login without a mechanism", ("-X", "security.protocol=SASL_SSL"), "sasl.mechanism"),
                ("no value", ("-X", "alice-secret"), "NAME=VALUE"),
                ("an authority that is not there", self.properties("SSL", ca="/nowhere/ca.pem"), "/nowhere/ca.pem"),
                ("an authority that is none", self.properties("SSL", ca=storm.__file__), "storm.py"),
                ("a certificate that is not there", self.properties("SSL", certificate="/nowhere/me"), "/nowhere/me")):
            self.refused(what, nowhere, *how, expect=storm.WRONG_USE, says=says)

    def test_rights_are_told_in_words(self):
        """a user without the right to a topic or a group hears it, exit 3"""
        limited = self.file("sasl_ssl-scram-sha-512-limited")
        address = self.address("SASL_SSL")
        self.refused("a forbidden topic", address, *limited, expect=storm.UNREACHABLE, says="closed.*no right")
        self.refused("a topic only to read", address, *limited, "--topic", "open",
                     expect=storm.UNREACHABLE, says="no right")
        self.refused("consuming a forbidden topic", address, *limited, "--group", "g", "--sink", "none",
                     expect=storm.UNREACHABLE, says="closed.*no right",
                     command="consume")
        self.refused("a forbidden group", address, *limited, "--topic", "open", "--group", "g", "--sink", "none",
                     expect=storm.UNREACHABLE, says="no right", command="consume", started=True)

    def test_a_password_is_not_shown(self):
        """neither in the arguments that other users see, nor in the log at its most talkative"""
        produce = self.keep(storm.Process(
            [storm.PROGRAM, "produce", "--brokers", self.address("SASL_SSL"), "--topic", "shown", "--partitions", 4,
             "--rate", 1000, "--duration", "60s", "--log-level", "debug", "--engine", "librdkafka",
             *self.properties("SASL_SSL", "PLAIN")], self.folder / "produce.log"))
        produce.wait_until(lambda: "acknowledged" in produce.log.read_text(), 20, "producing")
        arguments = pathlib.Path(f"/proc/{produce.popen.pid}/cmdline").read_bytes().decode()
        self.assertIn("sasl.username=alice", arguments)
        self.assertNotIn("alice-secret", arguments)
        self.assertEqual(storm.INTERRUPTED, produce.stop())
        self.assertNotIn("alice-secret", produce.log.read_text())


if __name__ == "__main__":
    storm.main()
