"""Real stores for the checks: InfluxDB 1.6 and 2.7, and a server that speaks MongoDB's protocol, each with a folder
of its own, gone when the check ends. Counts are the server's own.

    for store in stores.every(check):            # those that this machine has; what is missing is said
        run([…, "--sink", store.sink, *stores.BUCKET], env=stores.environment([store]))
        points, ids = store.counts()

Where CI is set a store that is missing is a failure.
"""
import contextlib
import csv
import io
import json
import os
import pathlib
import subprocess
import time
import types
import urllib.error
import urllib.parse
import urllib.request

SERVERS = pathlib.Path(__file__).resolve().parents[1] / "servers"
BUCKET = ["--influx-bucket", "events"]


class Missing(Exception):
    pass


def of_case(case, kind, missing):
    """A store for one unittest case, gone when it ends; `missing` is told why there is none."""
    stack = contextlib.ExitStack()
    case.addCleanup(stack.close)
    try:
        return kind(types.SimpleNamespace(folder=case.folder, stack=stack))
    except Missing as why:
        return missing(case, str(why))


class Store:
    """A server of one of tests/servers/*.sh."""
    script, which = "", ""

    def __init__(self, check):
        self.environment = dict(os.environ, DS_STATE=str(check.folder / ("stores-" + self.name)))
        check.stack.callback(self.ask, "stop", quiet=True)
        if self.ask("start", *self.start_with, quiet=True) != 0:
            raise Missing(f"{self.name} could not be started: {self.said.strip().splitlines()[-1]}")
        self.settings = dict(line.removeprefix("export ").split("=", 1) for line in self.said.splitlines() if "=" in line)
        self.ready()

    start_with = ()

    def ask(self, what, *more, quiet=False):
        done = subprocess.run([SERVERS / self.script, what + self.which, *more], env=self.environment, text=True, timeout=900,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said = done.stdout
        if not quiet and done.returncode != 0:
            raise AssertionError(f"{self.script} {what}: {done.stdout}")
        return done.returncode

    def kill(self):
        self.ask("kill")

    def again(self):
        self.ask("again")

    def signal(self, which):
        """To the server itself: SIGSTOP, SIGCONT."""
        folder = pathlib.Path(self.environment["DS_STATE"]) / self.script.split("/")[0]
        os.kill(int(pathlib.Path(str(folder) + self.which, "pid").read_text()), which)


class Influx(Store):
    script = "influx/influx.sh"
    headers = {}
    ends = None  # the first record's time and the last one's

    def post(self, path, body, **headers):
        request = urllib.request.Request(self.url + path, body.encode() if body is not None else None,
                                         self.headers | headers)
        with urllib.request.urlopen(request, timeout=120) as reply:
            return reply.read().decode()

    def rows(self, query, bucket="events"):
        """InfluxQL, which both answer; the cells behind name and tags, as texts."""
        parameters = urllib.parse.urlencode({"db": bucket, "q": query, "epoch": "ns"})
        said = self.post("/query?" + parameters, None, Accept="application/csv")
        return [row[2:] for row in list(csv.reader(io.StringIO(said, newline="")))[1:]]

    def number(self, query):
        rows = self.rows(query)
        return int(rows[0][1]) if rows else 0

    def points(self):
        try:
            return self.number('select count("count") from tweets')
        except (OSError, urllib.error.URLError):
            return 0

    def rolled_up(self):
        return self.number('select sum("count") from tweets')

    def counts(self, where=""):
        return (self.number(f'select count("count") from tweets {where}'),
                self.number(f'select count(distinct("id")) from tweets {where}'))

    @staticmethod
    def where(partition):
        return f"where partition = '{partition}'"

    def odd(self):
        return [(row[1], row[2], row[3]) for row in self.rows('select "id", "text", "brand" from tweets where "id" =~ /^odd-/')]

    # -- planting: a record is (partition tag, time in ns, id, text, brand, sentiment, count)

    def records(self, bucket="events", more=""):
        said = self.rows(f'select "id", "text", "brand", "sentiment", "partition", "count" from tweets {more}', bucket)
        return [(row[5], int(row[0]), *row[1:5], row[6]) for row in said]

    def some(self, share, _partitions):
        """A few that lie so far into all there are, 0 to 1; time counts."""
        if not self.ends:
            self.ends = [int(self.rows(f'select {which}("count") from tweets')[0][0]) for which in ("first", "last")]
        first, last = self.ends
        return self.records(more=f"where time >= {first + int(share * (last - first))} limit 20")

    def write(self, record, bucket="events"):
        partition, when, identity, text, brand, sentiment, count = record
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        fields = f'text="{escaped}",id="{identity}",' if identity else ""
        self.post(self.write_path.replace("events", bucket),
                  f"tweets,brand={brand},partition={partition},sentiment={sentiment} {fields}count={count}i {when}")

    @staticmethod
    def ms(record):
        return record[1] // 1_000_000

    def lose(self, record):
        self.delete(record[0], record[1])

    def double(self, record):
        self.write(record[:1] + (record[1] // 1_000_000 * 1_000_000 + 999_999,) + record[2:])

    def alter_text(self, record):
        self.write(record[:3] + (record[3][:4] + "#" + record[3][5:],) + record[4:])

    def alter_time(self, record):
        self.lose(record)
        self.write(record[:1] + (record[1] + 1_000_000,) + record[2:])

    def alter_brand(self, record):
        self.lose(record)
        self.write(record[:4] + ("SuperCoffea",) + record[5:])

    swap = None  # no order is kept

    def rollups(self):
        return self.records("rollups")

    def change_count(self, record, by):
        self.write(record[:6] + (int(record[6]) + by,), "rollups")
        return int(record[6]), record[4:6] + (record[1] // 1_000_000_000,)


class Influx1(Influx):
    name, which = "influx_1.6", "1"
    write_path = "/write?db=events&precision=ns"

    def ready(self):
        self.url = self.settings["INFLUX1_URL"]
        self.sink = "influx1:" + self.url
        self.secrets = {}
        self.create("events")

    def create(self, bucket):
        self.post("/query?" + urllib.parse.urlencode({"q": "create database " + bucket}), "")

    def delete(self, partition, when):
        said = self.post("/query?" + urllib.parse.urlencode(
            {"db": "events", "q": f"delete from tweets where \"partition\" = '{partition}' and time = {when}"}), "")
        assert "error" not in said, said

    def rollup_sink(self):
        self.create("rollups")
        return [self.sink, "--influx-bucket", "rollups"]


class Influx2(Influx):
    name, which = "influx_2.7", "2"
    write_path = "/api/v2/write?org=datastorm&bucket=events&precision=ns"

    def ready(self):
        self.url = self.settings["INFLUX2_URL"]
        self.sink = "influx:" + self.url
        self.secrets = {"INFLUX_TOKEN": self.settings["INFLUX2_TOKEN"], "INFLUX_ORG": self.settings["INFLUX2_ORG"]}
        self.headers = {"Authorization": "Token " + self.settings["INFLUX2_TOKEN"]}

    def create(self, bucket):
        organisation = json.loads(self.post("/api/v2/orgs", None))["orgs"][0]["id"]
        self.post("/api/v2/buckets", json.dumps({"orgID": organisation, "name": bucket, "retentionRules": []}))

    def delete(self, partition, when):
        instant = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when // 10**9)) + f".{when % 10**9:09}Z"
        self.post("/api/v2/delete?org=datastorm&bucket=events", json.dumps(
            {"start": instant, "stop": instant, "predicate": f'_measurement="tweets" AND partition="{partition}"'}),
                  **{"Content-Type": "application/json"})

    def rollup_sink(self):
        self.create("rollups")
        return [self.sink, "--influx-bucket", "rollups"]

    def flux(self, question):
        """The rows of an answer, as dictionaries."""
        said = self.post("/api/v2/query?org=datastorm", question, **{"Content-Type": "application/vnd.flux",
                                                                     "Accept": "application/csv"})
        return list(csv.DictReader(io.StringIO(said, newline="")))


class Mongo(Store):
    """Not MongoDB itself, but its protocol, unique _ids and error codes. It is asked by mongo_tool, which is libmongoc alone."""
    name, script = "mongo", "mongo/mongo.sh"
    start_with = ("journal",)
    all = 0

    def ready(self):
        self.sink = "mongo:" + self.settings["MONGO_URI"] + "/brandpulse"
        self.secrets = {}

    def tell(self, what, *more, url=None, said=None):
        tool = pathlib.Path(os.environ.get("DATASTORM", "build/release/datastorm")).resolve().parent / "mongo_tool"
        done = subprocess.run([tool, url or self.sink.removeprefix("mongo:"), what, *map(str, more)], text=True,
                              timeout=600, input=said, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise AssertionError(f"mongo_tool {what}: {done.stderr}")
        return done.stdout

    def points(self):
        try:
            return int(self.tell("count", "tweets"))
        except AssertionError:
            return 0

    def rolled_up(self):
        return sum(each["count"] for each in self.documents("rollups"))

    def documents(self, collection="tweets", where="{}"):
        return [json.loads(line) for line in self.tell("dump", collection, where).splitlines()]

    @staticmethod
    def where(partition):
        topic, number = partition.rsplit("/", 1)
        return json.dumps({"topic": topic, "partition": int(number)})

    def counts(self, where="{}"):
        documents = self.documents(where=where)
        return len(documents), len({each["data"]["tweetId"] for each in documents})

    def odd(self):
        return [(each["data"]["tweetId"], each["data"]["text"], each["data"]["brand"]) for each in self.documents()
                if each["data"]["tweetId"].startswith("odd-")]


    # -- planting: a record is its document

    def some(self, share, partitions):
        """A few neighbours in each partition that lie so far into all there are, 0 to 1; their places count."""
        self.all = self.all or self.points()
        first = int(share * self.all / partitions)
        found = self.documents(where=json.dumps({"offset": {"$gte": first, "$lt": first + 20}}))
        return sorted(found, key=lambda each: (each["topic"], each["partition"], each["offset"]))

    @staticmethod
    def ms(record):
        return record["data"]["timestamp"]

    def update(self, record, changes, collection="tweets", url=None):
        touched = self.tell("update", collection, json.dumps({"_id": record["_id"]}), json.dumps(changes), url=url)
        assert touched.strip() == "1", touched

    def lose(self, record):
        assert self.tell("delete", "tweets", json.dumps({"_id": record["_id"]})).strip() == "1"

    def double(self, record):
        self.tell("insert", "tweets", said=json.dumps(record | {"_id": record["_id"] + "/again"}) + "\n")

    def alter_text(self, record):
        text = record["data"]["text"]
        self.update(record, {"$set": {"data.text": text[:4] + "#" + text[5:]}})

    def alter_time(self, record):
        self.update(record, {"$set": {"data.timestamp": record["data"]["timestamp"] + 1}})

    def alter_brand(self, record):
        self.update(record, {"$set": {"data.brand": "SuperCoffea"}})

    def swap(self, one, other):
        self.update(one, {"$set": {"offset": other["offset"]}})
        self.update(other, {"$set": {"offset": one["offset"]}})

    def rollup_sink(self):
        self.rolled = self.sink.removeprefix("mongo:").replace("/brandpulse", "/rolled")
        return ["mongo:" + self.rolled]

    def rollups(self):
        return [json.loads(line) for line in self.tell("dump", "rollups", url=self.rolled).splitlines()]

    def change_count(self, record, by):
        self.update(record, {"$set": {"count": record["count"] + by}}, "rollups", self.rolled)
        return record["count"], (record["brand"], record["sentiment"], record["timestamp"] // 1000)


def id_of(record):
    return record[2] if isinstance(record, tuple) else record["data"]["tweetId"]


def every(check, kinds=(Influx1, Influx2, Mongo)):
    there = []
    for kind in kinds:
        try:
            there.append(kind(check))
        except Missing as why:
            if os.environ.get("CI"):
                raise AssertionError(f"{why} (CI is set, so this is a failure)") from why
            print(f"  SKIP {kind.name}: {why}", flush=True)
    return there


def environment(stores):
    """Secrets go by the environment."""
    env = dict(os.environ)
    for store in stores:
        env.update(store.secrets)
    return env


def run(arguments, stores, **named):
    return subprocess.run([str(each) for each in arguments], env=environment(stores), timeout=600, **named).returncode
