#!/usr/bin/env python3
"""Every command line in the documents runs: stories line by line, the others one by one.

The program stands in a network of its own where nobody else is: fixed ports are free there, and what a
line names beyond it (kafka:9092, a store's URL) is not reachable. Such a line must end with 3, never with
2: it is right as it stands. Figures that ask for minutes are made smaller, and that is all.
"""
import os
import re
import shutil
import signal
import subprocess
import time

import storm

STORIES = ("README.md", "docs/quickstart.md", "docs/commands.md")
SMALLER = [("50000000", "500000"), ("--duration 1m", "--duration 2s"), ("--runs 5", "--runs 1"),
           (" > /dev/null", "")]
# bench measures for minutes: bench's own tests run its suites at their smallest.
LONG = re.compile(r"^datastorm bench (?!--list)")


def command_lines(path):
    """(line number, command) of what a reader would type: in ```sh fences, or indented by four."""
    fenced, waiting, number = False, "", 0
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("```"):
            fenced = line == "```sh"
            continue
        if not fenced and not line.startswith("    "):
            waiting = ""
            continue
        text = (waiting + " " + line.strip()).strip()
        waiting = text[:-1] if text.endswith("\\") else ""
        if waiting:
            continue
        text = re.sub(r"\s+# .*$", "", text).removeprefix("$ ")
        if re.match(r"(\w+=\S+ )*(datastorm|sqlite3|kcat) ", text):
            yield number, text


class Documents(storm.Case):
    limit = 900

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0 or not shutil.which("unshare"):
            storm.missing(self, "a network of its own needs root and unshare")
        self.need("sqlite3")
        (self.folder / "bin").mkdir()
        (self.folder / "bin/datastorm").symlink_to(storm.PROGRAM)
        for name in ("scenarios", "examples"):
            (self.folder / name).symlink_to(storm.ROOT / name)
        # A shell that owns the network for as long as the test lives.
        self.owner = self.keep(storm.Process(["unshare", "--net", "sh", "-c", "ip link set lo up && echo there && sleep 900"],
                                             self.folder / "network.log"))
        self.owner.told("(there)")

    def shell(self, line, log):
        """The line in that network, in the story's folder."""
        for long, short in SMALLER:
            line = line.replace(long, short)
        env = dict(os.environ, PATH=f"{self.folder}/bin:{os.environ['PATH']}", HOME=str(self.folder))
        env.pop("KAFKA_BROKERS", None)
        process = subprocess.Popen(["nsenter", f"--net=/proc/{self.owner.popen.pid}/ns/net", "bash", "-c", line], cwd=self.folder,
                                   env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                   start_new_session=True)
        self.addCleanup(self.end, process, signal.SIGKILL)
        return process

    @staticmethod
    def end(process, how):
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            pass
        return process.wait(60)

    def run_line(self, where, line, limit=180):
        """Runs it to its end; what serves is asked to end once it stands."""
        path = self.folder / "line.log"
        serves = re.match(r"(\w+=\S+ )*datastorm (broker|up|serve|gateway|monitor|sensors) (?!.*--help|.*--scenario list)", line + " ")
        endless = serves or ("consume" in line and not re.search("--until-end|--total", line))
        with path.open("wb") as log:
            process = self.shell(line.removesuffix("&"), log)
            if endless:
                try:
                    code = process.wait(4)
                except subprocess.TimeoutExpired:
                    code = self.end(process, signal.SIGINT)
                    code = storm.DONE if code in (storm.INTERRUPTED, -signal.SIGINT) else code
            else:
                code = process.wait(limit)
        self.ran += 1
        said = storm.tail(path)
        self.assertNotEqual(storm.WRONG_USE, code, f"{where}: {line}\n{said}")
        return code, said

    def test_stories(self):
        """what a newcomer types, in order, each in an empty folder"""
        self.ran = 0
        for name in STORIES:
            background = []
            for number, line in command_lines(storm.ROOT / name):
                if LONG.match(line):
                    continue
                serves = line.endswith("&") or re.match(r"datastorm (broker|up|serve|gateway) (?!.*--scenario list)", line)
                if serves:
                    with (self.folder / f"{number}.log").open("wb") as log:
                        background.append(self.shell(line.removesuffix("&"), log))
                    until = time.monotonic() + 60
                    while not re.search("ready at|dashboard ", (self.folder / f"{number}.log").read_text()):
                        self.assertIsNone(background[-1].poll(), storm.tail(self.folder / f"{number}.log"))
                        self.assertLess(time.monotonic(), until, line)
                        time.sleep(0.05)
                    self.ran += 1
                    continue
                code, said = self.run_line(f"{name}:{number}", line)
                # A limit on latency may be missed on a busy machine; everything else is to be done.
                allowed = {storm.DONE, storm.GOAL_FAILED} if "p99" in line else {storm.DONE}
                self.assertIn(code, allowed, f"{name}:{number}: {line}\n{said}")
            for process in reversed(background):
                self.assertIn(self.end(process, signal.SIGINT), (storm.DONE, storm.INTERRUPTED, -signal.SIGINT))
            for each in self.folder.iterdir():  # the next one begins anew
                if each.name != "network.log" and not each.is_symlink() and each.name != "bin":
                    shutil.rmtree(each) if each.is_dir() else each.unlink()
        print(f"  {self.ran} lines of {len(STORIES)} stories", flush=True)
        self.assertGreater(self.ran, 25)

    def test_every_other_line(self):
        """no line of any document is wrong use"""
        self.ran = 0
        documents = [storm.ROOT / "CONTRIBUTING.md", *sorted((storm.ROOT / "docs").rglob("*.md"))]
        for path in documents:
            name = str(path.relative_to(storm.ROOT))
            if name in STORIES:
                continue
            for number, line in command_lines(path):
                if LONG.match(line) or not re.match(r"(\w+=\S+ )*datastorm ", line):
                    continue
                with self.subTest(f"{name}:{number}"):
                    code, said = self.run_line(f"{name}:{number}", line)
                    self.assertIn(code, (storm.DONE, storm.GOAL_FAILED, storm.UNREACHABLE, storm.INTERRUPTED),
                                  f"{name}:{number}: {line}\n{said}")
        print(f"  {self.ran} lines", flush=True)
        self.assertGreater(self.ran, 1)

    def test_examples_of_help(self):
        """the example of each command's --help is right use"""
        self.ran = 0
        commands = re.findall(r"^  (\w+) +\S", subprocess.run([storm.PROGRAM, "--help"], capture_output=True, text=True).stdout.split("Subcommands:")[1], re.M)
        for command in commands:
            text = subprocess.run([storm.PROGRAM, command, "--help"], capture_output=True, text=True).stdout
            example = text.split("Example:")[1].strip().splitlines()[0].strip().replace("HOOK_SECRET=…", "HOOK_SECRET=long-enough-for-a-test")
            # What reads a file that is not there is told so, which is wrong use.
            if LONG.match(example) or "--password-file" in example or "--from" in example or "| man" in example:
                continue
            with self.subTest(command):
                self.run_line(f"{command} --help", example)
        print(f"  {self.ran} of {len(commands)} examples", flush=True)

    def test_links(self):
        """every file that a document names by a link is there"""
        links = 0
        for path in [storm.ROOT / "README.md", storm.ROOT / "CONTRIBUTING.md", *(storm.ROOT / "docs").rglob("*.md")]:
            for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
                if not re.match(r"https?:", target):
                    links += 1
                    self.assertTrue((path.parent / target).exists(), f"{path.name} names {target}")
        print(f"  {links} links", flush=True)


if __name__ == "__main__":
    storm.main()
