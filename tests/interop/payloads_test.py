#!/usr/bin/env python3
"""Each payload in each encoding, with Confluent's frame and without: storm -> Apache Kafka -> our
pipeline, verified by identity, and read by other people's libraries (fastavro, protobuf, jsonschema,
Confluent's own deserializers) from what the store holds, and by Java's out of the topic.

A registry of the project's own answers as Confluent's does (tests/servers/registry).
"""
import collections
import json
import os
import pathlib
import subprocess
import sys
import time

import cache
import storm

HERE = pathlib.Path(__file__).resolve().parent
REGISTRY = HERE.parent / "servers/registry/registry.py"
JAVA = HERE.parent / "clients/java"
REQUIREMENTS = HERE / "payload_oracles.requirements.txt"
TOTAL = storm.size(2_000, 200_000)
JUDGED = 200  # values of each that the libraries read

ADDRESS = {"type": "record", "name": "Address", "namespace": "shop", "fields": [
    {"name": "city", "type": {"type": "string", "ds": {"options": ["Basel", "Bern"]}}}]}
ORDER = {"type": "record", "name": "Order", "namespace": "shop", "fields": [
    {"name": "id", "type": {"type": "long", "ds": {"role": "sequence"}}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "trace", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
    {"name": "code", "type": {"type": "fixed", "name": "Code", "size": 4}},
    {"name": "tags", "type": {"type": "map", "values": ["null", "double"]}},
    {"name": "parent", "type": ["null", "Order"]}]}
WITH_ADDRESS = {"type": "record", "name": "Parcel", "namespace": "shop", "fields": [
    {"name": "id", "type": {"type": "long", "ds": {"role": "sequence"}}},
    {"name": "to", "type": "shop.Address"}]}
PERSON = {"type": "object", "required": ["id", "name"], "properties": {
    "id": {"type": "integer", "ds": {"role": "sequence"}},
    "name": {"type": "string", "minLength": 2, "maxLength": 12},
    "mail": {"type": "string", "format": "email"},
    "code": {"type": "string", "pattern": "^[A-Z]{2}-\\d{3}$"},
    "age": {"type": "integer", "minimum": 0, "exclusiveMaximum": 120},
    "friends": {"type": "array", "items": {"$ref": "#"}, "maxItems": 2}}}
PROTO = """syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
message Ignored { int32 n = 1; }
message Order {
  int64 id = 1;  // ds: {"role": "sequence"}
  google.protobuf.Timestamp at = 2;
  repeated Line lines = 3;
  map<string, sint32> counts = 4;
  oneof how { string card = 5; bool cash = 6; }
  message Line { string name = 1; fixed32 amount = 2; }
}
"""
TEMPLATE = ('{"id":{{sequence}},"at":"{{timestamp iso}}","user":"u{{zipf 1.1 1000}}",'
            '"colour":"{{choice red:3 green}}","trace":"{{uuid}}"}\n')
ANY_OBJECT = {"type": "object", "required": ["id"]}


class Payloads(storm.Case):
    limit = 600

    def setUp(self):
        super().setUp()
        packages = cache.wheels(self, "payload-oracles", REQUIREMENTS)
        if str(packages) not in sys.path:
            sys.path.insert(0, str(packages))
        for name, text in (("order.avsc", ORDER), ("parcel.avsc", WITH_ADDRESS), ("address.avsc", ADDRESS),
                           ("person.json", PERSON), ("any.json", ANY_OBJECT), ("order.proto", PROTO),
                           ("order.tpl", TEMPLATE)):
            (self.folder / name).write_text(text if isinstance(text, str) else json.dumps(text))
        (self.folder / "lines.ndjson").write_text("".join(f'{{"line":{i}}}\n' for i in range(700)))

    def registry(self, *options):
        process = self.keep(storm.Process([sys.executable, REGISTRY, *options], self.folder / f"registry-{time.monotonic_ns()}.log"))
        return process.told(r"registry ready at (\S+)")

    # ---- one way through

    def through(self, address, topic, payload, *options, table="records", total=TOTAL, stages=("store", "topic")):
        """Produces, consumes and verifies; returns the store."""
        made = self.run_json("produce", "--brokers", address, "--topic", topic, "--payload", payload,
                             "--total", total, "--batch-size", 250, "--partitions", 4, "--streams", 8, *options)
        store = self.folder / f"{topic}.db"
        read = self.run_json("consume", "--brokers", address, "--topic", topic, "--group", f"g-{topic}",
                             "--sink", f"sqlite:{store}", "--until-end")
        rows = self.select(store, f"select count(*) from {table}")[0][0]
        self.same(topic, asked=total, acknowledged=made["acknowledged"], stored=read["stored"], rows=rows)
        self.assertEqual(0, read["dead_lettered"])
        for stage in stages:
            sink = ["--sink", f"sqlite:{store}"] if stage == "store" else []
            verdict = self.run_json("verify", "--brokers", address, "--topic", topic, "--run", made["run"], *sink)
            self.assertEqual([total, total, 0, 0, 0, 0, 0],
                             [verdict[k] for k in ("expected", "found", "lost", "duplicated", "disordered",
                                                   "corrupted", "foreign")], verdict)
        return store

    def values(self, store):
        """The first values of each partition as bytes, by their number in the run."""
        rows = self.select(store, "select stream, sequence, cast(value as blob) from records where sequence < 250 "
                                  "order by sequence, stream limit ?", JUDGED)
        return [(stream * 250 + sequence, value) for stream, sequence, value in rows]

    def judge(self, what, store, read, number=lambda value: value["id"]):
        """`read` takes each value; the record's number is where the schema says."""
        values = self.values(store)
        for record, value in values:
            decoded = read(value)
            if number is not None:
                self.assertEqual(record, number(decoded), decoded)
        self.same(f"{what} read by others", values=len(values), wanted=JUDGED)

    # ---- what the libraries say

    def avro_reader(self, schema):
        import io
        import fastavro
        parsed = fastavro.parse_schema(json.loads(json.dumps(schema)), {})

        def read(value):
            stream = io.BytesIO(value)
            decoded = fastavro.schemaless_reader(stream, parsed)
            self.assertEqual(b"", stream.read(), "nothing is left over")
            return decoded
        return read

    def json_reader(self, schema):
        import jsonschema
        validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())

        def read(value):
            decoded = json.loads(value)
            validator.validate(decoded)
            return decoded
        return read

    def order_files(self):
        """order.proto and what it imports, described by hand."""
        from google.protobuf import descriptor_pb2, timestamp_pb2
        file = descriptor_pb2.FileDescriptorProto(name="order.proto", package="shop", syntax="proto3",
                                                  dependency=["google/protobuf/timestamp.proto"])
        kinds = descriptor_pb2.FieldDescriptorProto

        def field(message, name, number, kind, label=kinds.LABEL_OPTIONAL, of=None, group=None):
            made = message.field.add(name=name, number=number, type=kind, label=label)
            if of:
                made.type_name = of
            if group is not None:
                made.oneof_index = group
        ignored = file.message_type.add(name="Ignored")
        field(ignored, "n", 1, kinds.TYPE_INT32)
        order = file.message_type.add(name="Order")
        line = order.nested_type.add(name="Line")
        field(line, "name", 1, kinds.TYPE_STRING)
        field(line, "amount", 2, kinds.TYPE_FIXED32)
        entry = order.nested_type.add(name="CountsEntry")
        entry.options.map_entry = True
        field(entry, "key", 1, kinds.TYPE_STRING)
        field(entry, "value", 2, kinds.TYPE_SINT32)
        order.oneof_decl.add(name="how")
        field(order, "id", 1, kinds.TYPE_INT64)
        field(order, "at", 2, kinds.TYPE_MESSAGE, of=".google.protobuf.Timestamp")
        field(order, "lines", 3, kinds.TYPE_MESSAGE, kinds.LABEL_REPEATED, ".shop.Order.Line")
        field(order, "counts", 4, kinds.TYPE_MESSAGE, kinds.LABEL_REPEATED, ".shop.Order.CountsEntry")
        field(order, "card", 5, kinds.TYPE_STRING, group=0)
        field(order, "cash", 6, kinds.TYPE_BOOL, group=0)
        files = descriptor_pb2.FileDescriptorSet()
        timestamp_pb2.DESCRIPTOR.CopyToProto(files.file.add())
        files.file.append(file)
        return files

    def order_class(self):
        """shop.Order as Python's library makes it of a descriptor."""
        from google.protobuf import descriptor_pool, message_factory
        pool = descriptor_pool.DescriptorPool()
        for each in self.order_files().file:
            pool.Add(each)
        return message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Order"))

    def confluent(self, kind, url, *more):
        """What Confluent's own client makes of a framed value."""
        from confluent_kafka.schema_registry import SchemaRegistryClient
        from confluent_kafka.serialization import MessageField, SerializationContext
        client = SchemaRegistryClient({"url": url})
        if kind == "avro":
            from confluent_kafka.schema_registry.avro import AvroDeserializer
            read = AvroDeserializer(client)
        elif kind == "json":
            from confluent_kafka.schema_registry.json_schema import JSONDeserializer
            read = JSONDeserializer(more[0], schema_registry_client=client)
        else:
            from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
            read = ProtobufDeserializer(more[0], {"use.deprecated.format": False})
        context = SerializationContext("t", MessageField.VALUE)
        return lambda value: read(value, context)

    def java_reads(self, address, url, kinds):
        """Kafka's own consumer with Apache's and Google's decoders: of each topic every record, by its number."""
        for program in ("java", "javac", "mvn"):
            self.need(program)
        sources = [JAVA / "pom.xml", JAVA / "Framed.java"]
        kafka = storm.checked([storm.KAFKA_SH, "fetched"], 30).strip()
        made = cache.made("framed-java", sources, lambda folder: cache.fetch(
            self, "Avro and Protobuf for Java",
            ["mvn", "-q", "-B", "-ntp", "-f", JAVA / "pom.xml", "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies",
             "-DincludeScope=runtime", f"-DoutputDirectory={folder}/libs"],
            ["javac", "-nowarn", "-cp", f"{kafka}/*:{folder}/libs/*", "-d", folder / "classes", JAVA / "Framed.java"]))
        descriptors = self.folder / "order.set"
        descriptors.write_bytes(self.order_files().SerializeToString())
        told = storm.checked([*storm.java(made / "classes", f"{kafka}/*", f"{made}/libs/*"), "Framed", address, url,
                              descriptors, *(f"{topic}={kind}" for topic, kind in kinds.items())], 120)
        read = collections.defaultdict(list)
        for line in told.splitlines():
            topic, number = line.split()
            read[topic].append(int(number))
        for topic in kinds:
            self.assertEqual(list(range(TOTAL)), sorted(read[topic]), topic)
            self.same(f"{topic} read by Java", records=len(read[topic]), wanted=TOTAL)

    # ---- the tests

    def test_all_of_them_through_apache_kafka(self):
        """template, Avro, JSON Schema, Protobuf, lines, noise and readings; raw and framed"""
        kafka = self.shared_kafka().address
        order = self.order_class()
        file = self.folder
        # fastavro's reader of JSON loses its way in types that contain themselves.
        flat = dict(ORDER, fields=[each for each in ORDER["fields"] if each["name"] != "parent"])
        (self.folder / "flat.avsc").write_text(json.dumps(flat))
        avro, person = self.avro_reader(ORDER), self.json_reader(PERSON)
        for topic, payload, encoding, read, number in (
                ("template", f"template:{file}/order.tpl", [], self.json_reader(ANY_OBJECT), lambda v: v["id"]),
                ("avro", f"schema:{file}/order.avsc", [], avro, lambda v: v["id"]),
                ("avro-json", f"schema:{file}/flat.avsc", ["--encoding", "json"], self.avro_json_reader(flat),
                 lambda v: v["id"]),
                ("json-schema", f"schema:{file}/person.json", [], person, lambda v: v["id"]),
                ("protobuf", f"protobuf:{file}/order.proto:Order", [], order.FromString, lambda v: v.id),
                ("protobuf-json", f"protobuf:{file}/order.proto:Order", ["--encoding", "json"],
                 self.protobuf_json_reader(order), lambda v: v.id),
                ("lines", f"file:{file}/lines.ndjson", ["--encoding", "json"], json.loads, None),
                ("noise", "random:100,40%", [], lambda v: self.assertEqual(b"x" * 40, v[:40]), None)):
            with self.subTest(topic=topic):
                self.judge(topic, self.through(kafka, topic, payload, *encoding), read, number)
        # Readings go where readings go, and are known by their identity all the same.
        for encoding in ("json", "avro"):
            self.through(kafka, f"reading-{encoding}", "reading", "--encoding", encoding, table="readings")
        url = self.registry()
        framed = ["--registry", url]
        for topic, payload, options, read, number in (
                ("framed-avro", f"schema:{file}/order.avsc", [], self.confluent("avro", url), lambda v: v["id"]),
                ("framed-references", f"schema:{file}/parcel.avsc",
                 ["--reference", f"shop.Address={file}/address.avsc"], self.confluent("avro", url),
                 lambda v: v["id"]),
                ("framed-json", f"schema:{file}/person.json", [],
                 self.confluent("json", url, json.dumps(PERSON)), lambda v: v["id"]),
                ("framed-template", f"template:{file}/order.tpl",
                 ["--encoding", "json", "--schema", f"{file}/any.json"],
                 self.confluent("json", url, json.dumps(ANY_OBJECT)), lambda v: v["id"]),
                ("framed-protobuf", f"protobuf:{file}/order.proto:Order", [],
                 self.confluent("protobuf", url, order), lambda v: v.id)):
            with self.subTest(topic=topic):
                self.judge(topic, self.through(kafka, topic, payload, *framed, *options), read, number)
        self.java_reads(kafka, url, {"framed-avro": "avro", "framed-references": "avro", "framed-json": "json",
                                     "framed-template": "json", "framed-protobuf": "protobuf"})
        for encoding in ("avro", "json", "protobuf"):
            self.through(kafka, f"tweets-{encoding}", "tweet", "--encoding", encoding, table="tweets")
            self.through(kafka, f"framed-tweets-{encoding}", "tweet", "--encoding", encoding, *framed, table="tweets")

    def avro_json_reader(self, of):
        import io
        import fastavro
        schema = fastavro.parse_schema(json.loads(json.dumps(of)), {})
        return lambda value: next(iter(fastavro.json_reader(io.StringIO(value.decode()), schema)))

    def protobuf_json_reader(self, order):
        from google.protobuf import json_format
        return lambda value: json_format.Parse(value, order())

    def test_each_payload_in_each_encoding_with_each_key(self):
        """payload x encoding x key through Apache Kafka and our pipeline: found again by identity, every one"""
        address, file, url = self.shared_kafka().address, self.folder, self.registry()
        keys = {"none": [], "uniform": ["--keys", "uniform"], "zipf": ["--keys", "zipf:1.1"], "one": ["--keys", "one"]}
        by_field = {name: ["--keys", f"field:{name}"] for name in ("id", "line", "name")}
        payloads = (  # with the field that its JSON can be keyed by
            ("template", f"template:{file}/order.tpl", {"as-is": "id"}),
            ("avro", f"schema:{file}/order.avsc", {"avro": None, "json": "id"}),
            ("json-schema", f"schema:{file}/person.json", {"json": "name"}),
            ("protobuf", f"protobuf:{file}/order.proto:Order", {"protobuf": None, "json": "id"}),
            ("lines", f"file:{file}/lines.ndjson", {"as-is": "line", "json": "line"}),
            ("noise", "random:100,40%", {"as-is": None}),
            ("reading", "reading", {"json": None, "avro": None}),
            ("tweet", "tweet", {"avro": None, "json": None, "protobuf": None}))
        combinations, table = 0, {"reading": "readings", "tweet": "tweets"}
        for name, payload, encodings in payloads:
            for encoding, field in encodings.items():
                ways = dict(keys)
                if name == "tweet":
                    ways["brand"] = ["--keys", "brand"]
                if field:
                    ways["field"] = by_field[field]
                for key, flags in ways.items():
                    framed = ["--registry", url] if (combinations % 3 == 0 and name in
                                                     ("avro", "protobuf", "tweet", "json-schema")) else []
                    as_asked = [] if encoding == "as-is" else ["--encoding", encoding]
                    with self.subTest(payload=name, encoding=encoding, key=key, framed=bool(framed)):
                        self.through(address, f"m-{name}-{encoding}-{key}", payload, *as_asked, *flags, *framed,
                                     table=table.get(name, "records"), total=500, stages=("store",))
                    combinations += 1
        print(f"  {combinations} combinations", flush=True)
        self.assertGreaterEqual(combinations, 60)

    def test_a_file_is_replayed_at_its_times(self):
        """its lines once, each not before its recorded time, kept and stretched; what has none is told with its line"""
        gaps = [0, 0, 150, 20, 400, 0, 30, 250]  # ms after the line above
        times = [1_700_000_000_000 + sum(gaps[:i + 1]) for i in range(len(gaps))]
        log = self.folder / "log.ndjson"
        log.write_text("".join(f'{{"n":{n},"at":{at}}}\n' for n, at in enumerate(times)))
        address = self.broker().address
        for topic, how, factor in (("kept", "at", 1), ("stretched", "at x0.5", 2)):
            with self.subTest(how=how):
                made = self.run_json("produce", "--brokers", address, "--topic", topic, "--payload", f"file:{log}",
                                     "--encoding", "json", "--replay", how, "--partitions", 1)
                read = self.kcat("-C", "-b", address, "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%T %s\\n")
                rows = sorted((json.loads(value)["n"], int(stamp)) for stamp, value in
                              (line.split(" ", 1) for line in read.decode().splitlines()))
                self.same(topic, lines=len(times), acknowledged=made["acknowledged"], kcat=len(rows))
                self.assertEqual(list(range(len(times))), [n for n, _ in rows])
                claims = dict(line.split("\t", 1) for line in self.kcat(
                    "-C", "-b", address, "-t", "datastorm.runs", "-e", "-q", "-f", "%k\\t%s\\n").decode().splitlines())
                began = json.loads(claims[f"run/{made['run']}"])["started_ms"]
                late = [stamp - began - factor * (at - times[0]) for (_, stamp), at in zip(rows, times)]
                print(f"  {how}: {late} ms after they were due", flush=True)  # how late is the machine's affair
                self.assertGreaterEqual(min(late), 0, "before its time")
                self.assertGreaterEqual(made["elapsed_s"], factor * sum(gaps) / 1000)
        for text, how, words in (('{"at":1}\n{"when":2}\n', "at", "log.ndjson:2: there is no field 'at'"),
                                 ('{"at":"noon"}\n', "at", "log.ndjson:1: 'noon' is no time"),
                                 ('{"at":1}\n', "at quickly", "'quickly' says neither")):
            log.write_text(text)
            told = self.run_program("produce", "--brokers", address, "--payload", f"file:{log}", "--replay", how,
                                    expect=storm.WRONG_USE).stderr
            self.assertIn(words, told)
        told = self.run_program("produce", "--replay", "at", "--rate", "5k", expect=storm.WRONG_USE).stderr
        self.assertIn("no recorded times", told)
        self.assertIn("exclude each other", told)

    def test_what_somebody_changed_is_named(self):
        """a value altered, a row taken and one doubled in the store: exit 1, one of each"""
        address = self.broker().address
        store = self.through(address, "t", f"schema:{self.folder}/order.avsc")
        import sqlite3
        with sqlite3.connect(store) as database:
            # Of three streams: where one of a second is missing, what the others say cannot be summed.
            database.execute("update records set value = x'00' where rowid = 10")
            database.execute("delete from records where rowid = ?", (3 * TOTAL // 10,))
            database.execute("insert into records select * from records where rowid = ?", (6 * TOTAL // 10,))
        verdict = self.run_json("verify", "--brokers", address, "--topic", "t", "--sink", f"sqlite:{store}",
                                expect=storm.GOAL_FAILED)
        self.assertEqual([1, 1], [verdict[k] for k in ("lost", "duplicated")], verdict)
        self.assertGreaterEqual(verdict["corrupted"], 1, verdict)

    def test_the_registry_is_asked_as_it_wants_to_be(self):
        """basic authentication, TLS, busy for a while, look-ups; and what it answers is told"""
        address = self.broker().address
        produce = ["produce", "--brokers", address, "--payload", f"schema:{self.folder}/order.avsc", "--total", 100]
        secret = dict(os.environ, SCHEMA_REGISTRY_USER="me", SCHEMA_REGISTRY_PASSWORD="pass word")

        def run(*options, expect, env=None):
            done = subprocess.run([storm.PROGRAM, *map(str, produce), *map(str, options)], capture_output=True,
                                  text=True, timeout=120, env=env, cwd=self.folder, stdin=subprocess.DEVNULL)
            self.assertEqual(expect, done.returncode, done.stderr)
            return done.stderr
        url = self.registry("--user", "me:pass word")
        self.assertIn("answered: Unauthorized (401, 401)", run("--registry", url, expect=storm.UNREACHABLE))
        self.assertNotIn("pass word", run("--registry", url, expect=storm.DONE, env=secret))
        self.assertIn("Subject 'other' not found. (404, 40401)",
                      run("--registry", url, "--subject", "other", "--schema-look-up", expect=storm.UNREACHABLE, env=secret))
        run("--registry", url, "--schema-look-up", expect=storm.DONE, env=secret)
        run("--registry", self.registry("--later", 2), expect=storm.DONE)
        self.assertIn("incompatible", run("--registry", self.registry("--refuse", "tweets-value"), expect=storm.UNREACHABLE))
        self.assertIn("cannot be reached", run("--registry", f"http://{self.nobody()}", expect=storm.UNREACHABLE))
        self.assertIn("is no URL", run("--registry", "localhost", expect=storm.WRONG_USE))
        self.assertIn("can read arguments", run("--registry-password", "x", expect=storm.WRONG_USE))
        certificate, key = self.folder / "registry.pem", self.folder / "registry.key"
        storm.checked(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                       "-nodes", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                       "-keyout", key, "-out", certificate], 60)
        secure = self.registry("--certificate", certificate, "--key", key)
        self.assertIn("certificate", run("--registry", secure, expect=storm.UNREACHABLE))
        run("--registry", secure, "--registry-ca", certificate, expect=storm.DONE)

    def test_dry_runs_show_what_is_sent(self):
        """a line a record for people, JSON for programs; the same data each time"""
        for payload, options, shown in (
                (f"template:{self.folder}/order.tpl", [], '"user":"u'),
                (f"schema:{self.folder}/order.avsc", [], '"trace":"'),
                (f"schema:{self.folder}/person.json", [], '"name":"'),
                (f"protobuf:{self.folder}/order.proto:Order", [], '"id":"0"'),
                (f"file:{self.folder}/lines.ndjson", [], '{"line":0}'),
                ("reading", [], '"producer_id":0'),
                ("random:30", [], "(30 bytes)")):
            with self.subTest(payload=payload):
                run = ["produce", "--payload", payload, "--dry-run", 3, "--run", "00000000002a", *options]
                text = self.run_program(*run).stdout.splitlines()
                self.assertEqual(3, len(text))
                self.assertIn(shown, text[0])
                lines = [json.loads(line) for line in self.run_program(*run, "--json").stdout.splitlines()]
                self.assertEqual([0, 1, 2], [line["record"] for line in lines])
                self.assertEqual({"record", "run", "stream", "sequence", "timestamp", "ds-id", "bytes", "value"},
                                 set(lines[0]) - {"key"})
                self.assertEqual("00000000002a", lines[0]["run"])

    def test_broken_files_are_explained(self):
        """exit 2, with the file and the place, all at once"""
        for name, text, payload, said in (
                ("a.tpl", "x\n{{sequense}} {{uniform 1}}", "template:{}", ("a.tpl:2:1: ", "a.tpl:2:14: ")),
                ("a.avsc", '{"type":\n int}', "schema:{}", ("a.avsc:2:2: ",)),
                ("b.avsc", '{"type":"record","name":"R","fields":[{"name":"a","type":"strin"}]}', "schema:{}",
                 ("b.avsc: fields[0].type: there is no type 'strin'",)),
                ("a.json", '{"type":"integer","minimum":2,"maximum":1}', "schema:{}", ("a.json: no whole number",)),
                ("a.proto", "syntax = \"proto3\";\nmessage M { int33 n = 1; }", "protobuf:{}:M", ("int33",)),
                ("a.desc", "no descriptors", "protobuf:{}", ("is no descriptor set",)),
                ("empty.txt", "", "file:{}", ("has no line",))):
            with self.subTest(name=name):
                (self.folder / name).write_text(text)
                done = self.run_program("produce", "--brokers", self.nobody(), "--payload",
                                        payload.format(self.folder / name), expect=storm.WRONG_USE)
                for words in said:
                    self.assertIn(words, done.stderr)


if __name__ == "__main__":
    storm.main()
