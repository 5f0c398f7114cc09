"""What the interop scripts share: DataStorm, Apache Kafka and kcat as processes with time limits.

    class Mine(storm.Case):
        def test_it(self):
            broker = self.broker()                        # on a free port, stopped at the end
            account = self.run_json("produce", "--brokers", broker.address, "--total", "1000")
            self.same("records", acknowledged=account["acknowledged"], kcat=self.kcat_count(...))

    if __name__ == "__main__":
        storm.main()

DATASTORM names the program (build/release/datastorm). DATASTORM_TEST_SIZE=full is larger.
Everything lives in one temporary folder a test; whatever a test started is gone when it ends, also
after a failure, a time limit or a SIGTERM. What is missing on the machine is said aloud and skips
the test; where CI is set it fails it.
"""
import contextlib
import json
import math
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("DATASTORM", str(ROOT / "build/release/datastorm"))
KAFKA_SH = str(ROOT / "tests/servers/kafka/kafka.sh")
FULL = os.environ.get("DATASTORM_TEST_SIZE") == "full"
# Limits are there to end what hangs, and judge no speed: all of them are this many times what is
# written where they stand, since the machine may be slow and busy with other tests.
PATIENCE = float(os.environ.get("DATASTORM_TEST_PATIENCE") or 3)
# Exit codes of the program.
DONE, GOAL_FAILED, WRONG_USE, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 130


def size(usual, full):
    return full if FULL else usual


def drawn():
    """Random numbers of the printed seed; DATASTORM_SEED (make test SEED=…) repeats them."""
    seed = int(os.environ.get("DATASTORM_SEED") or random.SystemRandom().randrange(10**9))
    print(f"  SEED={seed}", flush=True)
    return random.Random(seed)


def tail(path, lines=20):
    try:
        return "\n".join(pathlib.Path(path).read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no output)"


class Process:
    """A program that runs until it is stopped; its output goes to a file, so it never blocks."""

    def __init__(self, arguments, log, env=None):
        self.arguments = [str(each) for each in arguments]
        self.log = pathlib.Path(log)
        self.log_from = self.log.stat().st_size if self.log.exists() else 0  # others wrote before
        with self.log.open("ab") as out:
            self.popen = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=subprocess.STDOUT, env=env, start_new_session=True)

    def wait_until(self, ready, limit, what):
        """Waits for ready() to be true; returns the seconds that took."""
        began, limit = time.monotonic(), limit * PATIENCE
        while not ready():
            code = self.popen.poll()
            if code is not None:
                raise AssertionError(f"{self.name} ended with {code} before {what}:\n{tail(self.log)}")
            if time.monotonic() - began > limit:
                raise AssertionError(f"{self.name}: not {what} within {limit:g} s:\n{tail(self.log)}")
            time.sleep(0.02)
        return time.monotonic() - began

    def told(self, pattern, limit=20):
        """Waits for a line of its output that begins so; returns what the group in it matched."""
        found = None

        def looked():
            nonlocal found
            with self.log.open("rb") as log:
                log.seek(self.log_from)
                found = re.search("^" + pattern, log.read().decode(errors="replace"), re.MULTILINE)
            return found
        self.wait_until(looked, limit, f"telling '{pattern}'")
        return found[1]

    @property
    def name(self):
        return " ".join([os.path.basename(self.arguments[0])] + self.arguments[1:2])

    def stop(self, how=signal.SIGINT, limit=20):
        """Signals it and returns its exit code; negative when a signal ended it."""
        if self.popen.poll() is None:
            self.popen.send_signal(how)
        try:
            return self.popen.wait(limit * PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} went on for {limit * PATIENCE:g} s after {how.name}:\n{tail(self.log)}")

    def kill(self):
        """kill -9, of it and what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        return self.popen.wait(10)


class Broker(Process):
    """`datastorm broker`, on a port that it chooses unless told one; ready when made."""

    def __init__(self, data_dir, log, *more, address="127.0.0.1:0"):
        self.data_dir = data_dir
        super().__init__([PROGRAM, "broker", "--listen", address, "--data-dir", data_dir, *more], log)
        try:
            self.address = self.told(r"broker ready at ([^\s,]+)")
        except AssertionError:
            self.kill()
            raise


class Up(Process):
    """`datastorm up` on ports that it chooses, its broker's unless told; ready when its status answers."""

    def __init__(self, data_dir, log, *more, address="127.0.0.1:0"):
        began = time.monotonic()
        super().__init__([PROGRAM, "up", "--data-dir", data_dir, "--broker-listen", address, "--dashboard",
                          "127.0.0.1:0", "--control", "127.0.0.1:0", "--no-open", *more], log)
        try:
            self.dashboard = self.told(r"dashboard +(http://\S+)$")
            self.control = self.told(r"control +(http://\S+)/status$")
            self.address = self.told(r"broker +([^\s,]+)")
            self.status()
        except (AssertionError, OSError):
            self.kill()
            raise
        self.ready_after = time.monotonic() - began

    def status(self):
        with urllib.request.urlopen(self.control + "/status", timeout=5 * PATIENCE) as answer:
            return json.load(answer)

    def get(self, path):
        """What the dashboard answers, as bytes."""
        with urllib.request.urlopen(self.dashboard + path, timeout=5 * PATIENCE) as answer:
            return answer.read()


