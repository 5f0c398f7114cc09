#!/usr/bin/env python3
"""Holds deploy/ to the schemas and linters of those who will read it, and to the program.

    tools/deploy_check.py [--root FOLDER] [--program build/release/datastorm]

Each rule yields what is wrong as "file: what". What judges cannot be had says SKIP and why, which
fails where CI is set. Judges: compose-spec's schema, Kubernetes' own schemas, hadolint (wheels with
fixed versions, in the user's cache), kustomize, systemd-analyze, promtool (Debian's, unpacked), and
`datastorm` itself for its flags and metrics.
"""
import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "datastorm"
REQUIREMENTS = HERE / "deploy_check.requirements.txt"
KUSTOMIZE = "sigs.k8s.io/kustomize/kustomize/v5@v5.7.1"
KUBERNETES = "1.32"
EXPOSURE_MOST = 30  # tenths, by systemd-analyze security: 0 is closed, 100 is open


class Skip(Exception):
    """A judge that cannot be had, and why."""


def run(*command, **more):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300, **more)


@contextlib.contextmanager
def alone(name):
    """Of those who fill the cache at once, one does."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def wheels():
    """The folder of the judges' packages; made at the first use."""
    key = REQUIREMENTS.read_bytes() + sys.version.encode()
    folder = CACHE / f"deploy-check-{hashlib.sha256(key).hexdigest()[:12]}"
    with alone("deploy-check"):
        if not folder.exists():
            new = folder.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)
            venv = run(sys.executable, "-m", "venv", new)
            if venv.returncode:
                raise Skip(f"no venv (Debian: python3-venv): {venv.stdout.strip()[-200:]}")
            got = run(new / "bin/python", "-m", "pip", "install", "-q", "--no-deps",
                      "--target", new / "packages", "-r", REQUIREMENTS)
            if got.returncode:
                raise Skip("the packages cannot be had: " + got.stderr.strip()[-300:])
            new.rename(folder)
    if str(folder / "packages") not in sys.path:
        sys.path.insert(0, str(folder / "packages"))
    return folder / "packages"


def promtool():
    if found := shutil.which("promtool"):
        return found
    folder = CACHE / "promtool"
    with alone("promtool"):
        if not (folder / "usr/bin/promtool").exists():
            new = CACHE / "promtool.new"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            got = run("apt-get", "-qq", "download", "prometheus", cwd=new)
            if got.returncode:
                raise Skip("no promtool: apt-get download prometheus: " + got.stderr.strip()[-200:])
            run("dpkg-deb", "-x", next(new.glob("*.deb")), new)
            shutil.rmtree(folder, ignore_errors=True)
            new.rename(folder)
    return folder / "usr/bin/promtool"


def kustomize():
    """The start of a command line that builds a folder."""
    if found := shutil.which("kustomize"):
        return [found, "build"]
    if found := shutil.which("kubectl"):
        return [found, "kustomize"]
    built = CACHE / "kustomize" / "kustomize"
    with alone("kustomize"):
        if not built.exists():
            if not shutil.which("go"):
                raise Skip("no kustomize, no kubectl, and no Go to build the first with")
            got = run("go", "install", KUSTOMIZE, env={**os.environ, "GOBIN": str(built.parent)})
            if got.returncode:
                raise Skip("go install kustomize: " + got.stderr.strip()[-200:])
    return [str(built), "build"]


# ---- What lies in deploy/ ----


