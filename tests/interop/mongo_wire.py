"""MongoDB's wire protocol, as little as a test needs to look at a store without our client, and to harm it."""
import socket
import struct


def bson(document):
    """dict, list, str, bool, int and float only."""
    body = b""
    items = document.items() if isinstance(document, dict) else ((str(i), x) for i, x in enumerate(document))
    for key, value in items:
        name = key.encode() + b"\0"
        if isinstance(value, bool):
            body += b"\x08" + name + bytes([value])
        elif isinstance(value, int):
            body += b"\x12" + name + struct.pack("<q", value)
        elif isinstance(value, float):
            body += b"\x01" + name + struct.pack("<d", value)
        elif isinstance(value, str):
            text = value.encode() + b"\0"
            body += b"\x02" + name + struct.pack("<i", len(text)) + text
        else:
            body += (b"\x03" if isinstance(value, dict) else b"\x04") + name + bson(value)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def numbers(data):
    """The numbers at the top of a BSON document, by name; what else there is is passed over."""
    found, at = {}, 4
    while data[at]:
        kind = data[at]
        end = data.index(b"\0", at + 1)
        name, at = data[at + 1:end].decode(), end + 1
        if kind in (0x01, 0x12, 0x09, 0x11):
            found[name] = struct.unpack_from("<d" if kind == 1 else "<q", data, at)[0]
            at += 8
        elif kind == 0x10:
            found[name] = struct.unpack_from("<i", data, at)[0]
            at += 4
        elif kind == 0x08:
            at += 1
        elif kind in (0x03, 0x04):
            at += struct.unpack_from("<i", data, at)[0]
        elif kind == 0x02:
            at += 4 + struct.unpack_from("<i", data, at)[0]
        elif kind == 0x07:
            at += 12
        elif kind != 0x0A:
            raise AssertionError(f"BSON type {kind:#x} of {name}")
    return found


class Mongo:
    """A connection to mongodb://HOST:PORT."""

    def __init__(self, url, database="brandpulse"):
        host, _, port = url.removeprefix("mongodb://").partition("/")[0].partition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.database = database

    def command(self, **command):
        """Sends one; returns the numbers of its answer."""
        body = b"\0\0\0\0\0" + bson(command | {"$db": self.database})
        self.socket.sendall(struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body)
        head = self.read(16)
        answer = numbers(self.read(struct.unpack("<i", head[:4])[0] - 16)[5:])
        if answer.get("ok") != 1:
            raise AssertionError(f"{command}: {answer}")
        return answer

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise AssertionError("the connection ended")
            data += more
        return data

    def count(self, collection):
        return int(self.command(count=collection, query={})["n"])

    def delete(self, collection, query):
        """How many documents went."""
        return int(self.command(delete=collection, deletes=[{"q": query, "limit": 0}])["n"])

    def close(self):
        self.socket.close()