class Kafka:
    """A cluster of Apache Kafka of its own; `at` puts a command where its network is."""

    def __init__(self, folder, *options, at=lambda command: command, **environment):
        self.env = dict(os.environ, KAFKA_RUN=str(folder), **environment)
        self.at = at
        print(self.call("start", *options, limit=180).strip().split(", in ")[0], flush=True)
        exported = self.call("env")
        self.address = exported.split("KAFKA_BOOTSTRAP=", 1)[1].splitlines()[0]

    def call(self, *arguments, limit=60):
        """kafka.sh ARGUMENTS: what it printed."""
        return checked(self.at([KAFKA_SH, *arguments]), limit, env=self.env)

    def tool(self, name, *arguments, limit=60):
        return self.call("tool", name, "--bootstrap-server", self.address, *arguments, limit=limit)

    def create_topic(self, name, partitions):
        self.call("topic", name, str(partitions), "1")

    def end_offsets(self, topic):
        """{partition: next offset}, as kafka-get-offsets has them."""
        rows = [line.rsplit(":", 2) for line in self.tool("get-offsets", "--topic", topic).split()]
        return {int(partition): int(offset) for name, partition, offset in rows if name == topic}

    def committed(self, group, topic):
        """{partition: offset} that a group has committed, as kafka-consumer-groups has them."""
        rows = (line.split() for line in self.tool("consumer-groups", "--describe", "--group", group).splitlines())
        return {int(row[2]): int(row[3]) for row in rows if len(row) > 3 and row[1] == topic and row[3].isdigit()}

    def destroy(self):
        self.call("destroy", limit=30)


def checked(arguments, limit, **more):
    """Runs a helper program that must succeed; returns its output as text."""
    if "input" not in more:
        more["stdin"] = subprocess.DEVNULL
    done = subprocess.run([str(each) for each in arguments], text=True, capture_output=True, timeout=limit * PATIENCE, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, arguments))} ended with {done.returncode}:\n"
                             f"{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout


def java(*classpath):
    """The start of a command: a program of Java's that uses Kafka's libraries, and keeps its log quiet."""
    log = pathlib.Path(KAFKA_SH).parent / "log4j2.properties"
    return ["java", "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={log}", "-Dkafka.log.level=error", "-cp",
            ":".join(map(str, classpath))]


