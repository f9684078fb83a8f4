"""What `end_to_end.py` works with: measured processes, a sandbox in a process of its own, and the data.

Data is written as it is made: a child's peak memory, as the kernel counts it, is never below that of the process that started it, so this
one has to stay small.
"""

import http.client
import itertools
import json
import math
import os
import random
import re
import resource
import socket
import statistics
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

TOKEN = "sandbox"


class Run:
    """One finished process: CPU (user and system) and wall seconds, peak memory in bytes, what it printed."""

    def __init__(self, code, wall, usage, stdout, stderr):
        self.code, self.wall, self.stdout, self.stderr = code, wall, stdout, stderr
        self.cpu = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss * 1024


def run(command, directory, expect=(0,)):
    """Runs a command to its end and measures it. Its output goes to files, so that no pipe slows it down."""
    command = [str(word) for word in command]
    out, err = Path(directory, "stdout.txt"), Path(directory, "stderr.txt")
    write_only = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    redirect = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(out), write_only, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, str(err), write_only, 0o600),
    ]
    begin = time.perf_counter()
    # Not `subprocess`, which alone takes longer than what some of these commands do.
    child = os.posix_spawn(command[0], command, environment(), file_actions=redirect)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - begin
    code = os.waitstatus_to_exitcode(status)
    tail = out.read_bytes()[-4096:].decode(errors="replace"), err.read_bytes()[-4096:].decode(errors="replace")
    if code not in expect:
        raise SystemExit(f"{' '.join(command)} ended with {code}\n{tail[0]}{tail[1]}")
    return Run(code, wall, usage, *tail)


