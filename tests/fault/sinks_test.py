#!/usr/bin/env python3
"""B8: a store shows every record once, whoever is killed: the consumer (20 times) and the store (10
times), with real servers. And 10,000 records of one series in one millisecond are 10,000 points.

The store is Debian's InfluxDB 1.6.7, unpacked into the cache. Points are counted by the server itself.
"""
import json
import os
import pathlib
import subprocess
import time
import urllib.parse
import urllib.request

import promise
import storm

SERVERS = pathlib.Path(__file__).resolve().parents[1] / "servers"
RECORDS = 200_000


class Influx1:
    """InfluxDB 1.6.7 with a folder of its own."""

    def __init__(self, check):
        check.need("dpkg-deb")
        self.environment = dict(os.environ, DS_STATE=str(check.folder / "stores"))
        check.stack.callback(self.ask, "stop1", quiet=True)
        if self.ask("start1", quiet=True) != 0:
            check.skip("InfluxDB 1.6 could not be fetched: " + self.said)
        settings = dict(line.removeprefix("export ").split("=", 1) for line in self.said.splitlines() if "=" in line)
        self.url = settings["INFLUX1_URL"]
        self.arguments = ["--sink", "influx1:" + self.url, "--influx-bucket", settings["INFLUX1_DB"]]
        self.database = settings["INFLUX1_DB"]

    def ask(self, what, quiet=False):
        done = subprocess.run([SERVERS / "influx/influx.sh", what], env=self.environment, text=True, timeout=180,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said = done.stdout
        if not quiet and done.returncode != 0:
            raise AssertionError(f"influx.sh {what}: {done.stdout}")
        return done.returncode

    def kill(self):
        self.ask("kill1")

    def again(self):
        self.ask("again1")

    def number(self, query):
        parameters = urllib.parse.urlencode({"db": self.database, "q": query})
        with urllib.request.urlopen(f"{self.url}/query?{parameters}", timeout=120) as reply:
            series = json.load(reply)["results"][0].get("series")
        return series[0]["values"][0][1] if series else 0

    def counts(self):
        return {"points": self.number("select count(count) from tweets"),
                "ids": self.number("select count(distinct(id)) from tweets")}


def consume(check, broker, store, topic, *more):
    log = open(check.folder / "consume.log", "ab")
    return start(check, [storm.PROGRAM, "consume", "--brokers", broker.address, "--topic", topic, "--group", topic,
                             "--data-dir", str(check.folder / "data"), "--quiet", *store.arguments, *more], log)


def start(check, arguments, log):
    process = subprocess.Popen([str(each) for each in arguments], stdout=subprocess.PIPE, stderr=log)
    check.stack.callback(process.kill)
    return process


def to_the_end(check, broker, store, topic):
    process = consume(check, broker, store, topic, "--until-end", "--json")
    said, _ = process.communicate(timeout=180)
    check.that(process.returncode == 0, f"the last consumer ended with {process.returncode}")
    return json.loads(said or b"{}")


with promise.Check("B8", "consumer and InfluxDB killed", faults=30, limit=400) as check:
    store = Influx1(check)
    broker = check.broker("--durability", "memory", "--partitions", "4")
    records = check.scaled(RECORDS)
    check.size(f"{records:,} tweets, 4 partitions, InfluxDB 1.6")
    # Paced, so that consumers follow the topic's end and are killed while little stores go on.
    storm_log = open(check.folder / "produce.log", "ab")
    producer = start(check, [storm.PROGRAM, "produce", "--brokers", broker.address, "--topic", "kills", "--total",
                             records, "--rate", "5k", "--seed", check.seed, "--quiet"], storm_log)

    process, moved, held = None, 0, 0
    for turn in range(check.scaled(30)):
        if process is None or process.poll() is not None:
            process = consume(check, broker, store, "kills")
        # Dying before anything was begun would be easy: this one has stored something first.
        until = time.monotonic() + 8
        while time.monotonic() < until and (now := store.number("select count(count) from tweets")) <= held:
            time.sleep(0.05)
        moved, held = moved + (now > held), max(now, held)
        time.sleep(check.random.uniform(0, 0.4))
        if turn % 3 == 2:
            store.kill()
            check.fault()
            time.sleep(check.random.uniform(0, 0.3))
            store.again()
        else:
            alive = process.poll() is None
            process.kill()
            process.wait()
            check.fault(alive)
    if process.poll() is None:
        process.kill()
        process.wait()
    check.that(producer.wait(timeout=180) == 0, "the producer failed")
    last = to_the_end(check, broker, store, "kills")
    check.that(moved >= check.scaled(20), f"only {moved} of the killed had stored anything")
    held = store.counts()
    check.note(records=records, killed_while_storing=moved, **held, read_by_the_last=last.get("read", 0))
    check.zero(missing=records - held["ids"], doubled=held["points"] - held["ids"],
               dead_lettered=last.get("dead_lettered", -1))

    # One series, one millisecond: a batch of one worker shares its timestamp.
    check.run(storm.PROGRAM, "produce", "--brokers", broker.address, "--topic", "instant", "--partitions", "1",
              "--total", 10_000, "--batch-size", 10_000, "--workers", 1, "--positive", 100, "--negative", 0, "--neutral", 0,
              "--quiet")
    to_the_end(check, broker, store, "instant")
    where = "where partition = 'instant/0'"
    points = store.number(f"select count(count) from tweets {where}")
    check.zero(points_missing_of_one_instant=10_000 - points)
