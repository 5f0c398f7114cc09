#!/usr/bin/env python3
"""Other people's Kafka clients against the embedded broker: the same checks by each, in its own words.

A client's program (a folder beside this file) is given one argument, a JSON file that says where the
broker is and how to log in. It prints a line a check, `ok NAME`, `FAILED NAME: why` or, where the
client cannot do such a thing at all, `no NAME: why`; and `wrote TOPIC N` for what it left behind,
which kcat then counts. A client of which nothing is heard about one of CHECKS has failed.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))
import cache  # noqa: E402
import storm  # noqa: E402

PASSWORD = "alice-secret"
CHECKS = {
    "metadata": "one broker where it listens, and who leads a topic",
    "topics": "create, create again, describe, add partitions, delete",
    "acks": "acks 0, 1 and all",
    "idempotent": "idempotent producing, in order",
    "codecs": "gzip, snappy, lz4 and zstd, there and back",
    "parts": "keys, values, headers and time stamps, empty and null ones among them",
    "positions": "reading from the earliest, the latest and a named offset",
    "times": "the offset of a time",
    "group": "a group commits, and its next member goes on there",
    "static": "a static member comes back without a rebalance",
    "rebalance": "two members share, and one takes over when the other leaves",
    "groups": "list, describe and delete groups",
    "delete-records": "records deleted up to an offset",
    "configs": "settings of a topic described and altered",
    "large": "a record of 5 MB",
    "too-large": "a batch above the topic's limit is refused as such",
    "unknown": "a topic or partition that is not there is told as such",
    "login": "SCRAM over TLS, and a wrong password refused",
    "transactions": "transactions are refused, at once and for good",
}


class Clients(storm.Case):
    limit = 400

    def setUp(self):
        super().setUp()
        self.need("kcat")
        self.need("openssl")

    def start(self):
        """A broker with an open door and one of TLS and logins; the file that says so."""
        certificate, key, users = (self.folder / name for name in ("broker.pem", "broker.key", "users"))
        storm.checked(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                       "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
                       "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], 30)
        subprocess.run([storm.PROGRAM, "user", "add", "alice", "--users", users], input=PASSWORD, text=True, check=True,
                       capture_output=True, timeout=30)
        broker = self.broker(None, "--tls-certificate", certificate, "--tls-key", key, "--users", users,
                             address="PLAINTEXT://127.0.0.1:0,SASL_SSL://127.0.0.1:0")
        told = broker.told(r"broker ready at ([^,]+),").split()
        self.address, secure = (each.split("://")[-1] for each in told)
        where = self.folder / "where.json"
        where.write_text(json.dumps({"plain": self.address, "secure": secure, "ca": str(certificate),
                                     "user": "alice", "password": PASSWORD}))
        return broker, where

    def judge(self, name, command, limit=200, **more):
        """Runs the client's checks; all of CHECKS must be told, ten or more of them well."""
        broker, where = self.start()
        done = subprocess.run([*map(str, command), str(where)], text=True, capture_output=True, timeout=limit * storm.PATIENCE,
                              stdin=subprocess.DEVNULL, **more)
        told = re.findall(r"^(ok|no|FAILED) ([a-z-]+)(.*)$", done.stdout, re.MULTILINE)
        for verdict, check, why in told:
            if verdict != "ok":
                print(f"  {name}: {verdict} {check}{why}", flush=True)
        well = [check for verdict, check, _ in told if verdict == "ok"]
        everything = f"{name} ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
        self.assertEqual([], [check for verdict, check, _ in told if verdict == "FAILED"], everything)
        self.assertEqual(sorted(CHECKS), sorted(check for _, check, _ in told), everything)
        self.assertEqual(0, done.returncode, everything)
        self.assertGreaterEqual(len(well), 10)
        counts = re.findall(r"^wrote (\S+) (\d+)$", done.stdout, re.MULTILINE)
        self.assertGreater(len(counts), 3, "a client says what it left behind")
        for topic, count in counts:
            self.assertEqual(int(count), len(self.kcat_offsets(self.address, topic)), f"{topic}, counted by kcat")
        print(f"  {name}: {len(well)} of {len(CHECKS)} checks, {len(counts)} topics counted by kcat", flush=True)
        self.assertNotIn(PASSWORD, broker.log.read_text())
        self.assertIn(broker.stop(), (storm.DONE, storm.INTERRUPTED))

    def test_kafkajs(self):
        """kafkajs, by Node"""
        self.need("node")
        self.need("npm")
        source = HERE / "kafkajs"
        files = [source / "package.json", source / "package-lock.json"]

        def build(folder):
            for each in files:
                shutil.copy(each, folder)
            cache.fetch(self, "kafkajs", ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline",
                                 "--loglevel=error"], cwd=folder)
        packages = cache.made("client-kafkajs", files, build)
        # Node looks for packages where the script lies.
        here = self.folder / "kafkajs"
        here.mkdir()
        shutil.copy(source / "checks.mjs", here)
        (here / "node_modules").symlink_to(packages / "node_modules")
        self.judge("kafkajs", ["node", here / "checks.mjs"])

    def test_franz_go(self):
        """franz-go, by Go; Debian 12's own Go is too old for it"""
        self.need("go", "franz-go needs a newer Go than Debian 12 has")
        source = HERE / "franz-go"
        wanted = re.search(r"^go (\d+)\.(\d+)", (source / "go.mod").read_text(), re.MULTILINE)
        have = re.search(r"go(\d+)\.(\d+)", storm.checked(["go", "version"], 30))
        if tuple(map(int, have.groups())) < tuple(map(int, wanted.groups())):
            storm.missing(self, f"franz-go needs Go {wanted[1]}.{wanted[2]}, here is {have[1]}.{have[2]}")
        files = [source / each for each in ("go.mod", "go.sum", "main.go")]

        def build(folder):
            cache.fetch(self, "franz-go", ["go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-o", folder / "checks", "."],
                     cwd=source, env=dict(os.environ, GOTOOLCHAIN="local", CGO_ENABLED="0", GOFLAGS=""))
        self.judge("franz-go", [cache.made("client-franz-go", files, build) / "checks"])

    def java(self, version):
        for program in ("java", "javac", "mvn"):
            self.need(program)
        env = dict(os.environ, KAFKA_VERSION=version)
        cache.fetch(self, f"Kafka {version}", [storm.KAFKA_SH, "fetch"], env=env)
        libs = storm.checked([storm.KAFKA_SH, "fetched"], 30, env=env).strip()
        source = HERE / "java" / "Checks.java"

        def build(folder):
            storm.checked(["javac", "-nowarn", "-Xlint:-removal", "-cp", libs + "/*", "-d", folder, source], 120)
        classes = cache.made(f"client-java-{version}", [source], build)
        self.judge(f"Java {version}", [*storm.java(classes, f"{libs}/*"), "Checks"])

    def test_java_4(self):
        """Apache Kafka's own clients, 4.3"""
        self.java("4.3.1")

    def test_java_3(self):
        """Apache Kafka's own clients, 3.9"""
        self.java("3.9.2")

    def test_librdkafka(self):
        """librdkafka of today, by its Python client; Debian's own is kcat's"""
        packages = cache.wheels(self, "client-librdkafka", HERE / "librdkafka" / "requirements.txt")
        self.judge("librdkafka", [sys.executable, HERE / "librdkafka" / "checks.py"], env=dict(os.environ, PYTHONPATH=str(packages)))

    def test_kcat(self):
        """kcat, with Debian's librdkafka"""
        self.judge("kcat", [sys.executable, HERE / "kcat" / "checks.py"])


if __name__ == "__main__":
    storm.main()
