"""How the planted-fault checks look at a verdict."""


def identity(tweet_id):
    """(stream, sequence) of a tweetId: rrrrrrrr-rrrr-8sss-Vsss-nnnnnnnnnnnn, V is 10ss in bits."""
    run, run2, s1, s2, sequence = tweet_id.split("-")
    return (int(s1[1:], 16) << 14) | ((int(s2[0], 16) & 3) << 12) | int(s2[1:], 16), int(sequence, 16)


def named(check, verdict, what, stream, first, window_ms, stage, count=1):
    """The verdict has this very finding."""
    found = [r for r in verdict["ranges"] if (r["what"], r["stream"], r["first"]) == (what, stream, first)]
    check.that(len(found) == 1, f"{stage}: {what} stream {stream} record {first} is named {len(found)} times")
    for r in found:
        check.that(r["count"] == count, f"{stage}: {what} counts {r['count']}")
        check.that(r["stage"].startswith(stage), f"{stage}: {what} is said to be in {r['stage']}")
        check.that(r["window_s"] == window_ms // 1000,
                   f"{stage}: {what} lies in second {r['window_s']}, not {window_ms // 1000}")


def totals(check, verdict, stage, **expected):
    for name, count in expected.items():
        check.that(verdict[name] == count, f"{stage}: {name} {verdict[name]:,}, planted {count:,}")