class Case(unittest.TestCase):
    limit = 240  # seconds a test may take, below ctest's own limit so that things are tidied up

    def setUp(self):
        print(f"{self._testMethodName}: {self.shortDescription() or ''}", flush=True)
        self.need(PROGRAM, "run: make build")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="datastorm-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(signal.alarm, 0)
        signal.alarm(math.ceil(self.limit * PATIENCE))

    def need(self, program, hint="run: setup/install.sh up test"):
        if shutil.which(program) is None:
            missing(self, f"{program} is not there; {hint}")

    # -- things that run

    def keep(self, process):
        self.addCleanup(process.kill)
        return process

    def broker(self, data_dir=None, *more, **named):
        return self.keep(Broker(data_dir or self.folder / "broker", self.folder / "broker.log", *more, **named))

    def up(self, *more, data_dir=None, **named):
        return self.keep(Up(data_dir or self.folder / "up", self.folder / "up.log", *more, **named))

    def nobody(self):
        """An address that refuses every connection for as long as the test runs."""
        taken = socket.socket()
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))  # bound, so that no other test is given it; not listening
        return "127.0.0.1:%d" % taken.getsockname()[1]

    def need_kafka(self):
        for program in ("java", "mvn"):
            self.need(program)
        if subprocess.run([KAFKA_SH, "fetched"], stdout=subprocess.DEVNULL).returncode != 0:
            missing(self, "Apache Kafka has not been fetched; run: setup/install.sh up test")

    def kafka(self, *options, **named):
        self.need_kafka()
        cluster = Kafka(self.folder / "kafka", *options, **named)
        self.addCleanup(cluster.destroy)
        return cluster

    def shared_kafka(self, *options, **named):
        """One cluster for all tests of the class: each takes topics and groups of its own."""
        cls = type(self)
        if "cluster_of_all" not in cls.__dict__:
            self.need_kafka()
            folder = pathlib.Path(tempfile.mkdtemp(prefix="datastorm-test-"))
            cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
            cls.cluster_of_all = Kafka(folder / "kafka", *options, **named)
            cls.addClassCleanup(cls.cluster_of_all.destroy)
        return cls.cluster_of_all

    def run_program(self, *arguments, limit=120, expect=DONE):
        """datastorm ARGUMENTS to its end; checks the exit code."""
        done = subprocess.run([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=limit * PATIENCE, cwd=self.folder)
        self.assertEqual(expect, done.returncode, f"{done.args}\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
        return done

    def run_json(self, *arguments, **named):
        """The same with --json: the object on its last line of output, and only there."""
        lines = self.run_program(*arguments, "--json", **named).stdout.splitlines()
        self.assertEqual(1, len(lines), f"--json prints one line, here: {lines[:5]}")
        return json.loads(lines[0])

    # -- other people's view

    def kcat(self, *arguments, limit=60, stdin=None):
        self.need("kcat")
        done = subprocess.run(["kcat", *map(str, arguments)], input=stdin, capture_output=True, timeout=limit * PATIENCE,
                              **({} if stdin is not None else {"stdin": subprocess.DEVNULL}))
        self.assertEqual(0, done.returncode, f"{done.args}\n{done.stderr.decode()[-2000:]}")
        return done.stdout

    def kcat_offsets(self, address, topic, limit=120):
        """[(partition, offset)] of every record that kcat reads."""
        printed = self.kcat("-C", "-b", address, "-t", topic, "-o", "beginning", "-e", "-q",
                            "-f", "%p %o\\n", limit=limit)
        return [tuple(map(int, line.split())) for line in printed.split(b"\n") if line]

    def select(self, database, query, *values):
        """All rows, by a connection of its own that only reads."""
        for mode in ("ro", "rw"):
            try:
                with contextlib.closing(sqlite3.connect(f"file:{database}?mode={mode}", uri=True,
                                                        timeout=10)) as connection:
                    return connection.execute(query, values).fetchall()
            except sqlite3.OperationalError as error:
                # A writer that was killed may have left a journal, which has to be played back first: that takes
                # the right to write.
                if mode == "rw" or not re.search("readonly|unable to open|I/O|locking", str(error)):
                    raise

    def same(self, what, **counts):
        """All counts agree; prints them either way."""
        print(f"  {what}: " + ", ".join(f"{name} {value:,}" for name, value in counts.items()), flush=True)
        self.assertEqual(1, len(set(counts.values())), f"{what} disagree: {counts}")


def missing(case, why):
    """Skips, saying so; where CI is set, fails."""
    if os.environ.get("CI"):
        case.fail(f"{why} (CI is set, so this is a failure)")
    print(f"SKIP {case.id()}: {why}", flush=True)
    case.skipTest(why)


def _out_of_time(_signal, _frame):
    raise AssertionError("the test's time is up")


def _ended(_signal, _frame):
    raise SystemExit("ended by SIGTERM")


def main():
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.signal(signal.SIGTERM, _ended)
    print(f"size {'full' if FULL else 'usual'}", flush=True)
    program = unittest.main(exit=False, verbosity=1)
    result = program.result
    print(f"{result.testsRun} tests, {len(result.failures) + len(result.errors)} failed, "
          f"{len(result.skipped)} skipped", flush=True)
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.skipped and len(result.skipped) == result.testsRun else 0)
