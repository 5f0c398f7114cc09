#!/usr/bin/env python3
"""Every (API, version) that the broker advertises is answered; the versions beyond are refused properly.

Requests are those of Apache Kafka's own encoder with nothing set; its decoder reads the answers.
"""
import struct
import subprocess
import sys

import storm

sys.path.insert(0, str(storm.ROOT / "tests/fault"))
import kafka_wire  # noqa: E402

UNSUPPORTED = 35
NAMES = {0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 8: "OffsetCommit", 9: "OffsetFetch",
         10: "FindCoordinator", 11: "JoinGroup", 12: "Heartbeat", 13: "LeaveGroup", 14: "SyncGroup",
         15: "DescribeGroups", 16: "ListGroups", 17: "SaslHandshake", 18: "ApiVersions", 19: "CreateTopics",
         20: "DeleteTopics", 21: "DeleteRecords", 22: "InitProducerId", 23: "OffsetForLeaderEpoch", 29: "DescribeAcls",
         30: "CreateAcls", 31: "DeleteAcls", 32: "DescribeConfigs", 33: "AlterConfigs", 35: "DescribeLogDirs",
         36: "SaslAuthenticate", 37: "CreatePartitions", 42: "DeleteGroups", 44: "IncrementalAlterConfigs",
         47: "OffsetDelete", 60: "DescribeCluster"}
# The first version with tagged fields, as Kafka's message descriptions have them.
FLEXIBLE = {0: 9, 1: 12, 2: 6, 3: 9, 8: 8, 9: 6, 10: 3, 11: 6, 12: 4, 13: 4, 14: 4, 15: 5, 16: 3, 18: 3, 19: 5, 20: 4,
            21: 2, 22: 2, 23: 4, 29: 2, 30: 2, 31: 2, 32: 4, 33: 2, 35: 2, 36: 2, 37: 2, 42: 2, 44: 1, 60: 0}


class Oracle:
    """Kafka's classes, a line in and a line out."""

    def __init__(self, case):
        libs = subprocess.run([storm.KAFKA_SH, "fetched"], capture_output=True, text=True)
        if libs.returncode:
            storm.missing(case, "Apache Kafka has not been fetched; run: setup/install.sh up test")
        self.java = subprocess.Popen(["java", "-XX:TieredStopAtLevel=1", "-cp", libs.stdout.strip() + "/*",
                                      str(storm.ROOT / "tests/oracle/KafkaOracle.java")], cwd=case.folder,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        case.addCleanup(self.java.wait)
        case.addCleanup(self.java.stdin.close)
        case.addCleanup(self.java.stdout.close)

    def ask(self, line):
        self.java.stdin.write(line + "\n")
        self.java.stdin.flush()
        return self.java.stdout.readline().strip()


class ApiVersions(storm.Case):
    def test_each_version_is_answered(self):
        """all advertised versions of all APIs, with nothing set: an answer that Kafka's decoder reads whole"""
        self.need("java")
        oracle, broker = Oracle(self), self.broker()
        with kafka_wire.Client(broker.address) as client:
            _, offered = client.api_versions()
        asked = 0
        for key, (first, last) in sorted(offered.items()):
            for version in range(first, last + 1):
                if key in (17, 36) or (key == 0 and version < 3):
                    continue  # answered on listeners with users only; advertised for old librdkafka's sake
                with self.subTest(api=NAMES[key], version=version), kafka_wire.Client(broker.address) as other:
                    body = oracle.ask(f"default {NAMES[key]}RequestData {version}")
                    self.assertFalse(body.startswith("error"), body)
                    flexible = version >= FLEXIBLE.get(key, 10**6)
                    if key == 0:  # acks is 0 where nothing is set, and then nothing is answered
                        body = body[:4] + "ffff" + body[8:] if not flexible else body[:2] + "ffff" + body[6:]
                    header = kafka_wire.header(key, version) + (b"\0" if flexible else b"")
                    other.send(kafka_wire.framed(header + bytes.fromhex(body)))
                    correlation, answer = other.receive()
                    self.assertEqual(1, correlation)
                    if flexible and key != 18:
                        self.assertEqual(0, answer[0])
                        answer = answer[1:]
                    said = oracle.ask(f"reads {NAMES[key]}ResponseData {version} x{answer.hex()}")
                    self.assertEqual("ok", said)
                    asked += 1
        print(f"  {len(offered)} APIs, {asked} versions answered", flush=True)
        self.assertGreater(asked, 60)

    def test_versions_beyond_are_refused(self):
        """for each API the version above the last and below the first: refused, and nobody else suffers"""
        broker = self.broker()
        refused = 0
        with kafka_wire.Client(broker.address) as client:
            error, offered = client.api_versions()
            self.assertEqual(0, error)
            for key, (first, last) in sorted(offered.items()):
                for version in (last + 1, first - 1):
                    if key == kafka_wire.API_VERSIONS or version < 0:
                        continue
                    with self.subTest(key=key, version=version), kafka_wire.Client(broker.address) as other:
                        try:
                            answer = other.ask(key, version, bytes(64))
                            self.assertIn(struct.pack(">h", UNSUPPORTED), answer[:16])
                        except ConnectionError:
                            pass  # as Apache Kafka does: in a layout that it does not know it cannot answer
                        refused += 1
                        self.assertEqual(0, client.api_versions()[0], "another connection goes on")
            self.assertEqual(0, client.api_versions()[0])
        print(f"  {len(offered)} APIs, {refused} versions refused", flush=True)

    def test_api_versions_falls_back(self):
        """ApiVersions of a version that is not there: error 35 in version 0's layout; the connection goes on"""
        broker = self.broker()
        with kafka_wire.Client(broker.address) as client:
            _, offered = client.api_versions()
            last = offered[kafka_wire.API_VERSIONS][1]
            for version in (last + 1, last + 2, 99, 32767):
                self.assertEqual((UNSUPPORTED, offered), client.api_versions(version))
            self.assertEqual((0, offered), client.api_versions())


if __name__ == "__main__":
    storm.main()
