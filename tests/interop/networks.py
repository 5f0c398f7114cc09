"""Machines that a test makes up: network namespaces around one bridge, gone when the test ends.

    net = networks.Network(case)            # skips, or fails where CI is set, without root or `ip`
    net.at("kafka", [KAFKA_SH, "start"])    # a command's words, to be run on that machine
    net.address("kafka")                    # 10.77.0.2

Nothing of it touches the machine's own network: bridge and cables lie in the namespaces.
"""
import os
import shutil
import subprocess

import storm


class Network:
    def __init__(self, case):
        if os.geteuid() != 0 or not shutil.which("ip"):
            storm.missing(case, "network namespaces need root and iproute2")
        self.prefix = f"ds-{os.getpid()}-"
        self.machines = {}
        case.addCleanup(self.remove)
        self._add_namespace("hub")
        self._ip("hub", "link add lan type bridge")
        self._ip("hub", "link set lan up")

    def machine(self, name):
        """Makes it, at an address of its own."""
        number = len(self.machines) + 2
        self.machines[name] = f"10.77.0.{number}"
        self._add_namespace(name)
        self._ip(name, f"link add lan type veth peer name cable{number} netns {self.prefix}hub")
        self._ip("hub", f"link set cable{number} master lan up")
        self._ip(name, f"addr add {self.machines[name]}/24 dev lan")
        self._ip(name, "link set lan up")
        return name

    def address(self, name):
        return self.machines[name]

    def at(self, name, command):
        return ["ip", "netns", "exec", self.prefix + name, *map(str, command)]

    def remove(self):
        for name in [*self.machines, "hub"]:
            subprocess.run(["ip", "netns", "delete", self.prefix + name], capture_output=True)

    def _add_namespace(self, name):
        storm.checked(["ip", "netns", "add", self.prefix + name], 20)
        self._ip(name, "link set lo up")

    def _ip(self, name, words):
        storm.checked(["ip", "-n", self.prefix + name, *words.split()], 20)
