#!/usr/bin/env python3
"""Tells which Kafka APIs a client uses: apilog.py LISTEN_PORT TARGET_PORT LABEL -- COMMAND...

Stands between a client and a broker on loopback while COMMAND runs, and prints one line: the
label, the command's exit code, and each api_key and api_version that was asked for. The broker
must advertise LISTEN_PORT, or clients go round the proxy after their first metadata answer.
"""
import asyncio
import struct
import sys

NAMES = {
    0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 8: "OffsetCommit", 9: "OffsetFetch",
    10: "FindCoordinator", 11: "JoinGroup", 12: "Heartbeat", 13: "LeaveGroup", 14: "SyncGroup",
    15: "DescribeGroups", 16: "ListGroups", 17: "SaslHandshake", 18: "ApiVersions",
    19: "CreateTopics", 20: "DeleteTopics", 21: "DeleteRecords", 22: "InitProducerId",
    23: "OffsetForLeaderEpoch", 24: "AddPartitionsToTxn", 25: "AddOffsetsToTxn", 26: "EndTxn",
    28: "TxnOffsetCommit", 32: "DescribeConfigs", 33: "AlterConfigs", 35: "DescribeLogDirs",
    36: "SaslAuthenticate", 37: "CreatePartitions", 42: "DeleteGroups",
    44: "IncrementalAlterConfigs", 47: "OffsetDelete", 60: "DescribeCluster",
    61: "DescribeProducers", 68: "ConsumerGroupHeartbeat", 69: "ConsumerGroupDescribe",
    71: "GetTelemetrySubscriptions", 72: "PushTelemetry", 75: "DescribeTopicPartitions",
}


class Proxy:
    """Forwards both directions; reads the api_key and api_version at the head of each request."""

    def __init__(self, target):
        self.target = target
        self.seen = set()
        self.tasks = set()

    async def accept(self, reader, writer):
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        for pump in (self.requests(reader, to_writer), self.answers(to_reader, writer)):
            task = asyncio.ensure_future(pump)
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def requests(self, reader, writer):
        try:
            while True:
                length = await reader.readexactly(4)
                frame = await reader.readexactly(struct.unpack(">i", length)[0])
                self.seen.add(struct.unpack(">hh", frame[:4]))
                writer.write(length + frame)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def answers(self, reader, writer):
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()


async def main(listen, target, label, command):
    proxy = Proxy(target)
    await asyncio.start_server(proxy.accept, "127.0.0.1", listen, limit=1 << 26)
    process = await asyncio.create_subprocess_exec(*command)
    code = await process.wait()
    used = " ".join(f"{NAMES.get(key, '?')}({key})v{version}" for key, version in sorted(proxy.seen))
    print(f"{label}\texit {code}\t{used}", flush=True)
    return code


if __name__ == "__main__":
    if len(sys.argv) < 6 or sys.argv[4] != "--":
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[5:])))
