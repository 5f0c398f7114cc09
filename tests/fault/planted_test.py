#!/usr/bin/env python3
"""`verify` names what somebody lost, doubled, swapped or altered: in a topic, in rows, in rollups.

The faults are planted by other programs (kcat, sqlite3) into copies; what must be named is worked
out here from the records' bytes, not asked of DataStorm.
"""
import contextlib
import json
import pathlib
import shutil
import sqlite3
import subprocess

import promise
import storm
from planted_names import identity, named, totals

TOTAL = storm.size(1_000_000, 10_000_000)
PARTITIONS = 4
END = b"\xff\xfenext\xfe\xff"  # what kcat puts between records; in no UTF-8 text
FAULTS = 16
PATIENCE = storm.size(200, 1_500)  # seconds for a step


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return (value >> 1) ^ -(value & 1), at


class Tweet:
    """Where the fields of a tweet in Avro lie."""

    def __init__(self, data):
        self.data = data
        self.id = data[1:37].decode()
        self.stream, self.sequence = identity(self.id)
        self.timestamp, at = varint(data, 37)
        length, self.text_at = varint(data, at)
        self.text = data[self.text_at:self.text_at + length]

    def with_byte(self, at, byte):
        return self.data[:at] + bytes([byte]) + self.data[at + 1:]