class Tree:
    def __init__(self, root, program):
        self.root = pathlib.Path(root)
        self.deploy = self.root / "deploy"
        self.program = program and pathlib.Path(program).resolve()  # it is started in other folders
        self._rendered = None

    def name(self, path):
        return str(path.relative_to(self.root))

    def text_files(self):
        for path in sorted(self.deploy.rglob("*")):
            ignored = path.parent.name == "secrets" and path.name not in ("README.md", ".gitignore")
            if path.is_file() and not ignored:
                yield path, path.read_text()

    def composes(self):
        import yaml
        for path in sorted((self.deploy / "compose").glob("*.yaml")):
            yield path, yaml.safe_load(path.read_text())

    def overlays(self):
        base = self.deploy / "kubernetes"
        return [base / "base", *sorted((base / "overlays").iterdir())]

    def rendered(self):
        """[(folder, documents)] as kustomize builds them."""
        import yaml
        if self._rendered is None:
            command = kustomize()
            self._rendered = []
            for folder in self.overlays():
                built = run(*command, folder)
                if built.returncode:
                    raise ValueError(f"{self.name(folder)}: kustomize: {built.stderr.strip()}")
                self._rendered.append((folder, list(yaml.safe_load_all(built.stdout))))
        return self._rendered

    def manifests(self):
        """What a cluster gets: as built, or else the plain files."""
        import yaml
        try:
            yield from self.rendered()
        except Skip:
            for path in sorted((self.deploy / "kubernetes").rglob("*.yaml")):
                documents = [d for d in yaml.safe_load_all(path.read_text())
                             if isinstance(d, dict) and "kind" in d and d["kind"] != "Kustomization"]
                yield path, documents

    def containers(self):
        for path, documents in self.manifests():
            for each in documents:
                pod = each.get("spec", {}).get("template", {}).get("spec")
                for container in (pod or {}).get("containers", []):
                    yield path, each, pod, container

    def units(self):
        return sorted((self.deploy / "systemd").glob("*.service"))

    def commands(self):
        """(file, words) of each start of the program."""
        for path, compose in self.composes():
            for service in compose.get("services", {}).values():
                if str(service.get("image", "")).startswith("datastorm"):
                    yield path, [str(w) for w in service.get("command") or []]
                    test = (service.get("healthcheck") or {}).get("test") or []
                    if test[:2] == ["CMD", "datastorm"]:
                        yield path, test[2:]
        for path, _, _, container in self.containers():
            if "datastorm" in container["image"]:
                yield path, container.get("args", [])
        for path in self.units():
            for line in re.findall(r"^ExecStart=\S+ (.*)$", path.read_text(), re.M):
                yield path, line.split()
        for path in (self.deploy / "docker").glob("Dockerfile*"):
            for words in re.findall(r"^CMD (\[.*\])$", path.read_text(), re.M):
                yield path, json.loads(words)


# ---- Rules ----


def dockerfile(tree):
    linter = wheels() / "bin/hadolint"
    linter.chmod(0o755)
    for path in (tree.deploy / "docker").glob("Dockerfile*"):
        text = path.read_text()
        for line in run(linter, "--no-color", "--failure-threshold", "none", path).stdout.splitlines():
            yield line.replace(str(tree.root) + "/", "")
        last = text[text.rfind("\nFROM "):]
        if text.count("\nFROM ") < 2:
            yield f"{tree.name(path)}: one stage: the compiler would be shipped"
        for wanted in ("\nUSER ", "\nHEALTHCHECK ", "\nEXPOSE ", "\nENTRYPOINT "):
            if wanted not in last:
                yield f"{tree.name(path)}: the last stage has no {wanted.strip()}"
        if re.search(r"^USER (root|0)\b", last, re.M):
            yield f"{tree.name(path)}: runs as root"


def compose(tree):
    import jsonschema
    vendor = wheels() / "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
    schema = json.loads(vendor.read_text())
    judge = jsonschema.validators.validator_for(schema)(schema)
    for path, document in tree.composes():
        for error in judge.iter_errors(document):
            yield f"{tree.name(path)}: {'.'.join(map(str, error.path))}: {error.message[:200]}"
        services = document.get("services", {})
        for name, service in services.items():
            where = f"{tree.name(path)}: {name}"
            needed = service.get("depends_on") or {}
            for other in needed:
                if other not in services:
                    yield f"{where}: depends on {other}, which is not there"
                elif (needed[other].get("condition") == "service_healthy"
                      and (services[other].get("healthcheck") or {}).get("disable")):
                    yield f"{where}: waits for the health of {other}, which has no check"
            for secret in service.get("secrets") or []:
                if secret not in document.get("secrets", {}):
                    yield f"{where}: secret {secret} is not declared"
            mounted = {f"/run/secrets/{s}" for s in service.get("secrets") or []}
            for read in re.findall(r"/run/secrets/[\w.-]+", json.dumps(service)):
                if read not in mounted:
                    yield f"{where}: reads {read}, which is not mounted"
            for volume in service.get("volumes") or []:
                source = volume.split(":")[0]
                if source.startswith("."):
                    if not (path.parent / source).exists():
                        yield f"{where}: mounts {source}, which is not there"
                elif source not in document.get("volumes", {}):
                    yield f"{where}: volume {source} is not declared"
            if re.search(r":latest$|^[^:]+$", str(service.get("image"))):
                yield f"{where}: image {service.get('image')} has no fixed version"


