#!/usr/bin/env python3
"""B4: EIO on write, fdatasync and rename never gives a false acknowledgement.

Durability sync, so that each acknowledgement stands for a sync. A preloaded shim fails the next call
of a kind; after a failed write the same partition takes the batch again, after a failed sync it is
fenced until the broker is started anew, and that file is never synced again by the same process.
What is acknowledged is read back after every restart, and at the end once more.
"""
import errno
import mmap
import struct

import kafka_log
import kafka_wire
import promise
import storm

WRITE, SYNC, RENAME = 1, 2, 3


class Shim:
    def __init__(self, folder):
        path = folder / "control"
        path.write_bytes(bytes(20))
        self.env = {"LD_PRELOAD": str(promise.BUILD / "libfault_io_shim.so"), "FAULT_CONTROL": str(path),
                    "FAULT_PATH": "/logs/"}
        with path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), 20)

    def arm(self, kind, path):
        self.map[0:8] = struct.pack("=ii", kind, errno.EIO)

    def disarm(self):
        self.map[0:4] = bytes(4)

    @property
    def injected(self):
        return struct.unpack_from("=i", self.map, 8)[0]

    @property
    def retried(self):
        return struct.unpack_from("=i", self.map, 12)[0]


class Broker(storm.Broker):
    """With the shim before it."""

    def __init__(self, data_dir, log, env, address):
        self.data_dir = data_dir
        storm.Process.__init__(self, ["env", *(f"{k}={v}" for k, v in env.items()), storm.PROGRAM, "broker", "--listen",
                                      address, "--data-dir", data_dir, "--durability", "sync"], log)
        self.address = self.told(r"broker ready at ([^\s,]+)")


def all_there(client, topic, acknowledged, check):
    """How many acknowledged values of each partition are not where they were said to be."""
    lost = 0
    for partition, expected in enumerate(acknowledged):
        found = dict(client.read_all(topic, partition))
        lost += sum(found.get(offset) != value for offset, value in expected)
    return lost


with promise.Check("B4", "EIO on write, sync, rename", faults=50, limit=200) as check:
    shim = Shim(check.folder)
    env = {**shim.env, "FAULT_PATH": str(check.folder / "broker")}

    def begin(address="127.0.0.1:0"):
        broker = check.keep(Broker(check.folder / "broker", check.folder / "broker.log", env, address))
        return broker, kafka_wire.Client(broker.address)

    broker, client = begin()
    topics = {}  # name: per partition, [(offset, value)] acknowledged
    false_acks = lost = not_fenced = not_resumed = refused_well = retried = 0
    number, wanted = 0, check.scaled(50)
    kinds = [WRITE] * (wanted * 2 // 5) + [SYNC] * (wanted * 2 // 5)
    kinds += [RENAME] * (wanted - len(kinds))
    check.random.shuffle(kinds)
    check.that(client.create_topic("t", 2) == 0, "no topic")
    topics["t"] = [[], []]
    for kind in kinds:
        partition = check.random.randrange(2)
        before = shim.injected
        if kind == RENAME:  # the topic table is replaced by a rename
            name = f"made-{number}"
            number += 1
            shim.arm(kind, None)
            error = client.create_topic(name, 1)
            shim.disarm()
            check.fault(shim.injected - before)
            false_acks += error == 0
            if client.create_topic(name, 1) != 0:
                not_resumed += 1
            else:
                topics[name] = [[]]
            continue
        value = f"{number} ".encode() + check.random.randbytes(check.random.randrange(2000))
        number += 1
        shim.arm(kind, None)
        error, offset = client.produce("t", partition, kafka_log.batch([value]))
        shim.disarm()
        injected = shim.injected - before
        check.fault(injected)
        if injected and error == 0:
            false_acks += 1
        elif error == 0:
            topics["t"][partition].append((offset, value))
        if kind == WRITE:
            error, offset = client.produce("t", partition, kafka_log.batch([value]))
            if error:
                not_resumed += 1
            else:
                topics["t"][partition].append((offset, value))
        else:
            # Fenced: no write is taken, however often; the other partition goes on.
            for _ in range(3):
                not_fenced += client.produce("t", partition, kafka_log.batch([value]))[0] != kafka_wire.STORAGE_ERROR
            error, offset = client.produce("t", 1 - partition, kafka_log.batch([value]))
            if error:
                not_resumed += 1
            else:
                topics["t"][1 - partition].append((offset, value))
            retried += shim.retried
            client.close()
            broker.kill()
            shim.map[12:16] = bytes(4)
            broker, client = begin(broker.address)
            lost += all_there(client, "t", topics["t"], check)
    client.close()
    check.that(broker.stop() in (0, 130), "the broker did not end by itself")
    broker, client = begin(broker.address)
    for name, acknowledged in topics.items():
        lost += all_there(client, name, acknowledged, check)
    check.size(f"durability sync, {kinds.count(WRITE)} writes, {kinds.count(SYNC)} syncs, {kinds.count(RENAME)} renames")
    check.note(acknowledged=sum(len(each) for parts in topics.values() for each in parts))
    check.zero(false_acks=false_acks, lost=lost, not_fenced=not_fenced, syncs_retried=retried, not_resumed=not_resumed)
