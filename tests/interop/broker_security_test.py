#!/usr/bin/env python3
"""The embedded broker's locks: TLS, certificates, logins and allowances, tried by kcat, Kafka's tools and ourselves."""
import os
import subprocess

import storm

PASSWORD = "alice-secret"
LISTENERS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
ACL = """\
alice        all                     *
bob          read                    topic open*
bob          read                    group bobs
CN=client    write,create,describe   topic from-client
ANONYMOUS    describe                topic nothing
"""


class BrokerSecurity(storm.Case):
    limit = 200

    def setUp(self):
        super().setUp()
        self.need("kcat")
        self.need("openssl")
        self.made_by("authority", None)
        for name in ("broker", "client"):
            self.made_by(name, "authority")
        self.made_by("strange", None)
        self.made_by("stranger", "strange")
        self.made_by("late", "authority", days=-1)
        for user, password in (("alice", PASSWORD), ("bob", "bob-secret")):
            self.run_user("add", user, password)
        (self.folder / "acl").write_text(ACL)

    def made_by(self, name, authority, days=2):
        """NAME.pem and NAME.key, signed by the authority's, or an authority itself."""
        def openssl(*arguments):
            storm.checked(["openssl", *arguments], 30, cwd=self.folder)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key")
        if authority is None:
            return openssl("req", "-x509", *key, "-days", "2", "-subj", f"/CN={name}", "-out", f"{name}.pem")
        openssl("req", *key, "-subj", f"/CN={name}", "-out", f"{name}.csr")
        (self.folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
                "-CAcreateserial", "-days", str(days), "-extfile", "names", "-out", f"{name}.pem")

    def run_user(self, verb, user, password):
        done = subprocess.run([storm.PROGRAM, "user", verb, user, "--users", self.folder / "users"], input=password,
                              text=True, capture_output=True, timeout=30 * storm.PATIENCE)
        self.assertEqual(0, done.returncode, done.stderr)

    def file(self, name):
        return str(self.folder / name)

    def locked(self, *more):
        """A broker with a listener of each kind; {protocol: address}."""
        broker = self.broker(None, "--tls-certificate", self.file("broker.pem"), "--tls-key", self.file("broker.key"),
                             "--users", self.file("users"), *more,
                             address=",".join(f"{each}://127.0.0.1:0" for each in LISTENERS))
        told = broker.told(r"broker ready at ([^,]+),").split()
        return broker, dict(zip(LISTENERS, (each.split("://")[-1] for each in told)))

    def way(self, protocol, mechanism=None, user="alice", password=PASSWORD, authority="authority", certificate=None):
        """librdkafka's names, as kcat and ours take them."""
        named = {"security.protocol": protocol}
        if protocol.endswith("SSL"):
            named["ssl.ca.location"] = self.file(f"{authority}.pem")
        if mechanism:
            named |= {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password}
        if certificate:
            named |= {"ssl.certificate.location": self.file(f"{certificate}.pem"),
                      "ssl.key.location": self.file(f"{certificate}.key")}
        return [word for name, value in named.items() for word in ("-X", f"{name}={value}")]

    def ways(self):
        yield "SSL", "SSL", self.way("SSL")
        for protocol in ("SASL_PLAINTEXT", "SASL_SSL"):
            for mechanism in MECHANISMS:
                yield f"{protocol} {mechanism}", protocol, self.way(protocol, mechanism)

    def refused(self, what, address, how, says):
        """kcat and our own client do not get in, soon."""
        with self.subTest(what):
            done = subprocess.run(["kcat", "-L", "-m", "4", "-b", address, *how], stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=30 * storm.PATIENCE)
            self.assertNotEqual(0, done.returncode, done.stdout)
            ours = self.run_program("topic", "list", "--brokers", address, *how, expect=storm.UNREACHABLE, limit=60)
            print(f"  {what}: {ours.stderr.splitlines()[0]}", flush=True)
            self.assertRegex(ours.stderr, says)
            self.assertNotIn(PASSWORD, ours.stderr)

    def test_every_way_in(self):
        """TLS and six logins: kcat writes, we write, kcat reads all"""
        broker, at = self.locked()
        for number, (name, protocol, how) in enumerate(self.ways()):
            with self.subTest(name):
                topic = f"way-{number}"
                self.run_json("produce", "--brokers", at[protocol], "--topic", topic, "--partitions", 1,
                              "--total", 2000, "--acks", "all", *how)
                self.kcat("-P", "-b", at[protocol], "-t", topic, *how, stdin=b"\n".join([b"x" * 100] * 500))
                back = self.kcat("-C", "-b", at[protocol], "-t", topic, "-e", "-q", "-f", "%o\\n", *how)
                self.same(name, written=2500, read=len(back.split()))
        big = b"\n".join([b"y" * 1000] * 20_000)  # more than TLS takes at once, in both directions
        how = self.way("SASL_SSL", "SCRAM-SHA-512")
        self.kcat("-P", "-b", at["SASL_SSL"], "-t", "big", *how, stdin=big)
        back = self.kcat("-C", "-b", at["SASL_SSL"], "-t", "big", "-e", "-q", *how)
        self.same("20 MB over TLS, bytes", written=len(big) + 1, read=len(back))
        self.assertNotIn("secret", broker.log.read_text())

    def test_every_wrong_key(self):
        """wrong passwords, users, authorities and certificates: nobody gets in"""
        broker, at = self.locked("--tls-client-ca", self.file("authority.pem"))
        mtls = dict(certificate="client")
        self.kcat("-L", "-b", at["SSL"], *self.way("SSL", **mtls))
        for mechanism in MECHANISMS:
            for protocol in ("SASL_PLAINTEXT", "SASL_SSL"):
                self.refused(f"wrong password, {protocol} {mechanism}", at[protocol],
                             self.way(protocol, mechanism, password="wrong", **mtls), "refused the login of alice")
        self.refused("unknown user", at["SASL_SSL"], self.way("SASL_SSL", "PLAIN", user="nobody", **mtls),
                     "refused the login of nobody")
        self.refused("an authority that did not sign", at["SSL"], self.way("SSL", authority="strange", **mtls),
                     "certificate")
        self.refused("no certificate", at["SSL"], self.way("SSL"), "certificate")
        self.refused("a stranger's certificate", at["SSL"], self.way("SSL", certificate="stranger"), "certificate")
        self.refused("an expired certificate", at["SSL"], self.way("SSL", certificate="late"), "certificate")
        self.refused("no login where one is asked for", at["SASL_PLAINTEXT"], self.way("PLAINTEXT"), "login|closed")
        self.refused("plain text at TLS", at["SSL"], self.way("PLAINTEXT"), "TLS")
        self.refused("a login where there is none", at["PLAINTEXT"], self.way("SASL_PLAINTEXT", "PLAIN"), "no login")
        self.assertNotIn("secret", broker.log.read_text())

    def test_rights(self):
        """allowances by user, by certificate and for the unknown: what is not allowed is refused in Kafka's words"""
        _, at = self.locked("--acl", self.file("acl"), "--tls-client-ca", self.file("authority.pem"))
        alice, bob = (self.way("SASL_PLAINTEXT", "SCRAM-SHA-256", user, f"{user}-secret") for user in ("alice", "bob"))
        where = at["SASL_PLAINTEXT"]
        for topic in ("open", "closed"):
            self.kcat("-P", "-b", where, "-t", topic, "-p", "0", *alice, stdin=b"one\ntwo\n")

        def topics(address, how):
            return sorted(self.run_program("topic", "list", "--brokers", address, *how).stdout.split())
        self.assertIn("closed", topics(where, alice))
        seen = topics(where, bob)
        self.assertIn("open", seen)
        self.assertNotIn("closed", seen)
        self.assertEqual([], topics(at["PLAINTEXT"], []))
        self.assertEqual(b"one\ntwo\n", self.kcat("-C", "-b", where, "-t", "open", "-e", "-q", *bob))

        def fails(what, *arguments, stdin=b""):
            with self.subTest(what):
                done = subprocess.run(["kcat", *arguments], input=stdin, capture_output=True, timeout=60 * storm.PATIENCE)
                self.assertIn(b"uthoriz", done.stderr + done.stdout, what)
        fails("bob writes", "-P", "-b", where, "-t", "open", *bob, stdin=b"no\n")
        fails("bob reads what is closed", "-C", "-b", where, "-t", "closed", "-e", *bob)
        fails("bob in another group", "-b", where, "-e", "-G", "others", *bob, "open")
        fails("nobody in particular reads", "-C", "-b", at["PLAINTEXT"], "-t", "open", "-e")
        self.kcat("-b", where, "-e", "-X", "auto.offset.reset=earliest", *bob, "-G", "bobs", "open")
        client = self.way("SSL", certificate="client")
        self.kcat("-P", "-b", at["SSL"], "-t", "from-client", *client, stdin=b"by certificate\n")
        fails("a certificate without the right", "-P", "-b", at["SSL"], "-t", "open", *client, stdin=b"no\n")
        self.assertIn(b"by certificate", self.kcat("-C", "-b", where, "-t", "from-client", "-e", "-q", *alice))

    def test_kafkas_own_tools(self):
        """Java: every login over TLS by a properties file; a topic made, described, filled and read"""
        for program in ("java", "mvn"):
            self.need(program)
        if subprocess.run([storm.KAFKA_SH, "fetched"], stdout=subprocess.DEVNULL).returncode != 0:
            storm.missing(self, "Apache Kafka has not been fetched; run: setup/install.sh up test")
        _, at = self.locked()

        def tool(name, *arguments, fails=False):
            done = subprocess.run([storm.KAFKA_SH, "tool", name, "--bootstrap-server", at["SASL_SSL"], *arguments],
                                  stdin=subprocess.DEVNULL, text=True, capture_output=True, timeout=90 * storm.PATIENCE)
            if not fails:
                self.assertEqual(0, done.returncode, done.stdout[-500:] + done.stderr[-1500:])
            return done.stdout + done.stderr

        def properties(mechanism, password=PASSWORD):
            module = "plain.PlainLoginModule" if mechanism == "PLAIN" else "scram.ScramLoginModule"
            path = self.folder / f"{mechanism}.properties"
            path.write_text(
                "security.protocol=SASL_SSL\nssl.truststore.type=PEM\n"
                f"ssl.truststore.location={self.file('authority.pem')}\nsasl.mechanism={mechanism}\n"
                f"sasl.jaas.config=org.apache.kafka.common.security.{module} required "
                f'username="alice" password="{password}";\n')
            return str(path)
        for mechanism in MECHANISMS:
            how = ("--command-config", properties(mechanism))
            tool("topics", *how, "--create", "--topic", mechanism, "--partitions", "3",
                 "--config", "cleanup.policy=compact")
            described = tool("topics", *how, "--describe", "--topic", mechanism)
            self.assertIn("PartitionCount: 3", described)
            self.assertIn("cleanup.policy=compact", described)
        self.assertIn("wrong user or password",
                      tool("topics", "--command-config", properties("PLAIN", "wrong"), "--list", fails=True))

    def test_a_compacted_topic_is_read_by_all(self):
        """the last value of each key: by kcat, by librdkafka in a group, by Java, by us"""
        broker = self.broker(None)
        address = broker.address
        rounds, keys = 4, 50
        self.make_compacted(address, "kept")
        for round_number in range(rounds):
            lines = "".join(f"key-{i % keys}:{round_number}-{i}-{'v' * 200}\n" for i in range(5000))
            self.kcat("-P", "-b", address, "-t", "kept", "-p", "0", "-K", ":", "-z", "lz4" if round_number % 2 else "none",
                      stdin=lines.encode())
        expected = {f"key-{i % keys}": f"{rounds - 1}-{i}-" for i in range(5000 - keys, 5000)}

        def read():
            out = self.kcat("-C", "-b", address, "-t", "kept", "-e", "-q", "-f", "%o %k %s\\n").decode()
            return [line.split() for line in out.splitlines()]
        for _ in range(100):
            rows = read()
            if len(rows) < 10_000:
                break
            storm.time.sleep(0.2)
        offsets = [int(row[0]) for row in rows]
        self.assertEqual(sorted(set(offsets)), offsets)
        latest = {row[1]: row[2] for row in rows}
        self.assertEqual(keys, len(latest))
        for key, value in expected.items():
            self.assertTrue(latest[key].startswith(value), (key, latest[key][:20]))
        group = self.kcat("-b", address, "-e", "-q", "-X", "auto.offset.reset=earliest", "-f", "%o\\n", "-G", "g", "kept")
        self.assertGreaterEqual(len(group.split()), keys)
        print(f"  {rounds * 5000} written, {len(rows)} left for {keys} keys", flush=True)
        if subprocess.run([storm.KAFKA_SH, "fetched"], stdout=subprocess.DEVNULL).returncode == 0:
            done = subprocess.run([storm.KAFKA_SH, "tool", "console-consumer", "--bootstrap-server", address, "--topic",
                                   "kept", "--from-beginning", "--timeout-ms", "5000",
                                   "--formatter-property", "print.key=true"],
                                  capture_output=True, text=True, timeout=90 * storm.PATIENCE)
            java = dict(line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line)
            self.assertEqual(latest, java)

    def make_compacted(self, address, topic):
        """By Kafka's own tool where there is one: it is what sets a topic's configuration."""
        if subprocess.run([storm.KAFKA_SH, "fetched"], stdout=subprocess.DEVNULL).returncode != 0:
            storm.missing(self, "Apache Kafka has not been fetched; run: setup/install.sh up test")
        done = subprocess.run([storm.KAFKA_SH, "tool", "topics", "--bootstrap-server", address, "--create", "--topic",
                               topic, "--partitions", "1", "--config", "cleanup.policy=compact", "--config",
                               "segment.bytes=1048576"], capture_output=True, text=True, timeout=90 * storm.PATIENCE)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_what_cannot_be_meant(self):
        """open to others without a lock, half a lock, users that are none: exit 2, with the way out"""
        (self.folder / "junk").write_text("alice " + PASSWORD + "\n")
        (self.folder / "bad-acl").write_text("alice fly topic t\n")
        tls = ("--tls-certificate", self.file("broker.pem"), "--tls-key", self.file("broker.key"))
        for what, how, says in (
                ("everybody", ("--listen", "0.0.0.0:0"), "--allow-anonymous"),
                ("TLS alone", ("--listen", "0.0.0.0:0", *tls), "--tls-client-ca"),
                ("no such protocol", ("--listen", "TLS://127.0.0.1:0"), "SASL_SSL"),
                ("a login without users", ("--listen", "SASL_PLAINTEXT://127.0.0.1:0"), "datastorm user add"),
                ("TLS without a certificate", ("--listen", "SSL://127.0.0.1:0"), "--tls-certificate"),
                ("half a key", ("--tls-certificate", self.file("broker.pem")), "belong together"),
                ("another's key", ("--tls-certificate", self.file("broker.pem"), "--tls-key", self.file("client.key"),
                                   "--listen", "127.0.0.1:0"), "does not belong"),
                ("users that are none", ("--users", self.file("junk")), "junk:1"),
                ("an allowance that is none", ("--acl", self.file("bad-acl")), "bad-acl:1"),
                ("a file that is not there", ("--users", self.file("gone")), "gone")):
            with self.subTest(what):
                done = self.run_program("broker", "--data-dir", self.folder / "d", *how, expect=storm.WRONG_USE, limit=20)
                self.assertIn(says, done.stderr)
                self.assertNotIn(PASSWORD, done.stderr)

    def test_users_by_environment(self):
        """DATASTORM_BROKER_USERS: a login without a file; nothing of it is shown"""
        env = dict(os.environ, DATASTORM_BROKER_USERS=f"alice:{PASSWORD}")
        broker = self.keep(storm.Process([storm.PROGRAM, "broker", "--listen", "127.0.0.1:0", "--data-dir",
                                          self.folder / "env"], self.folder / "env.log", env=env))
        address = broker.told(r"broker ready at ([^,]+),").split("://")[-1]
        self.kcat("-L", "-b", address, *self.way("SASL_PLAINTEXT", "PLAIN"))
        self.refused("no login", address, self.way("PLAINTEXT"), "login|closed")
        self.assertNotIn(PASSWORD, broker.log.read_text())


if __name__ == "__main__":
    storm.main()
