#!/usr/bin/env python3
"""B12: only authentic, fresh, sane requests pass the gateway.

Each case is a request in raw bytes and the status that HTTP and the signatures' own texts ask for. A
request that must pass has a sequence number of its own, and in the end kcat finds exactly those.
"""
import base64
import os
import signal
import time

import promise  # first: it tells where storm is
import hooks

SECRET = "It's a Secret to Everybody"
KEY = SECRET.encode()
BASE64 = base64.b64encode(bytes(range(24))).decode()


class Verdicts:
    def __init__(self, check, gateway):
        self.check, self.gateway = check, gateway
        self.cases = self.wrong = 0
        self.expected = []
        self.next = 0

    def event(self, **more):
        self.next += 1
        return hooks.event(1, self.next, **more)

    def judge(self, what, want, got):
        self.cases += 1
        self.check.fault()
        if got != want:
            self.wrong += 1
            print(f"  {what}: {got}, not {want}", flush=True)

    def ask(self, what, want, body, headers, passes=None, **more):
        """`want` 202 means: and the record of this body is stored once."""
        if want == 202 and passes is not False:
            self.expected.append((1, self.next))
        self.judge(what, want, hooks.status_of(self.gateway.address, hooks.request(body, headers, **more)))

    def raw(self, what, want, data, closes=True):
        """`want`: all statuses that come back, and whether the connection is closed behind them."""
        client = hooks.Client(self.gateway.address)
        client.send(data)
        statuses, closed = client.answers()
        client.close()
        self.judge(what, (want, closes), (statuses, closed))