with promise.Check("B15", "planted faults", faults=FAULTS, limit=storm.size(240, 5_000)) as check:
    check.need("kcat")
    broker = check.broker()
    database = check.folder / "whole.db"
    rolled = check.folder / "rolled.db"

    def program(*arguments, expect=storm.DONE):
        done = subprocess.run([storm.PROGRAM, *map(str, arguments), "--json"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE, cwd=check.folder)
        if done.returncode != expect:
            raise AssertionError(f"{arguments[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])

    def verify(*arguments):
        return program("verify", "--run", made["run"], "--brokers", broker.address, *arguments,
                       expect=storm.GOAL_FAILED)

    for topic in ("tweets", "copy"):
        subprocess.run([storm.PROGRAM, "topic", "create", topic, "--partitions", str(PARTITIONS), "--brokers",
                        broker.address], check=True, stdout=subprocess.DEVNULL)
    made = program("produce", "--brokers", broker.address, "--topic", "tweets", "--total", TOTAL, "--rate",
                   TOTAL // 4, "--seed", check.seed)
    check.same("records", asked=TOTAL, acknowledged=made["acknowledged"])
    check.size(f"{TOTAL:,} records, {PARTITIONS} partitions; topic, rows and rollups")

    # -- a topic's copy, by kcat

    def copy_partition(partition, change):
        read = subprocess.run(["kcat", "-C", "-b", broker.address, "-t", "tweets", "-p", str(partition), "-o",
                               "beginning", "-e", "-q", "-D", END], capture_output=True, timeout=PATIENCE, check=True)
        values = read.stdout.split(END)[:-1]
        change(values)
        subprocess.run(["kcat", "-P", "-b", broker.address, "-t", "copy", "-p", str(partition), "-D", END],
                       input=END.join(values), timeout=PATIENCE, check=True)
        return len(values)

    planted = []  # what, stream, sequence, time

    def plant(values):
        """Each fault in a part of the partition of its own, so far apart that none meets another."""
        part = len(values) // 7
        at = [i * part + check.random.randrange(part // 4, part // 2) for i in range(7)]
        tweets = [Tweet(values[i]) for i in at]
        lost, doubled, swapped, text, time, garbage, other = tweets

        values[at[3]] = text.with_byte(text.text_at + len(text.text) // 2, text.text[len(text.text) // 2] ^ 1)
        planted.append(("corrupted", text))
        values[at[4]] = time.with_byte(37, time.data[37] ^ 2)
        planted.append(("corrupted", time))
        values[at[5]] = garbage.with_byte(36, ord("g"))  # no digit any more
        planted.append(("lost", garbage))
        # The id of the next but one: its own number is missing, the other's is there twice, once wrong.
        victim = Tweet(values[at[6] + 2])
        if victim.stream != other.stream:
            victim = Tweet(values[at[6] - 2])
        values[at[6]] = other.data[:1] + victim.data[1:37] + other.data[37:]
        planted.extend((("lost", other), ("doubled", victim), ("corrupted", victim)))
        following = Tweet(values[at[2] + 1])
        values[at[2]], values[at[2] + 1] = following.data, swapped.data
        planted.append(("disordered", swapped))
        values.insert(at[1] + 1, doubled.data)
        planted.append(("doubled", doubled))
        del values[at[0]]
        planted.append(("lost", lost))
        check.fault(7)

    hit = check.random.randrange(PARTITIONS)
    copied = sum(copy_partition(p, plant if p == hit else lambda values: None) for p in range(PARTITIONS))
    check.that(copied == TOTAL, f"kcat copied {copied:,} records")
    verdict = verify("--topic", "copy")
    totals(check, verdict, "topic", expected=TOTAL, lost=3, duplicated=2, corrupted=3, foreign=1)
    # The one under another's number stands before or behind its place, by where that other lies.
    check.that(verdict["disordered"] in (1, 2), f"topic: disordered {verdict['disordered']}")
    for what, tweet in planted:
        named(check, verdict, what, tweet.stream, tweet.sequence, tweet.timestamp, "topic")

    # -- rows, by sqlite3

    program("consume", "--brokers", broker.address, "--topic", "tweets", "--group", "raw", "--sink",
            f"sqlite:{database}", "--until-end")
    whole = program("verify", "--run", made["run"], "--sink", f"sqlite:{database}")
    check.that(whole["found"] == TOTAL and not whole["ranges"], "a whole store is not called whole")
    planted = []
    with contextlib.closing(sqlite3.connect(database)) as db:
        fields = "topic, partition, offset, tweetId, timestamp, text, brand, sentiment"

        def row(rowid):
            return db.execute(f"select {fields} from tweets where rowid = ?", (rowid,)).fetchone()

        part = TOTAL // 7
        at = [1 + i * part + check.random.randrange(part // 4, part // 2) for i in range(7)]
        for i in (2,):  # neighbours of one stream
            while identity(row(at[i])[3])[0] != identity(row(at[i] + 1)[3])[0]:
                at[i] += 1

        def change(what, rowid, statement, *values):
            before = row(rowid)
            done = db.execute(statement, (*values, rowid))
            if done.rowcount == 1:
                check.fault()
            planted.append((what, *identity(before[3]), before[4]))

        change("lost", at[0], "delete from tweets where rowid = ?")
        change("doubled", at[1], f"insert into tweets({fields}) select {fields} from tweets where rowid = ?")
        first, second = row(at[2]), row(at[2] + 1)
        for rowid, values in ((at[2], second), (at[2] + 1, first)):
            db.execute(f"update tweets set ({fields}) = (?, ?, ?, ?, ?, ?, ?, ?) where rowid = ?", (*values, rowid))
        check.fault()
        planted.append(("disordered", *identity(first[3]), first[4]))
        change("corrupted", at[3], "update tweets set text = substr(text, 1, 5) || '#' || substr(text, 7) where rowid = ?")
        change("corrupted", at[4], "update tweets set timestamp = timestamp + 1 where rowid = ?")
        change("corrupted", at[5], "update tweets set brand = 'SuperCoffea' where rowid = ?")
        change("lost", at[6], "update tweets set tweetId = 'g' || substr(tweetId, 2) where rowid = ?")
        db.commit()
    verdict = verify("--sink", f"sqlite:{database}")
    totals(check, verdict, "sqlite", expected=TOTAL, lost=2, duplicated=1, disordered=1, corrupted=3, foreign=1)
    for what, stream, sequence, timestamp in planted:
        named(check, verdict, what, stream, sequence, timestamp, "sqlite")
    lost = [r["why"] for r in verdict["ranges"] if r["what"] == "lost"]
    check.that(all("between topic and store" in why for why in lost), f"where it was lost: {lost}")

    # -- rollups, by sqlite3

    program("consume", "--brokers", broker.address, "--topic", "tweets", "--group", "rolled", "--sink",
            f"sqlite:{rolled}", "--store", "rollup", "--until-end")
    whole = program("verify", "--run", made["run"], "--sink", f"sqlite:{rolled}")
    check.that(whole["found"] == TOTAL and not whole["ranges"], "a whole rollup is not called whole")
    check.that(any("order and content" in words for words in whole["not_shown"]), "a rollup claims to show all")
    with contextlib.closing(sqlite3.connect(rolled)) as db:
        rows = [row for row, in db.execute("select rowid from rollups where count > 10")]
        less, more = check.random.sample(rows, 2)
        windows = {}
        for rowid, by in ((less, -3), (more, 2)):
            check.fault(db.execute("update rollups set count = count + ? where rowid = ?", (by, rowid)).rowcount)
            windows[by], = db.execute("select window from rollups where rowid = ?", (rowid,)).fetchone()
        db.commit()
        kinds = {by: db.execute("select window, brand, sentiment from rollups where rowid = ?", (rowid,)).fetchone()
                 for rowid, by in ((less, -3), (more, 2))}
    verdict = verify("--sink", f"sqlite:{rolled}")
    if kinds[-3] == kinds[2]:  # they fell on the same second and kind: one less of it
        totals(check, verdict, "rollup", lost=1, duplicated=0)
    else:
        totals(check, verdict, "rollup", lost=3, duplicated=2)
        for what, by in (("lost", -3), ("doubled", 2)):
            found = [r for r in verdict["ranges"] if r["what"] == what and r["window_s"] == windows[by] // 1000]
            check.that([r["count"] for r in found] == [abs(by)], f"rollup: {what} {found}")
