"""An independent reader, and writer, of the broker's log: docs/formats/log.md and Kafka's batch format.

    walk(segment, first_offset)  ->  (good bytes, next offset, what is wrong there or None)

Written from the documents alone and of plain Python, so that it shares nothing with what it judges.
"""
import functools
import struct

_TABLE = []
for _byte in range(256):
    for _ in range(8):
        _byte = (_byte >> 1) ^ (0x82F63B78 if _byte & 1 else 0)
    _TABLE.append(_byte)


@functools.lru_cache(maxsize=4096)
def crc32c(data):
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def varint(number):
    """Zigzag, seven bits a byte."""
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def record(index, value, key=None):
    body = b"\0" + varint(0) + varint(index)
    body += varint(-1) if key is None else varint(len(key)) + key
    body += (varint(-1) if value is None else varint(len(value)) + value) + varint(0)
    return varint(len(body)) + body


def batch(values, base_offset=0, producer=(-1, -1, -1), attributes=0, timestamp=1_700_000_000_000, records=None,
          count=None):
    """One batch; `producer` is id, epoch, first sequence. `records` and `count` may lie."""
    body = b"".join(record(i, value) for i, value in enumerate(values)) if records is None else records
    count = len(values) if count is None else count
    covered = struct.pack(">hiqqqhii", attributes, count - 1, timestamp, timestamp, *producer, count) + body
    return (struct.pack(">qiibI", base_offset, len(covered) + 9, 0, 2, crc32c(covered)) + covered)


def walk(segment, first_offset):
    """Batch by batch: contiguous, of epoch 0, whole, with a right checksum."""
    at, expected = 0, first_offset
    while at < len(segment):
        if len(segment) - at < 61:
            return at, expected, "a header is cut short"
        base, length, epoch, magic, crc = struct.unpack_from(">qiibI", segment, at)
        if magic != 2 or length < 49 or base != expected or epoch != 0:
            return at, expected, "a wrong header"
        if at + 12 + length > len(segment):
            return at, expected, "a batch is cut short"
        last, = struct.unpack_from(">i", segment, at + 23)
        if crc32c(bytes(segment[at + 21:at + 12 + length])) != crc:
            return at, expected, "a wrong checksum"
        at, expected = at + 12 + length, base + last + 1
    return at, expected, None


def marks(end, end_offset, synced_offset, boot, start_offset=0, active=0):
    """The 68 bytes beside the segments."""
    text = struct.pack(">4siqqqqq16s", b"DSMK", 1, active, end, end_offset, synced_offset, start_offset, boot)
    return text + struct.pack(">I", crc32c(text))
