#!/usr/bin/env python3
"""A schema registry for tests: Confluent's REST interface over a dictionary.

    registry.py [--listen HOST:PORT] [--user NAME:PASSWORD] [--certificate FILE --key FILE]
                [--later N] [--refuse SUBJECT]

Prints "registry ready at URL" when it listens. --later answers the first N requests with 503 and
Retry-After: 1; --refuse answers 409 to a subject's registrations, as an incompatible schema gets it.
Ids are one for each text (with its type and references), versions count by subject; what is asked
for and not there gets the interface's own error codes.
"""
import argparse
import base64
import http.server
import json
import re
import ssl
import sys
import threading
import urllib.parse

MEDIA = "application/vnd.schemaregistry.v1+json"
TYPES = ("AVRO", "JSON", "PROTOBUF")


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.answer = status, {"error_code": code, "message": message}


class Schemas:
    """What is registered. One lock: it is for tests."""

    def __init__(self, refuse):
        self.lock = threading.Lock()
        self.refuse = refuse
        self.ids = {}        # identity -> id
        self.by_id = {}      # id -> schema
        self.subjects = {}   # subject -> list of ids, version 1 first

    def schema_in(self, body):
        kind = body.get("schemaType", "AVRO")
        text = body.get("schema")
        if kind not in TYPES or not isinstance(text, str) or not text:
            raise Refused(422, 42201, f"Invalid schema of type {kind}")
        if kind != "PROTOBUF":
            try:
                parsed = json.loads(text)
            except ValueError as wrong:
                raise Refused(422, 42201, f"Invalid schema: {wrong}") from None
            if kind == "AVRO" and isinstance(parsed, str) and not re.match(r"^[A-Za-z_.0-9]+$", parsed):
                raise Refused(422, 42201, f"Invalid schema {parsed}")
        elif not re.search(r"^\s*(syntax|message|enum|package|import)\b", text, re.MULTILINE):
            raise Refused(422, 42201, "Invalid schema: no .proto file")
        references = body.get("references") or []
        for each in references:
            versions = self.subjects.get(each.get("subject"), [])
            if not 1 <= each.get("version", 0) <= len(versions):
                raise Refused(422, 42201, f"Invalid schema: no schema reference found for {each}")
        schema = {"schema": text, "references": references}
        if kind != "AVRO":
            schema["schemaType"] = kind
        if not references:
            del schema["references"]
        return schema

    @staticmethod
    def identity(schema):
        text = schema["schema"]
        if schema.get("schemaType", "AVRO") == "AVRO":
            text = json.dumps(json.loads(text), sort_keys=True)
        return json.dumps([text, schema.get("schemaType"), schema.get("references")])

    def register(self, subject, body):
        schema = self.schema_in(body)
        if subject == self.refuse:
            raise Refused(409, 409, f"Schema being registered is incompatible with an earlier schema for subject \"{subject}\"")
        name = self.identity(schema)
        number = self.ids.setdefault(name, len(self.ids) + 1)
        self.by_id[number] = schema
        versions = self.subjects.setdefault(subject, [])
        if number not in versions:
            versions.append(number)
        return {"id": number}

    def versions_of(self, subject):
        if subject not in self.subjects:
            raise Refused(404, 40401, f"Subject '{subject}' not found.")
        return self.subjects[subject]

    def shown(self, subject, version):
        number = self.subjects[subject][version - 1]
        return {"subject": subject, "version": version, "id": number, **self.by_id[number]}

    def look_up(self, subject, body):
        versions = self.versions_of(subject)
        number = self.ids.get(self.identity(self.schema_in(body)))
        if number not in versions:
            raise Refused(404, 40403, "Schema not found")
        return self.shown(subject, versions.index(number) + 1)

    def answer(self, method, path, body):
        parts = [urllib.parse.unquote(each) for each in path.split("?")[0].strip("/").split("/")]
        match method, parts:
            case "GET", [""]:
                return {}
            case "GET", ["subjects"]:
                return sorted(self.subjects)
            case "GET", ["schemas", "types"]:
                return list(TYPES)
            case "GET", ["config"]:
                return {"compatibilityLevel": "BACKWARD"}
            case "GET", ["schemas", "ids", number]:
                if not number.isdigit() or int(number) not in self.by_id:
                    raise Refused(404, 40403, f"Schema {number} not found")
                return self.by_id[int(number)]
            case "POST", ["subjects", subject, "versions"]:
                return self.register(subject, body)
            case "POST", ["subjects", subject]:
                return self.look_up(subject, body)
            case "GET", ["subjects", subject, "versions"]:
                return list(range(1, len(self.versions_of(subject)) + 1))
            case "GET", ["subjects", subject, "versions", version]:
                count = len(self.versions_of(subject))
                number = count if version == "latest" else int(version) if version.isdigit() else 0
                if not 1 <= number <= count:
                    raise Refused(404, 40402, f"Version {version} not found.")
                return self.shown(subject, number)
        raise Refused(404, 404, "HTTP 404 Not Found")


def handler_of(options, schemas):
    expected = "Basic " + base64.b64encode((options.user or "").encode()).decode()
    left = {"later": options.later}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self, status, answer, **headers):
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", MEDIA)
            self.send_header("Content-Length", str(len(data)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(data)

        def serve(self):
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if options.user and self.headers.get("Authorization") != expected:
                return self.reply(401, {"error_code": 401, "message": "Unauthorized"}, WWW_Authenticate="Basic")
            with schemas.lock:
                if left["later"] > 0:
                    left["later"] -= 1
                    return self.reply(503, {"error_code": 50301, "message": "starting up"}, Retry_After="1")
                try:
                    if data and self.headers.get("Content-Type", "").split(";")[0] not in (MEDIA, "application/json"):
                        raise Refused(415, 415, "HTTP 415 Unsupported Media Type")
                    try:
                        body = json.loads(data) if data else {}
                    except ValueError:
                        raise Refused(400, 400, "Unable to process JSON") from None
                    return self.reply(200, schemas.answer(self.command, self.path, body))
                except Refused as refused:
                    return self.reply(refused.status, refused.answer)

        do_GET = do_POST = serve

        def log_message(self, *_):
            pass

    return Handler


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--user")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--later", type=int, default=0)
    parser.add_argument("--refuse")
    options = parser.parse_args()
    host, _, port = options.listen.rpartition(":")
    server = http.server.ThreadingHTTPServer((host, int(port)), handler_of(options, Schemas(options.refuse)))
    scheme = "http"
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    print(f"registry ready at {scheme}://{host}:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
