"""A Kafka client in plain Python that says exactly what it is told to, right or wrong.

    client = Client("127.0.0.1:9092")
    client.create_topic("t", 4)
    error, offset = client.produce("t", 0, kafka_log.batch([b"one", b"two"]))
    client.send(raw)                                  # any bytes at all
    answer = client.ask(key, version, body)           # what follows the correlation id

Old, plain versions of the protocol: they need no flexible encoding. A broker that closes the
connection is a ConnectionError.
"""
import socket
import struct

import kafka_log

PRODUCE, FETCH, LIST_OFFSETS, METADATA, OFFSET_COMMIT, OFFSET_FETCH = 0, 1, 2, 3, 8, 9
API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS, INIT_PRODUCER_ID = 18, 19, 20, 22
NONE, OUT_OF_ORDER, NOT_ENOUGH_REPLICAS, UNSUPPORTED_VERSION, STORAGE_ERROR = 0, 45, 19, 35, 56


def string(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def header(key, version, correlation=1, client="fault"):
    return struct.pack(">hhi", key, version, correlation) + string(client)


def framed(payload):
    return struct.pack(">i", len(payload)) + payload


def produce_body(topic, partition, records, acks=-1):
    return (struct.pack(">hhii", -1, acks, 10_000, 1) + string(topic) + struct.pack(">ii", 1, partition)
            + struct.pack(">i", len(records)) + records)


class Client:
    def __init__(self, address, timeout=60):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def exactly(self, size):
        data = bytearray()
        while len(data) < size:
            if not (more := self.socket.recv(min(size - len(data), 1 << 20))):
                raise ConnectionError("the broker closed the connection")
            data += more
        return bytes(data)

    def receive(self):
        """The next answer: (correlation id, what follows)."""
        data = self.exactly(struct.unpack(">i", self.exactly(4))[0])
        return struct.unpack(">i", data[:4])[0], data[4:]

    def request(self, key, version, body):
        """Sends; returns the correlation id."""
        self.correlation += 1
        self.send(framed(header(key, version, self.correlation) + body))
        return self.correlation

    def ask(self, key, version, body):
        wanted = self.request(key, version, body)
        got, answer = self.receive()
        if got != wanted:
            raise ValueError(f"an answer to {got} where {wanted} was asked")
        return answer

    def create_topic(self, name, partitions, **configs):
        body = struct.pack(">i", 1) + string(name) + struct.pack(">ihii", partitions, 1, 0, len(configs))
        for key, value in configs.items():
            body += string(key.replace("_", ".")) + string(str(value))
        answer = self.ask(CREATE_TOPICS, 2, body + struct.pack(">ib", 10_000, 0))
        return struct.unpack_from(">h", answer, 4 + 4 + 2 + len(name))[0]

    def delete_topic(self, name):
        answer = self.ask(DELETE_TOPICS, 1, struct.pack(">i", 1) + string(name) + struct.pack(">i", 10_000))
        return struct.unpack_from(">h", answer, 4 + 4 + 2 + len(name))[0]

    def send_produce(self, topic, partition, records, acks=-1):
        return self.request(PRODUCE, 3, produce_body(topic, partition, records, acks))

    @staticmethod
    def produced(answer, topic):
        """(error, base offset) of an answer to one batch."""
        at = 4 + 2 + len(topic) + 4 + 4
        return struct.unpack_from(">hq", answer, at)

    def produce(self, topic, partition, records, acks=-1):
        return self.produced(self.ask(PRODUCE, 3, produce_body(topic, partition, records, acks)), topic)

    def init_producer_id(self):
        error, producer, epoch = struct.unpack_from(">hqh", self.ask(INIT_PRODUCER_ID, 0, struct.pack(">hi", -1, 1000)), 4)
        if error:
            raise ValueError(f"no producer id: error {error}")
        return producer, epoch

    def offset(self, topic, partition, time=-1):
        """ListOffsets: -1 the end, -2 the start, else by time; (error, offset)."""
        body = struct.pack(">ii", -1, 1) + string(topic) + struct.pack(">iiq", 1, partition, time)
        answer = self.ask(LIST_OFFSETS, 1, body)
        error, _, offset = struct.unpack_from(">hqq", answer, 4 + 2 + len(topic) + 4 + 4)
        return error, offset

    def end(self, topic, partition):
        error, offset = self.offset(topic, partition)
        if error:
            raise ValueError(f"no end offset: error {error}")
        return offset

    def fetch(self, topic, partition, offset, bytes_max=1 << 20, wait_ms=500):
        """(error, high watermark, the bytes of the batches)."""
        body = struct.pack(">iiiib", -1, wait_ms, 1, bytes_max, 0) + struct.pack(">i", 1) + string(topic)
        body += struct.pack(">iiqi", 1, partition, offset, bytes_max)
        answer = self.ask(FETCH, 4, body)
        at = 4 + 4 + 2 + len(topic) + 4 + 4
        error, high, _, aborted = struct.unpack_from(">hqqi", answer, at)
        at += 22 + max(aborted, 0) * 16
        size, = struct.unpack_from(">i", answer, at)
        return error, high, answer[at + 4:at + 4 + max(size, 0)]

    def read_all(self, topic, partition, offset=0):
        """Every record's value, [(offset, value)], each batch checked by kafka_log."""
        values = []
        while offset < (end := self.end(topic, partition)):
            error, _, data = self.fetch(topic, partition, offset)
            if error or not data:
                raise ValueError(f"error {error}, {len(data)} bytes at offset {offset} of {end}")
            for base, batch in batches(data):
                for at, value in records(batch):
                    if base + at >= offset:
                        values.append((base + at, value))
            offset = values[-1][0] + 1
        return values

    def commit(self, group, topic, partition, offset):
        body = string(group) + struct.pack(">i", -1) + string("") + struct.pack(">qi", -1, 1) + string(topic)
        answer = self.ask(OFFSET_COMMIT, 2, body + struct.pack(">iiq", 1, partition, offset) + string(""))
        return struct.unpack_from(">h", answer, 4 + 2 + len(topic) + 4 + 4)[0]

    def committed(self, group, topic, partition):
        body = string(group) + struct.pack(">i", 1) + string(topic) + struct.pack(">ii", 1, partition)
        answer = self.ask(OFFSET_FETCH, 1, body)
        return struct.unpack_from(">q", answer, 4 + 2 + len(topic) + 4 + 4)[0]

    def api_versions(self, version=0):
        """(error, {key: (from, to)}) by version 0's layout."""
        answer = self.ask(API_VERSIONS, version, b"\0\2a\2b\0" if version >= 3 else b"")  # tagged from 3 on
        error, count = struct.unpack_from(">hi", answer)
        rows = (struct.unpack_from(">hhh", answer, 6 + 6 * i) for i in range(count))
        return error, {key: (first, last) for key, first, last in rows}


def batches(data):
    """(base offset, bytes) of each whole batch, its checksum verified."""
    at = 0
    while len(data) - at >= 61:
        base, length = struct.unpack_from(">qi", data, at)
        if at + 12 + length > len(data):
            return
        batch = data[at:at + 12 + length]
        good, _, wrong = kafka_log.walk(batch, base)
        if wrong:
            raise ValueError(f"a batch at offset {base}: {wrong}")
        yield base, batch
        at += 12 + length


def _varint(data, at):
    shift = number = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at


def records(batch):
    """(offset delta, value) of each record of an uncompressed batch."""
    at = 61
    for _ in range(struct.unpack_from(">i", batch, 57)[0]):
        size, at = _varint(batch, at)
        end = at + size
        _, at = _varint(batch, at + 1)
        delta, at = _varint(batch, at)
        size, at = _varint(batch, at)
        at += max(size, 0)
        size, at = _varint(batch, at)
        yield delta, batch[at:at + size] if size >= 0 else None
        at = end