def signatures(v):
    now = int(time.time())
    for name, sign in (("npm", hooks.npm), ("hub", hooks.hub)):
        body = v.event()
        v.ask(f"{name} signed", 202, body, sign(KEY, body))
        body = v.event()
        (header, good), = sign(KEY, body).items()
        for bit in range(256):
            flipped = bytearray(bytes.fromhex(good[7:]))
            flipped[bit // 8] ^= 1 << bit % 8
            v.ask(f"{name} signature, bit {bit} flipped", 401, body, {header: "sha256=" + flipped.hex()})
        for bit in range(0, 8 * len(body), 7):
            flipped = bytearray(body)
            flipped[bit // 8] ^= 1 << bit % 8
            v.ask(f"{name} body, bit {bit} flipped", 401, bytes(flipped), {header: good})
        for size in range(7, 71, 3):
            v.ask(f"{name} first {size} letters", 401, body, {header: good[:size]})
        for what, value in {
                "nothing": "", "upper case": good.upper(), "upper digits": "sha256=" + good[7:].upper(),
                "no prefix": good[7:], "another prefix": "sha1=" + good[7:], "prefix alone": "sha256=",
                "a letter more": good + "0", "twice in one": good + "," + good, "quoted": f'"{good}"',
                "of the empty body": "sha256=" + hooks.digest(KEY, b"").hex(),
                "under the empty key": "sha256=" + hooks.digest(b"", body).hex(),
                "under another key": "sha256=" + hooks.digest(b"other", body).hex(),
                "zeros": "sha256=" + "0" * 64, "no hex": "sha256=" + "g" * 64}.items():
            v.ask(f"{name} {what}", 401, body, {header: value})
        v.ask(f"{name} right and wrong header", 401, body, [(header, good), (header, "sha256=" + "0" * 64)])
        v.ask(f"{name} two right headers", 401, body, [(header, good), (header, good)])
        v.ask(f"{name} in a trailer", 401, b"%x\r\n%s\r\n0\r\n%s: %s\r\n\r\n" % (
            len(body), body, header.encode(), good.encode()), {"Transfer-Encoding": "chunked"}, length=False)
        body = v.event()
        v.ask(f"{name} chunked", 202, b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n",
              sign(KEY, body) | {"Transfer-Encoding": "chunked"}, length=False)
        v.ask(f"{name} replayed", 202, body, sign(KEY, body), passes=False)
    body = v.event()
    v.ask("not signed", 401, body, {})
    v.ask("npm right, hub wrong", 401, body, hooks.npm(KEY, body) | {"X-Hub-Signature-256": "sha256=" + "0" * 64})
    v.ask("npm right, standard wrong", 401, body, hooks.npm(KEY, body) | hooks.standard(b"x", body, "m", now))
    v.ask("npm and hub right", 202, body, hooks.npm(KEY, body) | hooks.hub(KEY, body))


def standard_webhooks(v):
    now = int(time.time())
    body = v.event()
    good = hooks.standard(KEY, body, "msg_1", now)
    v.ask("standard signed", 202, body, good)
    again = v.event()
    v.ask("its id, another body: a copy", 202, again, hooks.standard(KEY, again, "msg_1", now + 1), passes=False)
    body = v.event()
    good = hooks.standard(KEY, body, "msg_2", now)
    for missing in good:
        v.ask(f"standard without {missing}", 401, body, {name: x for name, x in good.items() if name != missing})
        v.ask(f"standard with two {missing}", 401, body, list(good.items()) + [(missing, good[missing])])
    for what, change in {
            "another id": {"webhook-id": "msg_3"}, "an empty id": {"webhook-id": ""},
            "another time": {"webhook-timestamp": str(now - 1)}, "time in ms": {"webhook-timestamp": f"{now}000"},
            "time with sign": {"webhook-timestamp": f"+{now}"}, "time no number": {"webhook-timestamp": "now"},
            "version 2": {"webhook-signature": "v2" + good["webhook-signature"][2:]},
            "version 1a": {"webhook-signature": "v1a" + good["webhook-signature"][2:]},
            "no version": {"webhook-signature": good["webhook-signature"][3:]},
            "no padding": {"webhook-signature": good["webhook-signature"].rstrip("=")},
            "other spare bits": {"webhook-signature": good["webhook-signature"][:-2] + chr(
                ord(good["webhook-signature"][-2]) + 1) + "="},
            "with a comma list": {"webhook-signature": "v1,AAAA," + good["webhook-signature"]}}.items():
        v.ask(f"standard, {what}", 401, body, good | change)
    for age in (-3600, -310, 310, 3600, now):
        body = v.event()
        v.ask(f"standard, signed {age} s ago", 401, body, hooks.standard(KEY, body, f"age{age}", now - age))
    for age in (-280, 280):
        body = v.event()
        v.ask(f"standard, signed {age} s ago", 202, body, hooks.standard(KEY, body, f"age{age}", now - age))
    body = v.event()
    good = hooks.standard(KEY, body, "msg_4", now)
    v.ask("standard, the second of two signatures", 202, body,
          good | {"webhook-signature": "v1," + "A" * 43 + "= " + good["webhook-signature"]})
    # A thousand copies at once: all hear 202, one is stored.
    body = v.event()
    v.expected.append((1, v.next))
    data = hooks.request(body, hooks.standard(KEY, body, "msg_copies", now))
    copies = [hooks.Client(v.gateway.address, 30) for _ in range(1000)]
    for client in copies:
        client.send(data)
    answers = [client.answer() for client in copies]
    for client in copies:
        client.close()
    v.judge("1,000 copies at once", [202] * 1000, [got and got[0] for got in answers])


def rfc4231(v, path):
    """Signed right is 400 here (the vectors are no JSON), signed wrong is 401."""
    vectors = [
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        (b"\xaa" * 131, b"This is a test using a larger than block-size key and a larger than block-size data. "
         b"The key needs to be hashed before being used by the HMAC algorithm.",
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ]
    path.write_bytes(b"\n".join(sorted({key for key, _, _ in vectors})) + b"\n")
    gateway = v.gateway
    v.gateway = v.check.keep(hooks.Gateway(v.broker.address, v.check.folder / "rfc.log", "--hook-secret-file", path))
    for key, data, wanted in vectors:
        assert hooks.digest(key, data).hex() == wanted
        v.ask("RFC 4231", 400, data, {"x-npm-signature": "sha256=" + wanted})
        v.ask("RFC 4231, cut to 128 bits", 401, data, {"x-npm-signature": "sha256=" + wanted[:32]})
        v.ask("RFC 4231, other data", 401, data + b".", {"x-npm-signature": "sha256=" + wanted})
    # Rotation: both, then the new one alone, within seconds and without a restart.
    for secrets, old, new in ((["old"], 202, 401), (["old", "new"], 202, 202), (["new"], 401, 202)):
        beside = path.with_suffix(".new")
        beside.write_text("\n".join(secrets) + "\n")
        os.replace(beside, path)
        time.sleep(2.5)
        for secret, want in (("old", old), ("new", new)):
            body = v.event()
            v.ask(f"secrets {secrets}, signed by {secret}", want, body, hooks.npm(secret.encode(), body))
    v.gateway.kill()
    v.gateway = v.check.keep(hooks.Gateway(v.broker.address, v.check.folder / "whsec.log", secret="whsec_" + BASE64))
    for key, want in ((bytes(range(24)), 202), (("whsec_" + BASE64).encode(), 401), (BASE64.encode(), 401)):
        body = v.event()
        v.ask("standard under whsec_", want, body, hooks.standard(key, body, f"w{len(key)}", int(time.time())))
    v.gateway.kill()
    v.gateway = gateway
    (v.check.folder / "empty").write_text("\n \n")
    for what, more, secret in (("no secret", [], None), ("an empty one", [], ""), ("a blank one", [], "  "),
                               ("an empty file", ["--hook-secret-file", v.check.folder / "empty"], None),
                               ("no file", ["--hook-secret-file", v.check.folder / "none"], None),
                               ("whsec_ and no base64", [], "whsec_?"),
                               ("one among the arguments", ["--hook-secret", "x"], None)):
        code, words = hooks.refuses_to_start("--brokers", v.broker.address, *more, secret=secret)
        v.judge(f"starts with {what}", (2, True), (code, "secret" in words))


def meaning(v):
    """What is signed and sane, but not to be had."""
    for what, want, body, more in (
            ("another topic", 403, hooks.event(1, 1, "elsewhere"), {}),
            ("no topic's name", 400, hooks.event(1, 1, "a b"), {}),
            ("dots for a topic", 400, hooks.event(1, 1, ".."), {}),
            ("an endless topic", 400, hooks.event(1, 1, "t" * 250), {}),
            ("no JSON", 400, b"{", {}), ("an array", 400, b"[]", {}), ("an empty body", 400, b"", {}),
            ("another event", 400, b'{"event":"package:star","payload":{}}', {}),
            ("no payload", 400, b'{"event":"package:publish"}', {}),
            ("a payload that is a number", 400, b'{"event":"package:publish","payload":1}', {}),
            ("two payloads", 400, b'{"event":"package:publish","payload":{},"payload":{}}', {}),
            ("two topics", 400, b'{"topic":"readings","topic":"elsewhere"}', {}),
            ("depth 10,000", 400, b'{"a":' + b"[" * 10000 + b"]" * 10000 + b"}", {}),
            ("broken UTF-8", 400, b'{"a":"\xff"}', {}),
            ("one bad line", 400, v.event() + b"\n{\n", {"kind": "application/x-ndjson"}),
            ("a line too many for JSON", 400, v.event() + b"\n" + v.event(), {}),
            ("a form", 415, v.event(), {"kind": "application/x-www-form-urlencoded"}),
            ("text", 415, v.event(), {"kind": "text/plain"}),
            ("another path", 404, v.event(), {"path": "/hooks"}),
            ("below the path", 404, v.event(), {"path": "/hook/x"}),
            ("GET", 405, b"", {"method": "GET"}), ("PUT", 405, v.event(), {"method": "PUT"}),
            ("no length", 411, b"", {"length": False}),
            ("a body of 1 MiB and one", 413, b" " * (1 << 20) + b"1", {})):
        v.ask(what, want, body, hooks.npm(KEY, body), **more)
    lines = [v.event() for _ in range(3)]
    v.expected += [(1, v.next - 2), (1, v.next - 1)]
    body = b"\r\n\n".join(lines) + b"\n"
    v.ask("three lines", 202, body, hooks.npm(KEY, body), kind="application/x-ndjson; charset=utf-8")


def framing(v):
    def post(*lines, body=b"", version="HTTP/1.1", first=None, host="Host: h\r\n"):
        head = (first or f"POST /hook {version}") + "\r\n" + host + "".join(line + "\r\n" for line in lines)
        return head.encode("latin-1") + b"\r\n" + body

    def signed(body):
        return "x-npm-signature: " + hooks.npm(KEY, body)["x-npm-signature"]

    def chunks(*parts):
        return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    body = v.event()
    s, n = signed(body), f"Content-Length: {len(body)}"
    t = "Transfer-Encoding: chunked"
    refused = [
        ("length and chunks", 400, post(s, n, t, body=chunks(body))),
        ("chunks and length", 400, post(s, t, n, body=chunks(body))),
        ("two equal lengths", 400, post(s, n, n, body=body)),
        ("two lengths", 400, post(s, n, "Content-Length: 0", body=body)),
        ("a list of lengths", 400, post(s, n + ", %d" % len(body), body=body)),
        ("length with plus", 400, post(s, f"Content-Length: +{len(body)}", body=body)),
        ("negative length", 400, post(s, "Content-Length: -1", body=body)),
        ("hexadecimal length", 400, post(s, f"Content-Length: {len(body):#x}", body=body)),
        ("empty length", 400, post(s, "Content-Length:", body=body)),
        ("two words of length", 400, post(s, n + " 1", body=body)),
        ("length past 64 bits", 400, post(s, "Content-Length: 18446744073709551617", body=body)),
        ("length past 63 bits", 400, post(s, "Content-Length: 9223372036854775808", body=body)),
        ("length of an exabyte", 413, post(s, "Content-Length: 999999999999999999", body=body)),
        ("line feed behind the request", 400, b"POST /hook HTTP/1.1\nHost: h\r\n\r\n"),
        ("line feed in the header", 400, post(s, "A: b\nC: d", n, body=body)),
        ("line feeds alone", 400, post(s, n, body=body).replace(b"\r\n", b"\n")),
        ("carriage return in a value", 400, post(s, "A: b\rc", n, body=body)),
        ("NUL in a value", 400, post(s, "A: b\0c", n, body=body)),
        ("NUL in a name", 400, post(s, "A\0: b", n, body=body)),
        ("NUL in the target", 400, post(s, n, first="POST /hook\0 HTTP/1.1", body=body)),
        ("folded by a blank", 400, post(s, "A: b\r\n c", n, body=body)),
        ("folded by a tab", 400, post(s, "A: b\r\n\tc", n, body=body)),
        ("folded length", 400, post(s, f"Content-Length:\r\n {len(body)}", body=body)),
        ("a header of 17 KiB", 431, post(s, "A: " + "b" * (17 << 10), n, body=body)),
        ("17 KiB without a line's end", 431, b"POST /hook HTTP/1.1\r\nA: " + b"b" * (17 << 10)),
        ("blank before the colon", 400, post(s, f"Content-Length : {len(body)}", body=body)),
        ("a name with a bracket", 400, post(s, "A(: b", n, body=body)),
        ("a line without a colon", 400, post(s, "nothing", n, body=body)),
        ("no host", 400, post(s, n, host="", body=body)),
        ("two hosts", 400, post(s, "Host: other", n, body=body)),
        ("HTTP/2.0", 505, post(s, n, version="HTTP/2.0", body=body)),
        ("HTTP/0.9", 400, post(s, n, first="POST /hook", body=body)),
        ("http/1.1, another protocol", 505, post(s, n, version="http/1.1", body=body)),
        ("a proxy's target", 400, post(s, n, first="POST http://h/hook HTTP/1.1", body=body)),
        ("two codings", 501, post(s, "Transfer-Encoding: gzip, chunked", body=chunks(body))),
        ("chunked twice in one", 501, post(s, "Transfer-Encoding: chunked, chunked", body=chunks(body))),
        ("chunked twice", 400, post(s, t, t, body=chunks(body))),
        ("nearly chunked", 501, post(s, "Transfer-Encoding: xchunked", body=chunks(body))),
        ("chunks in HTTP/1.0", 400, post(s, t, version="HTTP/1.0", body=chunks(body))),
        ("a negative chunk", 400, post(s, t, body=b"-5\r\nabcde\r\n0\r\n\r\n")),
        ("a chunk of no number", 400, post(s, t, body=b"x\r\nabcde\r\n0\r\n\r\n")),
        ("a chunk with 0x", 400, post(s, t, body=b"0x5\r\nabcde\r\n0\r\n\r\n")),
        ("a chunk past 64 bits", 400, post(s, t, body=b"10000000000000005\r\nabcde\r\n0\r\n\r\n")),
        ("a chunk past the limit", 413, post(s, t, body=b"7fffffffffffffff\r\nabcde\r\n0\r\n\r\n")),
        ("a chunk longer than it says", 400, post(s, t, body=b"3\r\nabcde\r\n0\r\n\r\n")),
        ("chunks by line feeds", 400, post(s, t, body=chunks(body).replace(b"\r\n", b"\n"))),
        ("an unknown expectation", 417, post(s, n, "Expect: gold", body=body)),
    ]
    for what, want, data in refused:
        v.raw(what, [want], data)
        # Behind an error nothing is believed, however right it looks.
        smuggled = v.event()
        v.raw(f"{what}, and a request behind it", [want],
              data + hooks.request(smuggled, hooks.npm(KEY, smuggled)))
    first, second = v.event(), v.event()
    v.expected += [(1, v.next - 1), (1, v.next)]
    v.raw("two at once", [202, 202], hooks.request(first, hooks.npm(KEY, first)) +
          hooks.request(second, hooks.npm(KEY, second)), closes=False)
    body = v.event()
    v.expected.append((1, v.next))
    v.raw("chunks with extension and trailer", [202], post(signed(body), t, "Content-Type: application/json",
          body=b"%x;a=b\r\n%s\r\n0\r\nX: y\r\n\r\n" % (len(body), body)), closes=False)
    body = v.event()
    v.expected.append((1, v.next))
    v.raw("an empty line before", [202], b"\r\n" + hooks.request(body, hooks.npm(KEY, body)), closes=False)


with promise.Check("B12", "gateway's verdicts", faults=160) as check:
    check.need("kcat")
    broker = check.broker()
    gateway = check.keep(hooks.Gateway(broker.address, check.folder / "gateway.log", secret=SECRET))
    v = Verdicts(check, gateway)
    v.broker = broker
    counts = {}
    for part in (signatures, standard_webhooks, lambda v: rfc4231(v, check.folder / "secrets"), meaning, framing):
        before = v.cases
        part(v)
        counts[part.__name__.strip("<>")] = v.cases - before
    check.size(f"{sum(counts.values()) - counts['framing']} signatures and bodies, {counts['framing']} framings")
    check.that(counts["signatures"] >= 120 and counts["framing"] >= 40, "too few cases")
    found, strange = hooks.stored(broker.address, "readings")
    check.note(passed=len(v.expected), refused=v.cases - len(v.expected))
    check.zero(wrong_verdicts=v.wrong, missing=len(set(v.expected) - set(found)),
               smuggled=len(set(found) - set(v.expected)), doubled=len(found) - len(set(found)), strange=len(strange))
    check.that(gateway.stop(signal.SIGTERM) == 0, "the gateway did not end with 0")