def kubernetes(tree):
    wheels()
    import kubernetes_validate
    for path, documents in tree.manifests():
        for each in documents:
            name = f"{tree.name(path)}: {each['kind']}/{each['metadata']['name']}"
            try:
                kubernetes_validate.validate(each, KUBERNETES, strict=True)
            except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as e:
                yield f"{name}: {str(getattr(e, 'message', e))[:200]}"
    for path, owner, pod, container in tree.containers():
        where = f"{tree.name(path)}: {owner['metadata']['name']}/{container['name']}"
        context = container.get("securityContext", {})
        if not pod.get("securityContext", {}).get("runAsNonRoot"):
            yield f"{where}: may run as root"
        if not context.get("readOnlyRootFilesystem") or context.get("allowPrivilegeEscalation", True):
            yield f"{where}: its securityContext is open"
        if "limits" not in container.get("resources", {}):
            yield f"{where}: has no limits"
        if container.get("ports") and not {"readinessProbe", "livenessProbe"} <= container.keys():
            yield f"{where}: has a port and no probes"
        mounts = {m["name"] for m in container.get("volumeMounts", [])}
        claims = {c["metadata"]["name"] for c in owner["spec"].get("volumeClaimTemplates", [])}
        for lost in mounts - claims - {v["name"] for v in pod.get("volumes", [])}:
            yield f"{where}: mounts {lost}, which is no volume"
        for shards in re.findall(r"--shard=\S+/(\d+)", " ".join(container.get("args", []))):
            for kind in ("completions", "parallelism"):
                if owner["spec"].get(kind) != int(shards):
                    yield f"{where}: {shards} shards, and {kind} is {owner['spec'].get(kind)}"


def overlays(tree):
    tree.rendered()
    return ()


def systemd(tree):
    if not shutil.which("systemd-analyze"):
        raise Skip("no systemd-analyze (Debian: systemd)")
    with tempfile.TemporaryDirectory() as folder:
        for unit in tree.units():
            copy = pathlib.Path(folder) / unit.name
            copy.write_text(unit.read_text().replace("/usr/bin/datastorm", "/bin/true"))
        for unit in tree.units():
            copy = pathlib.Path(folder) / unit.name
            said = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", copy,
                       env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"})
            for line in said.stderr.splitlines():
                if unit.name in line:
                    yield f"{tree.name(unit)}: {line.replace(folder + '/', '')}"
            said = run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MOST}", copy)
            if said.returncode:
                last = (said.stdout.strip() or said.stderr.strip()).splitlines()[-1]
                yield f"{tree.name(unit)}: is not closed enough: {last[:160]}"


def grafana_targets(tree):
    for path in sorted((tree.deploy / "grafana").glob("*.json")):
        for panel in json.loads(path.read_text()).get("panels", []):
            for target in panel.get("targets", []):
                yield path, panel, target


def grafana(tree):
    for path in sorted((tree.deploy / "grafana").glob("*.json")):
        board, where = json.loads(path.read_text()), tree.name(path)
        for field in ("uid", "title", "schemaVersion", "panels", "templating", "time"):
            if field not in board:
                yield f"{where}: has no {field}"
        ids = [p.get("id") for p in board.get("panels", [])]
        if len(set(ids)) != len(ids):
            yield f"{where}: two panels have one id"
        taken = {}
        for panel in board.get("panels", []):
            title = panel.get("title", "?")
            for field in ("id", "title", "type", "gridPos", "datasource", "targets"):
                if not panel.get(field):
                    yield f"{where}: {title}: has no {field}"
            at = panel.get("gridPos") or {"x": 0, "y": 0, "w": 0, "h": 0}
            if at["x"] + at["w"] > 24:
                yield f"{where}: {title}: is wider than the page"
            for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"])
                         for y in range(at["y"], at["y"] + at["h"])):
                if taken.setdefault(cell, title) != title:
                    yield f"{where}: {title}: lies on {taken[cell]}"
                    break
            refs = [t.get("refId") for t in panel.get("targets", [])]
            if len(set(refs)) != len(refs) or None in refs:
                yield f"{where}: {title}: its queries need a refId each"