def environment():
    """Nothing of the caller's environment that could change what is measured."""
    return {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", "/"), "TOKEN": TOKEN}


def own_memory():
    """The most memory that this process ever had; no child is measured below it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Median:
    """The medians of several runs of the same thing."""

    def __init__(self, runs):
        self.runs = runs
        self.cpu = statistics.median(run.cpu for run in runs)
        self.wall = statistics.median(run.wall for run in runs)
        self.memory = statistics.median(run.memory for run in runs)
        # What the run in the middle printed, so that its figures belong to the median.
        self.stdout = sorted(runs, key=lambda run: run.cpu)[len(runs) // 2].stdout

    @classmethod
    def of(cls, times, measure):
        return cls([measure() for _ in range(times)])


class Sandbox:
    """`assignctl sandbox` in a process of its own. Use it as a context manager: it ends with the block."""

    def __init__(self, binary, directory, seed=None, latency=None, log=False):
        command = [binary, "sandbox", "--listen", "127.0.0.1:0"]
        if seed is not None:
            command += ["--seed", seed]
        if latency is not None:
            command += ["--latency", f"{latency}ms"]
        if not log:
            command += ["--quiet"]
        self.arrivals = []
        stderr = subprocess.PIPE if log else subprocess.DEVNULL
        self.process = subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, stderr=stderr, env=environment(), text=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url.startswith("http://127.0.0.1:"):
            raise SystemExit(f"the sandbox did not start: {self.url!r}")
        if log:
            threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        for line in self.process.stderr:
            words = line.split()
            if len(words) == 3 and words[2].isdigit():
                self.arrivals.append((time.perf_counter(), words[0], words[1]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Its own process and no other; SIGKILL, since what it holds is thrown away.
        self.process.kill()
        self.process.wait()

    def cpu(self):
        """CPU seconds that it has used so far, to the nanosecond where the kernel tells."""
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def ask(self, connection, method, path, body=None):
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{method} {path} answered {answer.status}: {data[:200]}")
        return data

    def connect(self):
        address = urllib.parse.urlsplit(self.url)
        return http.client.HTTPConnection(address.hostname, address.port)

    def round_trip(self, times=50):
        """What one small request takes from end to end on an open connection, seen by a client that does nothing else: the latency that is
        really there."""
        address, taken = urllib.parse.urlsplit(self.url), []
        request = f"GET /1/catalog/status HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(times):
                begin = time.perf_counter()
                connection.sendall(request)
                answer = connection.recv(65536)
                taken.append(time.perf_counter() - begin)
                if not answer.startswith(b"HTTP/1.1 200 "):
                    raise SystemExit(f"the server answered {answer[:200]}")
        return statistics.median(taken)

    def pages(self, directory, ask):
        """Keeps the answers of a listing in files, one a page, for the yardstick. `ask` gives each page's request from the last answer."""
        directory.mkdir()
        child = os.fork()  # a large answer must not stay in this process's memory
        if child == 0:
            code = 1
            try:
                connection, last, number = self.connect(), None, 0
                while (request := ask(last)) is not None:
                    data = self.ask(connection, *request)
                    Path(directory, f"{number:06}.json").write_bytes(data)
                    last, number = json.loads(data), number + 1
                code = 0
            finally:
                os._exit(code)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
            raise SystemExit("the pages could not be read")


# ---- data: the same for the same seed -------------------------------------------------------------------------------------------------


def uuids(prefix, count):
    """Ids of 36 characters, as an API would make them up."""
    source = random.Random(f"assignctl {prefix}")
    for _ in range(count):
        digits = f"{source.getrandbits(128):032x}"
        yield "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def target(provider, url, spec="", limits=""):
    """A target of a server. `spec` and `limits` are more fields, each with its comma."""
    limits = f"limits: {{ timeout: 300s, {limits} }}"
    return (
        f"apiVersion: assignctl/v1\nkind: Target\nmetadata: {{ name: account }}\n"
        f"spec: {{ provider: {provider}, endpoint: \"{url}\", auth: {{ bearer: {{ env: TOKEN }} }}, {spec}{limits} }}\n"
    )


def assignments(kind, name, scope, mode="authoritative"):
    """The head of a set; its entries follow, one a line."""
    return (
        f"apiVersion: assignctl/v1\nkind: {kind}Assignments\nmetadata: {{ name: {name} }}\n"
        f"spec:\n  target: account\n  mode: {mode}\n  {scope}\n  assignments:\n"
    )


def repository(directory, name):
    """A new directory with a root."""
    path = Path(directory, name)
    path.mkdir()
    Path(path, "assignctl.yaml").write_text("apiVersion: assignctl/v1\nkind: Root\n")
    return path


def write(path, parts):
    with open(path, "w") as file:
        file.writelines(parts)


def pairs(directory, assemblies, organizations, files):
    """Partium pairs, every assembly at every organization: the seed, and a function that writes the repository for a server."""
    ass_ids, org_ids = list(uuids("assembly", assemblies)), list(uuids("organization", organizations))
    seed = Path(directory, "pairs.json")
    seed.write_text(json.dumps({"partium": {"assignments": [{"ass_ids": ass_ids, "org_ids": org_ids}]}}))

    def lines(orgs, compact):
        for ass_id in ass_ids:
            if compact:
                yield f"    - ass_id: {ass_id}\n      org_ids: [{', '.join(orgs)}]\n"
            else:
                yield from (f"    - ass_id: {ass_id}\n      org_id: {org_id}\n" for org_id in orgs)

    def manifests(name, url, compact=False, limits=""):
        path = repository(directory, name)
        Path(path, "target.yaml").write_text(target("partium", url, limits=limits))
        size = math.ceil(len(org_ids) / files)
        for number in range(files):
            orgs = org_ids[number * size : (number + 1) * size]
            scope = "scope: all" if files == 1 else f"scope: {{ org_ids: [{', '.join(orgs)}] }}"
            head = assignments("Partium", f"set-{number:03}", scope)
            write(path / f"set-{number:03}.yaml", itertools.chain([head], lines(orgs, compact)))
        return path

    return seed, manifests


def counts(text):
    """The numbers of the plan's last lines, such as `1,000,000 unchanged`."""
    return {word: int(number.replace(",", "")) for number, word in re.findall(r"([\d,]+) (unchanged|to create|done|already)", text)}
