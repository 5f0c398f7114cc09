#!/usr/bin/env python3
"""B4: a full disk never gives a false acknowledgement, and writing resumes once there is room.

The broker runs on a tmpfs of 24 MiB of its own (a mount namespace); a ballast file leaves it some
100 KiB, batches are sent until one is refused, the ballast goes, and the refused one is sent again.
"""
import pathlib
import subprocess

import kafka_log
import kafka_wire
import promise
import storm


class Broker(storm.Broker):
    """In a mount namespace whose data folder is a small tmpfs."""

    def __init__(self, mount, log):
        self.data_dir = mount / "data"
        script = 'mount -t tmpfs -o size=24m tmpfs "$1" && shift && exec "$@"'
        storm.Process.__init__(self, ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", mount,
                                      storm.PROGRAM, "broker", "--listen", "127.0.0.1:0", "--data-dir", self.data_dir], log)
        self.address = self.told(r"broker ready at ([^\s,]+)")


with promise.Check("B4", "disk full", faults=20, limit=120) as check:
    check.need("unshare")
    mount = check.folder / "small"
    mount.mkdir()
    probe = subprocess.run(["unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "tmpfs", mount],
                           capture_output=True, text=True)
    if probe.returncode:
        check.skip(f"no tmpfs can be mounted here: {probe.stderr.strip()}")
    broker = check.keep(Broker(mount, check.folder / "broker.log"))
    inside = f"/proc/{broker.popen.pid}/root{mount}"
    client = kafka_wire.Client(broker.address)
    check.that(client.create_topic("t", 3, segment_bytes=1 << 20) == 0, "no topic")
    producer, epoch = client.init_producer_id()
    sequence, acknowledged = [0, 0, 0], [[], [], []]
    false_errors = not_resumed = commits_lost = partitions_wrong = 0
    committed = -1

    def send(partition, value):
        error, offset = client.produce("t", partition, kafka_log.batch([value], producer=(producer, epoch, sequence[partition])))
        if error == 0:
            acknowledged[partition].append((offset, value))
            sequence[partition] += 1
        return error

    for fill in range(check.scaled(20)):
        free = int(storm.checked(["stat", "-f", "-c", "%a", inside], 10)) * 4096
        with open(f"{inside}/ballast", "wb") as ballast:
            ballast.write(bytes(max(0, free - check.random.randrange(60_000, 140_000))))
        refused = 0
        for _ in range(400):
            partition = check.random.randrange(3)
            value = f"{fill} ".encode() + check.random.randbytes(check.random.randrange(100, 6000))
            if error := send(partition, value):
                refused += 1
                false_errors += error != kafka_wire.STORAGE_ERROR
                if refused == 3:
                    break
        check.fault(refused > 0)
        if client.commit("g", "t", 0, 2 * fill) == 0:
            committed = max(committed, 2 * fill)
        (pathlib.Path(inside) / "ballast").unlink()
        commits_lost += committed > client.committed("g", "t", 0)
        if client.commit("g", "t", 0, 2 * fill + 1) == 0:
            committed = 2 * fill + 1
        else:
            not_resumed += 1
        not_resumed += sum(send(partition, b"again") != 0 for partition in range(3))
        if fill % 5 == 4:  # so that the small disk does not fill for good
            client.delete_topic("t")
            check.that(client.create_topic("t", 3, segment_bytes=1 << 20) == 0, "no topic again")
            acknowledged, committed = [[], [], []], -1
            sequence = [0, 0, 0]
            producer, epoch = client.init_producer_id()
        lost = 0
        for partition, expected in enumerate(acknowledged):
            lost += client.read_all("t", partition) != expected
        partitions_wrong += lost
        commits_lost += committed > client.committed("g", "t", 0)
    check.size("24 MiB tmpfs, 3 partitions, idempotent, durability cache")
    check.zero(partitions_wrong=partitions_wrong, other_errors=false_errors,
               not_resumed=not_resumed, commits_lost=commits_lost)