def prometheus(tree):
    tool = promtool()
    for path in sorted((tree.deploy / "prometheus").glob("*.yml")):
        kind = "config" if path.name == "prometheus.yml" else "rules"
        flags = ["--syntax-only"] if kind == "config" else []
        said = run(tool, "check", kind, *flags, path)
        if said.returncode:
            yield f"{tree.name(path)}: {(said.stderr + said.stdout).strip()[:400]}"
    # Grafana's queries are PromQL too, once its variables are filled in.
    for path, panel, target in grafana_targets(tree):
        query = target.get("expr", "").replace("$__rate_interval", "1m").replace("$job", "datastorm")
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as rules:
            json.dump({"groups": [{"name": "g", "rules": [{"record": "r", "expr": query}]}]}, rules)
            rules.flush()
            if (said := run(tool, "check", "rules", rules.name)).returncode:
                yield f"{tree.name(path)}: {panel.get('title')}: {said.stderr.strip()[:300]}"


def flags(tree):
    known = {}
    for path, words in tree.commands():
        command = words[0] if words else ""
        if command not in known:
            said = run(tree.program, command, "--help")
            known[command] = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", said.stdout))
            if f"datastorm {command} [OPTIONS]" not in said.stdout:
                known[command] = None
        if known[command] is None:
            yield f"{tree.name(path)}: there is no command '{command}'"
            continue
        for word in words[1:]:
            if word.startswith("--") and word.split("=")[0] not in known[command]:
                yield f"{tree.name(path)}: datastorm {command} has no {word.split('=')[0]}"


@contextlib.contextmanager
def started(program, *words, **environment):
    """The program until the block ends; yields the first address that it prints."""
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen([program, *words, "--data-dir", folder + "/data"], cwd=folder, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 env={**os.environ, **environment})
        kill = threading.Timer(60, child.kill)  # so that nothing here waits for ever
        kill.start()
        rest = None
        try:
            said = []
            for line in child.stdout:
                said.append(line)
                if found := re.search(r"http://[\d.]+:\d+", line):
                    break
            else:
                raise RuntimeError(f"{words[0]} did not start: {''.join(said)[-300:]}")
            rest = threading.Thread(target=child.stdout.read, daemon=True)
            rest.start()
            yield found[0]
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait()
            kill.cancel()
            if rest:
                rest.join()
            child.stdout.close()


def exported(program):
    """{metric: [{label: value}]} as running programs show them."""
    free, secret = "127.0.0.1:0", "not a secret: it lives for seconds"
    texts = []
    with started(program, "up", "--rate", "1000", "--dashboard", free, "--control", free,
                 "--broker-listen", free, "--no-open") as address:
        deadline = time.monotonic() + 60
        while True:  # stages appear with their first record
            text = urllib.request.urlopen(address + "/metrics", timeout=20).read().decode()
            if 'stage="stored"' in text or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        texts.append(text)
    with started(program, "gateway", "--listen", free, "--brokers", "127.0.0.1:1",
                 HOOK_SECRET=secret) as address:
        for _ in range(2):  # one refused request, so that answers have a status
            request = urllib.request.Request(address + "/hook", data=b"{}",
                                             headers={"Content-Type": "application/json"})
            with contextlib.suppress(urllib.error.HTTPError):
                urllib.request.urlopen(request, timeout=20)
        texts.append(urllib.request.urlopen(address + "/metrics", timeout=20).read().decode())
    metrics = {}
    for line in "\n".join(texts).splitlines():
        if found := re.match(r"(datastorm_\w+)(?:\{(.*)\})? ", line):
            metrics.setdefault(found[1], []).append(dict(re.findall(r'(\w+)="([^"]*)"', found[2] or "")))
    return metrics


def metrics(tree):
    real = exported(tree.program)
    for path, text in tree.text_files():
        if path.suffix == ".json":
            text = "\n".join([t["expr"] for p, _, t in grafana_targets(tree) if p == path]
                             + re.findall(r"label_values\((\w+),", text))
        elif path.parent.name != "prometheus":
            continue
        for name, selector in re.findall(r"\b(datastorm_\w+)(?:\{([^}]*)\})?", text):
            if name not in real:
                yield f"{tree.name(path)}: {name} is nothing that /metrics exports"
                continue
            for label, how, value in re.findall(r'(\w+)(=~?)"([^"]*)"', selector):
                if label in ("job", "instance"):
                    continue
                for one in value.split("|") if how == "=~" else [value]:
                    if not any(sample.get(label) == one for sample in real[name]):
                        yield f"{tree.name(path)}: {name} has no {label}=\"{one}\""


