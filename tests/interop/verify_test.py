#!/usr/bin/env python3
"""`datastorm verify` is quiet about what is whole, and names what somebody took, doubled or changed."""
import contextlib
import sqlite3

import storm

TOTAL = storm.size(100_000, 1_000_000)


class Verify(storm.Case):
    def setUp(self):
        super().setUp()
        self.address = self.broker().address
        self.whole = self.folder / "whole.db"
        self.account = self.run_json("produce", "--brokers", self.address, "--topic", "tweets", "--total", TOTAL)
        self.run_json("consume", "--brokers", self.address, "--topic", "tweets", "--group", "g",
                      "--sink", f"sqlite:{self.whole}", "--until-end")

    def verify(self, database, expect):
        return self.run_json("verify", "--run", "latest", "--brokers", self.address, "--topic", "tweets",
                             "--sink", f"sqlite:{database}", expect=expect)

    def damaged(self, name, *statements):
        """A copy with something done to it; how many rows that touched is checked by the caller."""
        database = self.folder / f"{name}.db"
        with contextlib.closing(sqlite3.connect(self.whole)) as source, \
                contextlib.closing(sqlite3.connect(database)) as copy:
            source.backup(copy)
            touched = sum(copy.execute(statement).rowcount for statement in statements)
            copy.commit()
        return database, touched

    def test_what_is_whole_passes(self):
        """nothing touched: exit 0, nothing found"""
        verdict = self.verify(self.whole, storm.DONE)
        self.same("whole", asked=TOTAL, expected=verdict["expected"], found=verdict["found"])
        self.assertEqual(self.account["run"], verdict["run"])
        self.assertEqual([0, 0, 0, 0], [verdict[k] for k in ("lost", "duplicated", "disordered", "corrupted")])
        self.assertEqual([], verdict["ranges"])

    # The rows that the cases touch: three that follow one another in the order of the records of
    # one partition, in the middle, and so of one stream.
    MIDDLE = ("partition = (select min(partition) from tweets) and offset between "
              "(select max(offset) / 2 from tweets where partition = (select min(partition) from tweets)) and "
              "(select max(offset) / 2 from tweets where partition = (select min(partition) from tweets)) + 2")

    def test_what_is_missing_is_named(self):
        """rows deleted by hand: exit 1, how many, and which"""
        for rows in (1, 3):
            with self.subTest(rows=rows):
                database, touched = self.damaged(
                    f"deleted-{rows}",
                    f"delete from tweets where rowid in (select rowid from tweets where {self.MIDDLE} limit {rows})")
                self.assertEqual(rows, touched)
                verdict = self.verify(database, storm.GOAL_FAILED)
                self.same("deleted", rows=rows, lost=verdict["lost"], short=verdict["expected"] - verdict["found"],
                          in_ranges=covered(verdict, "lost"))
                self.assertEqual(0, verdict["duplicated"])

    def test_what_is_doubled_is_named(self):
        """a row inserted a second time: exit 1, one duplicate, nothing lost"""
        database, touched = self.damaged(
            "doubled", f"insert into tweets select * from tweets where {self.MIDDLE} limit 1")
        self.assertEqual(1, touched)
        verdict = self.verify(database, storm.GOAL_FAILED)
        self.same("doubled", rows=1, duplicated=verdict["duplicated"], in_ranges=covered(verdict, "doubled"))
        self.assertEqual(0, verdict["lost"])

    def test_a_swap_is_not_a_balance(self):
        """one row taken and another doubled: the count is right, the verdict is not"""
        database, touched = self.damaged(
            "swapped",
            f"insert into tweets select * from tweets where {self.MIDDLE} limit 1",
            "delete from tweets where rowid = (select min(rowid) from tweets)")
        self.assertEqual(2, touched)
        verdict = self.verify(database, storm.GOAL_FAILED)
        self.assertEqual([1, 1], [verdict["lost"], verdict["duplicated"]])

    def test_it_tells_people_too(self):
        """without --json the sentence has the number and the range"""
        database, _ = self.damaged("told", f"delete from tweets where rowid in (select rowid from tweets where {self.MIDDLE} limit 1)")
        done = self.run_program("verify", "--brokers", self.address, "--topic", "tweets",
                                "--sink", f"sqlite:{database}", expect=storm.GOAL_FAILED)
        self.assertRegex(done.stdout + done.stderr, r"(?i)lost[^\n]*\b1\b|\b1\b[^\n]*(lost|missing)")


def covered(verdict, what):
    return sum(r["last"] - r["first"] + 1 for r in verdict["ranges"] if r["what"] == what)


if __name__ == "__main__":
    storm.main()
