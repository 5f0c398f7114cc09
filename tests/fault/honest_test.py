#!/usr/bin/env python3
"""The numbers are honest: latency counts from when a record was due, nothing is called acknowledged
that nobody acknowledged, and clocks that differ are told, not smoothed over.

    honest_test.py freeze|counts|clock [--seed N] [--scale N]
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import promise
import storm

which = sys.argv.pop(1)

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#include <unistd.h>
#include <stdlib.h>
/* The wall clock is three seconds behind from the moment on that a file is there. */
int clock_gettime(clockid_t id, struct timespec *to) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(id, to);
  if (id == CLOCK_REALTIME && access(getenv("STEP_FILE"), F_OK) == 0) to->tv_sec -= 3;
  return result;
}
"""


class Running:
    """datastorm ARGUMENTS --json in the background."""

    def __init__(self, check, *arguments, env=None):
        self.errors = check.folder / f"{arguments[0]}.err"
        self.popen = subprocess.Popen([storm.PROGRAM, *map(str, arguments), "--json"], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=self.errors.open("wb"), text=True,
                                      cwd=check.folder, env=env)
        check.stack.callback(self.end)

    def end(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()

    def account(self, limit=60):
        out, _ = self.popen.communicate(timeout=limit)
        return json.loads(out.splitlines()[-1])


def kcat_count(broker, topic):
    out = subprocess.run(["kcat", "-C", "-b", broker.address, "-t", topic, "-o", "beginning", "-e", "-q", "-f", "."],
                         capture_output=True, timeout=120, check=True).stdout
    return len(out)


def freeze(check):
    """Open loop for 30 s, the broker frozen for 5 of them at a moment of its own."""
    rate, seconds, frozen = 20_000, 30, 5
    check.size(f"{rate * seconds:,} records at {rate:,}/s, {frozen} s frozen")
    broker = check.broker()
    run = Running(check, "produce", "--brokers", broker.address, "--topic", "t", "--rate", rate, "--duration",
                  f"{seconds}s", "--batch-size", 500)
    time.sleep(check.random.uniform(5, 18))
    broker.popen.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    time.sleep(frozen)
    broker.popen.send_signal(signal.SIGCONT)
    stood = time.monotonic() - began
    check.fault()
    account = run.account()
    latency = account["latency_us"]
    check.same("samples", samples=latency["samples"], scheduled=account["scheduled"], schedule=rate * seconds,
               acknowledged=account["acknowledged"])
    check.note(p90_ms=int(latency["p90"] / 1000), p99_ms=int(latency["p99"] / 1000))
    check.that(latency["p99"] >= 4.5e6, f"p99 is {latency['p99'] / 1e6:.2f} s after {stood:.2f} s of silence")
    check.that(latency["p90"] >= 1.8e6, f"p90 is {latency['p90'] / 1e6:.2f} s")


def counts(check):
    """A black hole, a broker that dies, and one who counts apart."""
    check.need("kcat")
    data = check.folder / "broker"
    broker = check.broker(data_dir=data)

    # Frozen, then dead: what lay in the kernel's buffers was written, and nobody had it.
    run = Running(check, "produce", "--brokers", broker.address, "--topic", "hole", "--rate", "100k", "--duration",
                  "3s", "--acks", 0)
    time.sleep(1 + check.random.random())
    broker.popen.send_signal(signal.SIGSTOP)
    run_pid = run.popen.pid
    deadline = time.monotonic() + 30
    while run.popen.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
        if time.monotonic() > deadline - 24:  # it has ended its storm and asks in vain
            break
    broker.kill()
    check.fault()
    broker = check.broker(data_dir=data, address=broker.address)
    hole = run.account()
    stored = kcat_count(broker, "hole")
    check.note(written=hole["written"], stored=stored)
    check.zero(acknowledged_of_nobody=hole["acknowledged"])
    check.that(hole["written"] > stored, f"{hole['written']:,} were written and {stored:,} stored: no hole")

    # Killed half-way and started again: what was acknowledged is there.
    run = Running(check, "produce", "--brokers", broker.address, "--topic", "killed", "--rate", "200k", "--duration",
                  "6s", "--acks", 1)
    time.sleep(2 + check.random.random())
    broker.kill()
    check.fault()
    time.sleep(0.5)
    broker = check.broker(data_dir=data, address=broker.address)
    account = run.account()
    stored = kcat_count(broker, "killed")
    check.note(acknowledged=account["acknowledged"], unknown=account["unknown"], log_end_delta=stored)
    check.that(account["acknowledged"] <= stored, f"{account['acknowledged']:,} acknowledged, {stored:,} stored")
    check.that(account["acknowledged"] <= account["log_end_delta"] == stored,
               f"log_end_delta {account['log_end_delta']:,}, kcat counts {stored:,}")

    # Three who count the same topic.
    read = Running(check, "consume", "--brokers", broker.address, "--topic", "killed", "--group", "g", "--sink",
                   "none", "--until-end").account()
    verdict = Running(check, "verify", "--brokers", broker.address, "--topic", "killed", "--run",
                      account["run"]).account()
    check.same("read_back", kcat=stored, read=read["read"], stored=read["stored"],
               verify=verdict["found"] + verdict["duplicated"])
    check.zero(lost=verdict["lost"], corrupted=verdict["corrupted"])
    check.size(f"{hole['written'] + account['written']:,} records")


def clock(check):
    """The consumer's clock steps back by 3 s while it reads."""
    check.need("cc", "run: setup/install.sh up test")
    shim, step = check.folder / "shim.so", check.folder / "step"
    (check.folder / "shim.c").write_text(SHIM)
    check.run("cc", "-shared", "-fPIC", "-o", shim, check.folder / "shim.c", "-ldl")
    broker = check.broker()
    total, rate = 200_000, 50_000
    check.size(f"{total:,} records at {rate:,}/s, the clock 3 s back half-way")
    run = Running(check, "produce", "--brokers", broker.address, "--topic", "t", "--rate", rate, "--total", total,
                  "--batch-size", 500)
    consumer = Running(check, "consume", "--brokers", broker.address, "--topic", "t", "--group", "g", "--sink", "none",
                       "--total", total, env={**os.environ, "LD_PRELOAD": str(shim), "STEP_FILE": str(step)})
    time.sleep(check.random.uniform(1.5, 2.5))
    step.touch()
    made, read = run.account(), consumer.account()
    latency = read["latency_us"]
    if latency["negative"] > 0:
        check.fault()
    check.same("samples", made=made["acknowledged"], samples=latency["samples"], stored=read["stored"])
    check.note(negative=latency["negative"], least_ms=int(latency["min"] / 1000))
    check.that(0 < latency["negative"] < total, f"{latency['negative']:,} of {total:,} are negative")
    check.that(-3.001e6 <= latency["min"] < -1e6, f"the least is {latency['min'] / 1e6:.3f} s")
    check.that(read["clock"]["differ"] and "behind" in read["clock"]["text"], f"not told: {read['clock']}")
    check.that(re.search("clocks differ", consumer.errors.read_text()), "people are not told")


with promise.Check("B15", {"freeze": "latency in a freeze", "counts": "what is counted",
                           "clock": "a clock that steps back"}[which],
                   faults={"freeze": 1, "counts": 2, "clock": 1}[which]) as check:
    {"freeze": freeze, "counts": counts, "clock": clock}[which](check)
