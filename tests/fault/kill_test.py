#!/usr/bin/env python3
"""B1: what was acknowledged survives kill -9 of the broker.

rdkafka_load writes, reads, commits and asks all the while; this kills and starts again on the same
port. The third topic is small enough that its segments are dropped and written over throughout: a
file is counted as recycled when its inode turns up under another name.
"""
import json
import subprocess
import time

import kafka_wire
import promise

TOPICS = ("plain", "other", "reused")
ARGUMENTS = ("--keep-unread", "--retention-bytes", "20GB")


def segments(folder):
    """{(device, inode): name} of all segments now."""
    found = {}
    for path in folder.glob("logs/*/*/*.log"):
        try:
            found[path.stat().st_ino] = path
        except FileNotFoundError:
            pass
    return found


with promise.Check("B1", "kill -9 of the broker", faults=60, limit=220) as check:
    check.need(promise.BUILD / "rdkafka_load")
    broker = check.broker(*ARGUMENTS)
    address = broker.address
    with kafka_wire.Client(address) as client:
        for topic in TOPICS:
            configs = dict(segment_bytes=1 << 20, retention_bytes=3 << 20) if topic == "reused" else {}
            check.that(client.create_topic(topic, 4, **configs) == 0, f"{topic} could not be made")
    load = subprocess.Popen([promise.BUILD / "rdkafka_load", address, str(check.seed), *TOPICS], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    check.stack.callback(load.kill)
    known, recycled, started = {}, 0, []
    for _ in range(check.scaled(60)):
        time.sleep(check.random.uniform(0.3, 2.0))
        for inode, path in segments(check.folder / "broker").items():
            recycled += inode in known and known[inode] != path
            known[inode] = path
        check.fault(broker.kill() == -9)
        began = time.monotonic()
        broker = check.broker(*ARGUMENTS, address=address)
        started.append(time.monotonic() - began)
    told, _ = load.communicate(timeout=100)
    counts = json.loads(told)
    check.size(f"3 topics x 4 partitions, 4 producers, 2 groups, {counts['records']:,} records")
    check.note(recycled=recycled, start_ms=round(1000 * max(started)),
               **{name: counts[name] for name in ("acknowledged", "commits", "probes", "redelivered")})
    check.zero(**{name: counts[name] for name in ("lost", "phantom", "reordered", "doubled", "offsets_reused", "not_sent",
                                                  "unread_by_a_group", "commits_back", "watermark_back")})
    check.that(counts["records"] > 0 and counts["commits"] > 0 and counts["probes"] > 0, "nothing was checked")
    check.that(recycled > 0, "no segment was recycled")
    check.that(broker.stop() in (0, 130), "the broker did not end by itself")
