#!/usr/bin/env python3
"""The rooms of src/ include each other as docs/architecture.md says, and this check bites."""
import pathlib
import tempfile
import unittest

import rooms

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = rooms.read_table((ROOT / "docs/architecture.md").read_text(encoding="utf-8"))


class TheHouse(unittest.TestCase):
    def test_the_table_is_whole(self):
        self.assertEqual(set(), set().union(*TABLE.values()) - set(TABLE), "named, but without a row")
        for room, allowed in TABLE.items():
            for other in allowed - {room}:
                self.assertNotIn(room, TABLE[other], f"{room} and {other} include each other")

    def test_nothing_but_cli_includes_cli(self):
        self.assertEqual(["cli"], [room for room, allowed in TABLE.items() if "cli" in allowed])

    def test_every_folder_of_src_is_a_room(self):
        # A folder like src/kafka holds rooms only; one below a room belongs to it.
        folders = {path.parent.relative_to(ROOT / "src").as_posix()
                   for path in rooms.sources(ROOT / "src")}
        self.assertTrue(folders)
        self.assertEqual([], [f for f in sorted(folders) if not rooms.room_of(f + "/any.h", TABLE)])

    def test_every_include_is_allowed(self):
        broken = rooms.violations(ROOT / "src", TABLE)
        self.assertEqual([], broken, "\n" + "\n".join(broken))
        print(f"{len(rooms.sources(ROOT / 'src'))} files, {len(TABLE)} rooms", end=" ... ", flush=True)


class TheCheck(unittest.TestCase):
    """A wrong include planted in a tree of its own is found, an allowed one is not."""

    CASES = [
        ("upwards", "base/a.cc", '#include "net/lane.h"', "src/base/a.cc:1: base may not include net"),
        ("sideways", "kafka/wire/a.h", '#include "kafka/client/b.h"', "kafka/wire may not include kafka/client"),
        ("not passed on", "web/a.cc", '#include "sink/sink.h"', "web may not include sink"),
        ("cli", "bench/a.cc", '\n  #  include "cli/command.h"', "src/bench/a.cc:2: bench may not include cli"),
        ("a test too", "base/a_test.cc", '#include "storm/plan.h"', "base may not include storm"),
        ("below a room", "kafka/broker/handlers/0_produce.cc", '#include "sink/sink.h"', "kafka/broker may not include sink"),
        ("without its folder", "base/a.cc", '#include "b.h"', '"b.h" names no room'),
        ("a new folder", "magic/a.cc", "", "src/magic/a.cc:1: no room"),
        ("the page, elsewhere", "observe/a.cc", '#include "web_assets.h"', '"web_assets.h" names no room'),
        ("the page", "web/a.cc", '#include "web_assets.h"', None),
        ("itself", "base/a.cc", '#include "base/b.h"', None),
        ("its row", "sink/a.cc", '#include "kafka/client/b.h"\n#include <vector>', None),
        ("a comment", "base/a.cc", '// #include "net/lane.h"', None),
    ]

    def test_bites(self):
        for what, path, text, expected in self.CASES:
            with self.subTest(what), tempfile.TemporaryDirectory() as folder:
                file = pathlib.Path(folder) / path
                file.parent.mkdir(parents=True)
                file.write_text(text + "\n", encoding="utf-8")
                found = rooms.violations(pathlib.Path(folder), TABLE)
                if expected is None:
                    self.assertEqual([], found)
                else:
                    self.assertEqual(1, len(found), found)
                    self.assertIn(expected, found[0])


if __name__ == "__main__":
    unittest.main(verbosity=2)
