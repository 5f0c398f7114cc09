#!/usr/bin/env python3
"""Apache Kafka's own command-line tools and Java clients against the embedded broker.

KAFKA_VERSIONS names the versions whose jars are asked for (those of pom.xml and 3.9.2); one that has
not been fetched is a SKIP. Every tool is judged by what it printed and what kcat reads, since some
end with 0 when they were refused.
"""
import os
import subprocess

import storm

VERSIONS = (os.environ.get("KAFKA_VERSIONS") or "4.3.1 3.9.2").split()


class JavaTools(storm.Case):
    limit = 280

    def setUp(self):
        super().setUp()
        for program in ("java", "mvn", "kcat"):
            self.need(program)

    def tool(self, name, *arguments, limit=60, stdin=None):
        env = dict(os.environ, KAFKA_RUN=str(self.folder / "no-cluster"), KAFKA_VERSION=self.version)
        done = subprocess.run([storm.KAFKA_SH, "tool", name, "--bootstrap-server", self.address, *map(str, arguments)], env=env,
                              input=stdin, text=True, capture_output=True, timeout=limit * storm.PATIENCE,
                              **({} if stdin is not None else {"stdin": subprocess.DEVNULL}))
        self.checks += 1
        self.assertEqual(0, done.returncode, f"{name} {arguments}\n{done.stdout[-800:]}{done.stderr[-1500:]}")
        return done.stdout

    def rows(self, group, topic):
        """{partition: (committed, end)} of consumer-groups --describe."""
        lines = (line.split() for line in self.tool("consumer-groups", "--describe", "--group", group).splitlines())
        return {int(row[2]): (int(row[3]), int(row[4])) for row in lines if len(row) > 4 and row[1] == topic and row[3].isdigit()}

    def offsets(self, *more):
        return {int(line.split(":")[1]): int(line.split(":")[2]) for line in self.tool("get-offsets", "--topic", "java", *more).split()}

    def test_tools(self):
        """topics, records, offsets, groups and settings, as an administrator would"""
        tried = 0
        for self.version in VERSIONS:
            env = dict(os.environ, KAFKA_VERSION=self.version)
            if subprocess.run([storm.KAFKA_SH, "fetched"], env=env, stdout=subprocess.DEVNULL).returncode:
                if subprocess.run([storm.KAFKA_SH, "fetch"], env=env, stdout=subprocess.DEVNULL).returncode:
                    print(f"SKIP Kafka {self.version}: it cannot be fetched", flush=True)
                    self.assertFalse(os.environ.get("CI"), "where CI is set, all versions are tried")
                    continue
            with self.subTest(version=self.version):
                self.checks = 0
                broker = self.broker(self.folder / self.version)
                self.address = broker.address
                self.administer()
                print(f"  Kafka {self.version}: {self.checks} tools", flush=True)
                broker.stop()
                tried += 1
        self.assertGreater(tried, 0)

    def administer(self):
        self.tool("topics", "--create", "--topic", "java", "--partitions", 3, "--replication-factor", 1, "--config", "retention.ms=-1")
        self.assertRegex(self.tool("topics", "--describe", "--topic", "java"), r"PartitionCount: ?3")
        self.assertIn("java", self.tool("topics", "--list").split())
        self.tool("topics", "--alter", "--topic", "java", "--partitions", 4)

        sent = "".join(f"key-{i}:value-{i}\n" for i in range(1000))
        self.tool("console-producer", "--topic", "java", "--property", "parse.key=true", "--property", "key.separator=:",
                  stdin=sent)
        read = self.kcat("-C", "-b", self.address, "-t", "java", "-o", "beginning", "-e", "-q", "-f", "%k:%s\\n").decode()
        self.assertEqual(sorted(sent.split()), sorted(read.split()))

        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            self.tool("console-producer", "--topic", codec, "--compression-codec", codec, stdin=f"of {codec}\n" * 50)
            got = self.tool("console-consumer", "--topic", codec, "--from-beginning", "--max-messages", 50, "--timeout-ms", 90000)
            self.assertEqual(50, got.count(f"of {codec}"))

        ends = self.offsets()
        self.assertEqual(1000, sum(ends.values()))
        self.assertEqual([0] * 4, list(self.offsets("--time", "-2").values()))
        self.assertEqual([0] * 4, list(self.offsets("--time", "1000").values()), "the first record since 1970")

        self.tool("console-consumer", "--topic", "java", "--group", "readers", "--from-beginning", "--max-messages", 1000,
                  "--timeout-ms", 90000)
        self.assertIn("readers", self.tool("consumer-groups", "--list").split())
        self.assertEqual(1000, sum(committed for committed, _ in self.rows("readers", "java").values()))
        self.tool("consumer-groups", "--group", "readers", "--topic", "java", "--reset-offsets", "--to-earliest", "--execute")
        self.assertEqual(0, sum(committed for committed, _ in self.rows("readers", "java").values()))
        self.tool("consumer-groups", "--group", "readers", "--delete")

        self.tool("configs", "--entity-type", "topics", "--entity-name", "java", "--alter", "--add-config", "retention.ms=7200000")
        self.assertIn("retention.ms=7200000", self.tool("configs", "--entity-type", "topics", "--entity-name", "java", "--describe"))
        self.tool("topics", "--delete", "--topic", "java")
        self.assertNotIn("java", self.tool("topics", "--list").split())


if __name__ == "__main__":
    storm.main()
