#!/usr/bin/env python3
"""B3: a torn tail is cut, rot below what was synced is refused; nothing wrong is ever served.

A segment and its marks are written by kafka_log.py; every bit is flipped, every length of the last
three batches is tried. What must come of each is worked out by kafka_log.walk() and the two rules
of docs/formats/log.md: trusted is the end when the machine has not been booted since, else what was
synced; what is wrong below that is refused, above it is cut.
"""
import kafka_log
import promise

SIZE, HERE, OTHER = 8192, 1, 2


def segment(random):
    """Batches of random sizes that fill 8 KiB exactly; where each ends, as (bytes, offset)."""
    content, ends, offset = b"", [(0, 0)], 0
    while len(content) < SIZE:
        left = SIZE - len(content)
        values = [random.randbytes(random.randrange(0, 200)) for _ in range(random.randrange(1, 6))]
        made = kafka_log.batch(values, offset, producer=(9, 0, offset))
        if left < 800:  # the last one takes what is left
            values = [b""]
            while len(made := kafka_log.batch(values, offset, producer=(9, 0, offset))) < left:
                values[0] += random.randbytes(1)
        content, offset = content + made, offset + len(values)
        ends.append((len(content), offset))
    return content, ends




with promise.Check("B3", "bit rot and torn tails", faults=65_536 + 544 + 1_000, limit=150) as check:
    content, ends = segment(check.random)
    while len(content) != SIZE:
        content, ends = segment(check.random)
    end_offset = ends[-1][1]
    middle = ends[len(ends) // 2][1]  # synced up to here
    boot = bytes([HERE]) + bytes(15)
    for name, data in (("segment", content), ("marks", kafka_log.marks(SIZE, end_offset, middle, boot))):
        (check.folder / name).write_bytes(data)

    cases, wants = [], []

    def case(what, number, boot_now, repair, want):
        cases.append(f"{what} {number} {boot_now} {'repair' if repair else '-'}")
        wants.append(want)

    three = ends[-4][0]
    flips = range(0, SIZE * 8) if check.scale >= 1 else check.random.sample(range(SIZE * 8), check.scaled(SIZE * 8))
    for bit in flips:
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        good, offset, wrong = kafka_log.walk(changed, 0)
        check.that(wrong, f"the reader found nothing wrong in bit {bit}")
        for now, trusted in ((HERE, end_offset), (OTHER, middle)):
            case("flip", bit, now, False, ("refused", 0, 0) if offset < trusted else ("served", offset, good))
        if bit % 16 == 0:
            case("flip", bit, HERE, True, ("served", offset, good))
    for length in range(three, SIZE):
        good, offset, _ = kafka_log.walk(content[:length], 0)
        case("length", length, HERE, False, ("refused", 0, 0))
        case("length", length, OTHER, False, ("served", offset, good))
    for bit in range(68 * 8):  # damaged marks are as none: what the segment shows is what there is
        case("marks", bit, HERE, False, ("served", end_offset, SIZE))

    printed = check.run(promise.BUILD / "fault_recovery", check.folder / "segment", check.folder / "marks",
                        input="\n".join(cases) + "\n", limit=100).splitlines()
    check.same("cases", asked=len(cases), answered=len(printed))
    refused = served_wrong = dropped = differ = silent = 0
    for asked, (verdict, offset, size), line in zip(cases, wants, printed):
        got = line.split()
        refused += got[0] == "refused"
        if got[0] == "served":
            served_wrong += got[3] != "same"
            length = int(asked.split()[1]) if asked.startswith("length") else SIZE
            silent += int(got[2]) < length and got[4] == "0"
        elif got[1] != "1":
            differ += 1
        if got[0] != verdict or (verdict == "served" and (int(got[1]), int(got[2])) != (offset, size)):
            differ += 1
            dropped += verdict == "refused"
            if differ <= 10:
                print(f"  {asked}: expected {verdict} {offset} {size}, got {line}", flush=True)
    check.fault(len(flips) + (SIZE - three) + 68 * 8)
    check.row["faults_stated"] = check.scaled(SIZE * 8) + (SIZE - three) + 68 * 8
    check.size(f"{len(flips):,} flips, {SIZE - three:,} lengths, 544 flips of the marks; {len(ends) - 1} batches")
    check.note(refused=refused)
    check.zero(served_wrong=served_wrong, silently_dropped=dropped, cut_without_a_word=silent,
               other_than_the_reader=differ)
