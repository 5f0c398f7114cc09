"""Who may include whom: reads the table in docs/architecture.md and holds src/ to it.

A room is a folder named in the table's first column. A file belongs to the deepest room above it,
so src/kafka/wire/messages/12_heartbeat.h lies in kafka/wire. It may include files of its own room
and of the rooms in its row, exactly: what those may include is not passed on. One header comes from
beside src/: the embedded page, for `web` alone.
"""
import pathlib
import re

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
ROW = re.compile(r"^\| `([a-z/]+)` \|.*\|([^|]*)\|$")

FROM_OUTSIDE = {"web_assets.h": "web", "report_assets.h": "report"}


def read_table(document):
    """{room: set of rooms it may include} from the document's text."""
    table = {}
    for line in document.splitlines():
        if row := ROW.match(line):
            allowed = {name.strip() for name in row[2].split(",")} - {""}
            table[row[1]] = allowed | {row[1]}
    return table


def room_of(path, table):
    """The deepest room that holds a path relative to src/, or None."""
    folders = pathlib.PurePosixPath(path).parent.parts
    for depth in range(len(folders), 0, -1):
        if (room := "/".join(folders[:depth])) in table:
            return room
    return None


def sources(src):
    return sorted(p for p in src.rglob("*") if p.suffix in (".h", ".cc", ".inc"))


def violations(src, table):
    """One sentence, file:line first, for each include that the table does not allow."""
    found = []
    for path in sources(src):
        here = path.relative_to(src)
        room = room_of(here.as_posix(), table)
        if room is None:
            found.append(f"src/{here}:1: no room of docs/architecture.md's table holds it")
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not (include := INCLUDE.match(line)):
                continue
            if FROM_OUTSIDE.get(include[1]) == room:
                continue
            target = room_of(include[1], table)
            if target is None:
                found.append(f'src/{here}:{number}: "{include[1]}" names no room; '
                             "write the path below src/")
            elif target not in table[room]:
                allowed = ", ".join(sorted(table[room] - {room})) or "nothing else"
                found.append(f"src/{here}:{number}: {room} may not include {target} "
                             f"(it may: {allowed})")
    return found
