#!/usr/bin/env python3
"""The client room's own tests that need a real Apache Kafka, with one started for them."""
import os
import pathlib
import re
import subprocess

import storm


class Client(storm.Case):
    def test_against_apache_kafka(self):
        """every RealKafka test of kafka_client_test runs and passes; none is skipped"""
        kafka = self.kafka()
        binary = pathlib.Path(os.environ["DATASTORM"]).parent / "kafka_client_test"
        done = subprocess.run([binary, "--gtest_filter=RealKafka.*"], capture_output=True, text=True, timeout=200 * storm.PATIENCE,
                              env={**os.environ, "KAFKA_BOOTSTRAP": kafka.address})
        self.assertEqual(0, done.returncode, done.stdout[-3000:] + done.stderr[-1000:])
        ran = re.search(r"\[==========\] (\d+) tests? from", done.stdout)
        passed = re.search(r"\[  PASSED  \] (\d+) tests?", done.stdout)
        self.assertTrue(ran and passed, done.stdout[-1000:])
        self.assertGreaterEqual(int(ran[1]), 3)
        self.same("RealKafka", ran=int(ran[1]), passed=int(passed[1]))


if __name__ == "__main__":
    storm.main()
