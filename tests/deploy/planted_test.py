#!/usr/bin/env python3
"""tools/deploy_check.py finds what is planted: each fault alone, in a copy of deploy/, by its rule."""
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import deploy_check as judge

PROGRAM = os.environ.get("DATASTORM", str(ROOT / "build/release/datastorm"))
DEMO, CLUSTER = "deploy/compose/demo.yaml", "deploy/compose/cluster.yaml"
BASE = "deploy/kubernetes/base"

# what, file, from, to, rule, words of the finding
PLANTED = [
    ("a tag that moves", "deploy/docker/Dockerfile", "FROM debian:12-slim AS run", "FROM debian:latest AS run",
     judge.dockerfile, "DL3007"),
    ("root in the image", "deploy/docker/Dockerfile", "USER 10001:10001", "USER root",
     judge.dockerfile, "root"),
    ("a secret in the image", "deploy/docker/Dockerfile", "WORKDIR /data", "ENV INFLUX_TOKEN=x1y2\nWORKDIR /data",
     judge.secrets, "ENV or ARG"),
    ("a misspelt key", DEMO, "stop_grace_period", "stop_grace_time", judge.compose, "stop_grace_time"),
    ("a secret nobody declared", DEMO, "secrets: [influx-password, influx-token]", "secrets: [influx-password]",
     judge.compose, "influx-token"),
    ("a password in the environment", CLUSTER, "GF_SECURITY_ADMIN_PASSWORD__FILE: /run/secrets/grafana-password",
     "GF_SECURITY_ADMIN_PASSWORD: hunter2", judge.secrets, "GF_SECURITY_ADMIN_PASSWORD"),
    ("an option that is not there", DEMO, "--idempotence", "--idempotent", judge.flags, "--idempotent"),
    ("a field Kubernetes does not know", f"{BASE}/store.yaml", "replicas: 3", "replica: 3",
     judge.kubernetes, "replica"),
    ("shards that do not add up", f"{BASE}/storm.yaml", "COMPLETION_INDEX)/4", "COMPLETION_INDEX)/5",
     judge.kubernetes, "5 shards"),
    ("no limits", f"{BASE}/gateway.yaml", 'limits: {cpu: "2", memory: 256Mi}', "", judge.kubernetes, "limits"),
    ("a token in a manifest", "deploy/kubernetes/secret.example.yaml", 'influx-token: ""', 'influx-token: "abc"',
     judge.secrets, "influx-token"),
    ("a resource that is not there", "deploy/kubernetes/overlays/demo/kustomization.yaml", "- broker.yaml",
     "- brokers.yaml", judge.overlays, "brokers.yaml"),
    ("a directive nobody reads", "deploy/systemd/datastorm-serve.service", "RestartSec=2", "RestartSecs=2",
     judge.systemd, "RestartSecs"),
    ("an open unit", "deploy/systemd/datastorm-gateway.service", "CapabilityBoundingSet=\n", "",
     judge.systemd, "closed"),
    ("a broken query", "deploy/grafana/datastorm.json", "[$__rate_interval])", "[$__rate_interval]",
     judge.prometheus, "parse error"),
    ("a broken rule", "deploy/prometheus/alerts.yml", "datastorm_ledger_balanced == 0", "datastorm_ledger_balanced =!= 0",
     judge.prometheus, "alerts.yml"),
    ("panels on one another", "deploy/grafana/datastorm.json", '"y": 4,\n    "w": 12', '"y": 2,\n    "w": 12',
     judge.grafana, "lies on"),
    ("a metric nobody exports", "deploy/prometheus/alerts.yml", "datastorm_lag_seconds", "datastorm_lag_sec",
     judge.metrics, "datastorm_lag_sec "),
    ("a state nobody counts", "deploy/grafana/datastorm.json", 'state=\\"stored\\"', 'state=\\"saved\\"',
     judge.metrics, "saved"),
]


class Planted(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try:
            judge.wheels()
        except judge.Skip as why:
            print(f"SKIP: {why}", flush=True)
            sys.exit(1 if os.environ.get("CI") else 77)
        seen = []  # two runs of the program are enough for all metrics

        def once(program, real=judge.exported):
            if not seen:
                seen.append(real(program))
            return seen[0]
        judge.exported = once

    def test_what_is_there_passes_and_what_is_planted_is_found(self):
        found = 0
        faults, skipped = judge.check(judge.Tree(ROOT, PROGRAM))
        self.assertEqual([], faults)
        if os.environ.get("CI"):
            self.assertEqual(0, skipped, "a judge is missing")
        for what, file, good, bad, rule, words in PLANTED:
            with self.subTest(what), tempfile.TemporaryDirectory() as folder:
                shutil.copytree(ROOT / "deploy", pathlib.Path(folder) / "deploy")
                path = pathlib.Path(folder) / file
                text = path.read_text()
                self.assertIn(good, text, "the plant has no soil any more")
                path.write_text(text.replace(good, bad, 1))
                said = []
                faults, skipped = judge.check(judge.Tree(folder, PROGRAM), [rule], said.append)
                if skipped:
                    print(f"{what}: {said[0]}")
                    continue
                self.assertTrue(any(words in each for each in faults), f"{words!r} not in {faults}")
                found += 1
        print(f"{found} of {len(PLANTED)} planted faults found")


if __name__ == "__main__":
    unittest.main(verbosity=2)