SECRET_NAME = re.compile(r"(?i)(secret|token|password|passwd|api_?key|private_?key|credential)")
NOT_A_SECRET = re.compile(r"(?i)(_FILE$|^\$\{?CREDENTIALS_DIRECTORY)")


def secrets(tree):
    def bad(name, value):
        return (SECRET_NAME.search(name) and not NOT_A_SECRET.search(name)
                and isinstance(value, (str, int)) and str(value) != "")
    for path in (tree.deploy / "docker").glob("Dockerfile*"):
        for line in re.findall(r"^(?:ENV|ARG)\s+(.*)$", path.read_text(), re.M):
            if SECRET_NAME.search(line):
                yield f"{tree.name(path)}: a secret in ENV or ARG: {line.split('=')[0]}"
    for path, document in tree.composes():
        for service, of in document.get("services", {}).items():
            pairs = of.get("environment") or {}
            if isinstance(pairs, list):
                pairs = dict(p.partition("=")[::2] for p in pairs)
            build = of.get("build")
            arguments = (build.get("args") or {}) if isinstance(build, dict) else {}
            if isinstance(arguments, list):
                arguments = dict(p.partition("=")[::2] for p in arguments)
            for name, value in {**pairs, **arguments}.items():
                if bad(name, value):
                    yield f"{tree.name(path)}: {service}: a secret in {name}"
    for path, _, _, container in tree.containers():
        for pair in container.get("env", []):
            if bad(pair["name"], pair.get("value")):
                yield f"{tree.name(path)}: {container['name']}: a secret in {pair['name']}"
    import yaml
    for path in sorted((tree.deploy / "kubernetes").rglob("*.yaml")):
        for each in yaml.safe_load_all(path.read_text()):
            if isinstance(each, dict) and each.get("kind") in ("Secret", "ConfigMap"):
                values = {**each.get("data", {}), **each.get("stringData", {})}
                for name, value in values.items():
                    if value and (each["kind"] == "Secret" or bad(name, value)):
                        yield f"{tree.name(path)}: a secret's value in {name}"
    for unit in tree.units():
        for name, value in re.findall(r"^Environment=.*?(\w+)=(\S+)", unit.read_text(), re.M):
            if bad(name, value):
                yield f"{tree.name(unit)}: a secret in {name}"
    for path, words in tree.commands():
        for word, after in zip(words, words[1:] + [""]):
            name, _, value = word.partition("=")
            if name in ("--token", "--hook-secret") and (value or after):
                yield f"{tree.name(path)}: a secret after {name}"
    for path, text in tree.text_files():
        if re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY|://[\w.-]+:[^%$@\s{]+@", text):
            yield f"{tree.name(path)}: a key or a password in an address"


RULES = [dockerfile, compose, overlays, kubernetes, systemd, grafana, prometheus, flags, metrics, secrets]


def check(tree, rules=RULES, say=print):
    """(faults, skipped)."""
    faults, skipped = [], 0
    for rule in rules:
        try:
            wheels()
            if rule in (flags, metrics) and not (tree.program and os.access(tree.program, os.X_OK)):
                raise Skip(f"the program is not built ({tree.program}); make build")
            found = sorted(set(rule(tree)))
        except Skip as why:
            say(f"SKIP {rule.__name__}: {why}")
            skipped += 1
            continue
        except Exception as error:  # a file that cannot even be read
            found = [f"{rule.__name__}: {type(error).__name__}: {error}"]
        say(f"{'ok  ' if not found else 'FAIL'} {rule.__name__}")
        for each in found:
            say(f"     {each}")
        faults += found
    return faults, skipped


def main():
    root = HERE.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=root)
    parser.add_argument("--program", default=os.environ.get("DATASTORM", root / "build/release/datastorm"))
    said = parser.parse_args()
    faults, skipped = check(Tree(said.root, said.program))
    print(f"{len(RULES)} rules, {len(faults)} faults, {skipped} skipped")
    if faults or (skipped and os.environ.get("CI")):
        return 1
    return 77 if skipped == len(RULES) else 0


if __name__ == "__main__":
    sys.exit(main())
