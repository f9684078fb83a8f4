#!/usr/bin/env python3
"""The whole program against a server in another process: what it takes, beside what it may take.

Generates its data (the same every time), starts `assignctl sandbox`, runs the real binary, and prints one table. CPU is user and system of
the whole process, memory its peak, every figure the median of some runs. Nothing but Python's standard library is needed; `--compare` makes
a virtual environment for the competitor's libraries.

    benches/end_to_end.py                                        # minutes; a tenth of a million pairs
    benches/end_to_end.py --full --compare --update docs/performance.md
    benches/end_to_end.py --only plan start
"""

import argparse
import itertools
import json
import math
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from workbench import (
    TOKEN, Median, Run, Sandbox, assignments, counts, own_memory, pairs, repository, run, target, uuids, write,
)

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MARKERS = ("<!-- benches/end_to_end.py: begin -->", "<!-- benches/end_to_end.py: end -->")
# PT_INTERP of the System V ABI, chapter 5.
INTERPRETER = 3
LIST = "/1/catalog/assignments/organizations/list"


class Bench:
    """What every scenario uses, and the table that it fills."""

    def __init__(self, options, directory):
        self.options, self.directory, self.rows, self.notes = options, directory, [], []
        self.binary, self.times = str(options.binary), options.runs
        self._yardstick = options.yardstick

    def row(self, scenario, measured, limit="", good=None):
        """A line of the table; `good`: whether the limit is kept, `None` where there is none."""
        self.rows.append((scenario, measured, limit, {True: "ok", False: "**missed**", None: ""}[good]))
        print(" | ".join(self.rows[-1]), flush=True)

    def below(self, scenario, value, limit, show, what=""):
        """A line whose figure may be at most its limit."""
        self.row(scenario, show(value), f"≤ {show(limit)}{what}", value <= limit)

    def plan(self, path, *more, times=None, unchanged=None):
        """Plans a repository; checks that it saw what is there."""
        command = [self.binary, "plan", str(path), *map(str, more)]
        median = Median.of(times or self.times, lambda: run(command, self.directory))
        if unchanged is not None and counts(median.stdout).get("unchanged") != unchanged:
            raise SystemExit(f"{unchanged} unchanged pairs were expected:\n{median.stdout}")
        return median

    def yardstick(self, kind, repository, pages):
        """One run of the least that any program of this kind does: the parser's events of the same YAML, the typed decoding of the same
        pages, one sort of as many keys."""
        return run([self._yardstick, kind, str(repository), str(pages)], self.directory)

    def against_yardstick(self, name, kind, server, path, pages, times, **plan):
        """Plans, and compares the CPU with the yardstick's. Both in turn, so that a busy moment of the machine meets both."""
        if self._yardstick is None:
            # At full speed, as benches are, which is more than the program is given.
            self._yardstick = built("yardstick", "--bench", "yardstick", "--profile", "bench")
        planned, least, before = [], [], server.cpu()
        for _ in range(times):
            planned += self.plan(path, times=1, **plan).runs
            least.append(self.yardstick(kind, path, pages))
        busy = (server.cpu() - before) / times
        planned, least = Median(planned), Median(least)
        factor = planned.cpu / least.cpu
        self.row(f"{name}: CPU", f"{seconds(planned.cpu)} = {factor:.2f} × the yardstick", f"≤ 2 × {seconds(least.cpu)} ({least.stdout.strip()})", factor <= 2)
        return planned, busy


def built(name, *what):
    """An executable of this package: static where the platform allows (README, Install)."""
    print(f"building {name} …", file=sys.stderr)
    about = subprocess.run(["rustc", "-vV"], check=True, stdout=subprocess.PIPE, text=True).stdout
    host = next(line.removeprefix("host: ") for line in about.splitlines() if line.startswith("host: "))
    environment = dict(os.environ)
    if "linux" in host:
        environment["RUSTFLAGS"] = f"{environment.get('RUSTFLAGS', '')} -C target-feature=+crt-static".strip()
    command = ["cargo", "build", "--quiet", "--locked", "--target", host, *what, "--message-format", "json"]
    messages = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    artifacts = (json.loads(line) for line in messages.splitlines())
    return next(a["executable"] for a in artifacts if a.get("executable") and a["target"]["name"] == name)


def seconds(value):
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"


def mebibytes(value):
    return f"{value / 2**20:.1f} MiB"


# ---- 1: ten thousand pairs ------------------------------------------------------------------------------------------------------------


def plan_small(bench):
    """Goal 1: plan 10,000 unchanged pairs, one entry each, against one list of ten pages."""
    seed, manifests = pairs(bench.directory, 100, 100, 1)
    with Sandbox(bench.binary, bench.directory, seed) as server:
        path = manifests("ten-thousand", server.url)
        times = max(bench.times, 5)
        own, own_net = net(server, times, lambda: bench.plan(path, times=1, unchanged=10_000).runs[0])
        bench.below("plan 10,000 unchanged pairs: CPU", own.cpu, 0.08, seconds)
        bench.row("plan 10,000 unchanged pairs: wall", f"{seconds(own.wall)}, {seconds(own_net)} net of the server's own CPU")
        if not bench.options.compare:
            bench.notes.append("The competitor was left out: `--compare` runs it.")
            return
        python = competitor(bench.directory)
        command = [python, str(HERE / "fair_script.py"), str(path / "set-000.yaml"), server.url, TOKEN]
        fair, fair_net = net(server, times, lambda: run(command, bench.directory))
        if counts(fair.stdout).get("unchanged") != 10_000:
            raise SystemExit(f"the competitor did not do its job:\n{fair.stdout}")
        bench.row("the same by the fair script", f"{seconds(fair.cpu)} CPU, {seconds(fair.wall)} wall, {seconds(fair_net)} net")
        bench.row("the fair script's CPU over ours", f"{fair.cpu / own.cpu:.1f}", "≥ 8", fair.cpu >= 8 * own.cpu)
        bench.row("the fair script's net wall over ours", f"{fair_net / own_net:.1f}", "≥ 15", fair_net >= 15 * own_net)


def net(server, times, measure):
    """The median run, and its median wall without what the server worked meanwhile: the pages of one list come one after the other, so
    all of the server's work lies in it."""
    runs, nets = [], []
    for _ in range(times):
        before = server.cpu()
        runs.append(measure())
        nets.append(runs[-1].wall - (server.cpu() - before))
    return Median(runs), sorted(nets)[len(nets) // 2]


def competitor(directory):
    """A Python with what the fair script needs."""
    environment = Path(directory, "venv")
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = str(environment / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "PyYAML", "aiohttp"], check=True)
    check = "import yaml; yaml.CSafeLoader"
    if subprocess.run([python, "-c", check], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        raise SystemExit("PyYAML has no C loader here, which would not be fair")
    return python


# ---- 2: large accounts ----------------------------------------------------------------------------------------------------------------


def plan_large(bench):
    """Goal 2: as many pairs as fit into a big account, compact and one by one, against as many live ones."""
    side = 1000 if bench.options.full else 316
    count, times = side * side, min(bench.times, 3)
    seed, manifests = pairs(bench.directory, side, side, 10)
    with Sandbox(bench.binary, bench.directory, seed) as server:
        pages = bench.directory / "pages-partium"

        def page(last):
            if last is not None and not last["more_data"]:
                return None
            cursor = {} if last is None else {"last_object_id": last["last_object_id"]}
            return "POST", LIST, {"query": {}, "paging": {"limit": 1000, **cursor}}

        server.pages(pages, page)
        for form, limit in (("long form", 400), ("compact form", 200)):
            path = manifests(form.replace(" ", "-"), server.url, compact=form.startswith("compact"))
            size = sum(file.stat().st_size for file in path.iterdir())
            name = f"plan {count:,} pairs, {form} ({mebibytes(size)} of YAML)"
            planned, busy = bench.against_yardstick(name, "partium", server, path, pages, times, unchanged=count)
            memory(bench, name, planned, count, limit if bench.options.full else None)
            bench.row(f"{name}: wall", f"{seconds(planned.wall)}; the server's own CPU meanwhile {seconds(busy)}")
            shutil.rmtree(path)
    if not bench.options.full:
        bench.notes.append(f"{count:,} pairs in place of a million: `--full` takes the million, for which the limits of memory are meant.")


def memory(bench, name, planned, count, limit):
    if planned.memory <= own_memory():
        # A child begins with its parent's memory, so that less than that cannot be seen.
        return bench.row(f"{name}: peak memory", f"below {mebibytes(own_memory())}, the benchmark's own", "")
    each = planned.memory / count
    bench.row(f"{name}: peak memory", f"{mebibytes(planned.memory)}, {each:.0f} bytes each", f"≤ {limit} bytes each" if limit else "", each <= limit if limit else None)


def plan_canopy(bench):
    """Goal 2: 100,000 role assignments in 1,000 pages."""
    count = 100_000

    def keys():
        """Two or three roles an identity, each at another node."""
        identities = itertools.cycle(uuids("identity", 40_000))
        return ((next(identities), f"node_{n * 7 % 900:04}_department", f"role_{n % 40:02}_support") for n in range(count))

    row = '{{"identity_id": "{}", "node_id": "{}", "role_id": "{}"}}'
    seed = bench.directory / "canopy.json"
    rows = (("," if n else "") + row.format(*key) for n, key in enumerate(keys()))
    write(seed, itertools.chain(['{"canopy": {"assignments": {"acme/crm/prod": ['], rows, ["]}}}"]))
    with Sandbox(bench.binary, bench.directory, seed) as server:
        path = repository(bench.directory, "canopy")
        (path / "target.yaml").write_text(target("canopy", server.url, "account: acme, application: crm, environment: prod, "))
        entries = (f"    - {{ identity_id: {i}, node_id: {n}, role_id: {r} }}\n" for i, n, r in keys())
        write(path / "everyone.yaml", itertools.chain([assignments("Canopy", "everyone", "scope: all")], entries))
        address = "/portal/v1/accounts/acme/applications/crm/environments/prod/assignments/app-wide"

        def page(last):
            number = 1 if last is None else last["pagination"]["page"] + 1
            if last is not None and not last["pagination"]["has_next_page"]:
                return None
            return "GET", f"{address}?page={number}&take=100&sort_by=created_at"

        pages = bench.directory / "pages-canopy"
        server.pages(pages, page)
        name = "plan 100,000 Canopy rows in 1,000 pages"
        report(bench, name, server, path, pages, count, "canopy")


def plan_semaphor(bench):
    """Goal 2: 50,000 assignments in one answer."""
    count = 50_000

    def keys():
        return ((f"usd_definition_{n % 50:02}", tenant) for n, tenant in enumerate(uuids("tenant", count)))

    row = '{{"definitionId": "{}", "scopeType": "TENANT", "tenantId": "{}", "params": {{"region": "us-east"}}}}'
    seed = bench.directory / "semaphor.json"
    rows = (("," if n else "") + row.format(*key) for n, key in enumerate(keys()))
    write(seed, itertools.chain(['{"semaphor": {"assignments": {"p_1": ['], rows, ["]}}}"]))
    with Sandbox(bench.binary, bench.directory, seed) as server:
        path = repository(bench.directory, "semaphor")
        (path / "target.yaml").write_text(target("semaphor", server.url, "project_id: p_1, "))
        entries = (f"    - {{ definitionId: {d}, scopeType: TENANT, tenantId: {t}, params: {{ region: us-east }} }}\n" for d, t in keys())
        write(path / "tenants.yaml", itertools.chain([assignments("Semaphor", "tenants", "scope: all")], entries))
        pages = bench.directory / "pages-semaphor"
        once = ("GET", "/api/management/v1/projects/p_1/unified-security/assignments")
        server.pages(pages, lambda last: once if last is None else None)
        report(bench, "plan 50,000 Semaphor rows in one answer", server, path, pages, count, "semaphor")


def plan_streamline(bench):
    """Goal 2: 5,000 keys in 500 services, each a list of its own."""
    services, keys = [f"service-{n:03}" for n in range(500)], [f"key-{n:02}" for n in range(10)]
    entry = {"model_id": "demand-forecast", "model_version": "2.1.0", "role": "primary", "settings": {"horizon_days": 14}}
    rows = [{"assignment_key": key, **entry} for key in keys]
    live = [{"client_id": "client-1", "domain_id": "domain-1", "service_id": service, "assignments": rows} for service in services]
    seed = bench.directory / "streamline.json"
    seed.write_text(json.dumps({"streamline": {"assignments": live}}))
    with Sandbox(bench.binary, bench.directory, seed) as server:
        path = streamline(bench, "streamline", server.url, services, keys)
        pages = bench.directory / "pages-streamline"
        pages.mkdir()
        connection = server.connect()
        for number, service in enumerate(services):
            data = server.ask(connection, "GET", f"/v2/clients/client-1/domains/domain-1/service/{service}/assignments")
            (pages / f"{number:06}.json").write_bytes(data)
        report(bench, "plan 5,000 Streamline keys in 500 services", server, path, pages, len(services) * len(keys), "streamline")


def streamline(bench, name, url, services, keys, limits="", mode="authoritative"):
    """A repository with the same keys in every service, one entry a key."""
    path = repository(bench.directory, name)
    (path / "target.yaml").write_text(target("streamline", url, "client_id: client-1, ", limits))
    entry = "model_id: demand-forecast, model_version: 2.1.0, role: primary, settings: { horizon_days: 14 }"
    sets = []
    for service in services:
        sets.append(assignments("Streamline", f"set-{service}", f"domain_id: domain-1\n  service_id: {service}", mode))
        sets.extend(f"    - {{ assignment_key: {key}, {entry} }}\n" for key in keys)
        sets.append("---\n")
    write(path / "sets.yaml", sets[:-1])
    return path


def report(bench, name, server, path, pages, count, kind):
    """CPU against the yardstick, memory, wall."""
    planned, busy = bench.against_yardstick(name, kind, server, path, pages, bench.times, unchanged=count)
    memory(bench, name, planned, count, None)
    bench.row(f"{name}: wall", f"{seconds(planned.wall)}; the server's own CPU meanwhile {seconds(busy)}")


# ---- 3 and 5: applying ----------------------------------------------------------------------------------------------------------------


def apply(bench, path, latency, *more):
    """Applies to a new server; gives the run, when its requests came in, and what a round trip takes there."""
    with Sandbox(bench.binary, bench.directory, None, latency=latency, log=True) as server:
        there = server.round_trip()
        (path / "target.yaml").write_text((path / "target.yaml").read_text().replace("SERVER", server.url))
        server.arrivals.clear()
        Path(bench.directory, "journal.jsonl").unlink(missing_ok=True)
        done = run([bench.binary, "apply", str(path), "--auto-approve", *map(str, more)], bench.directory)
        time.sleep(0.1)  # the last lines of the log are on their way
        (path / "target.yaml").write_text((path / "target.yaml").read_text().replace(server.url, "SERVER"))
        return done, list(server.arrivals), there


def is_write(method, path):
    return method in ("PUT", "PATCH", "DELETE") or (method == "POST" and not path.endswith("/list"))


class Applied:
    """Some applies of the same plan. `taken`: seconds from the first write's arrival to the last one's answer; `there`: a round trip."""

    def __init__(self):
        self.spans, self.cpus, self.walls, self.rounds = [], [], [], []

    def once_more(self, bench, path, latency, writes, *more):
        done, arrivals, there = apply(bench, path, latency, *more)
        came = [at for at, method, address in arrivals if is_write(method, address)]
        if len(came) != writes:
            raise SystemExit(f"{len(came)} writes came in, and {writes} were due")
        self.spans.append(came[-1] - came[0] + there)
        self.cpus.append(done.cpu)
        self.walls.append(done.wall)
        self.rounds.append(there)
        self.taken, self.cpu, self.wall, self.there = map(statistics.median, (self.spans, self.cpus, self.walls, self.rounds))

    def cost_of(self, plain):
        """What this takes more than `plain`, and whether it is slower in more turns than chance would have it, at one in twenty."""
        turns, spread = len(self.spans), max(plain.spans) - min(plain.spans)
        slower = sum(mine > other for mine, other in zip(self.spans, plain.spans))
        chance = sum(math.comb(turns, heads) for heads in range(slower, turns + 1)) / 2**turns
        shown = f"{seconds(self.taken - plain.taken)} wall, slower in {slower} of {turns} turns, {seconds(self.cpu - plain.cpu)} CPU"
        # With fewer than five turns even all of them may be chance: no verdict.
        return f"{shown}; runs without differ by {seconds(spread)}", chance > 0.05 if turns >= 5 else None


def applies(bench, scenario, path, writes, waves, factor, work, *more):
    """The same writes quietly, with progress, and with a journal, in turn, so that a busy moment of the machine meets all three; each against
    the floor: so many rounds at the latency that is there, and `work`, what the same takes without any."""
    variants = (("", ("--quiet",)), (" with progress", ()), (" with --journal", ("--quiet", "--journal", bench.directory / "journal.jsonl")))
    found = {name: Applied() for name, _ in variants}
    # Three times as many runs as elsewhere: three turns tell nothing from chance. Every other turn goes backwards, so that none always follows
    # the same one.
    for turn in range(3 * bench.times):
        for name, flags in variants[:: -1 if turn % 2 else 1]:
            found[name].once_more(bench, path, 20, writes, *more, *flags)
    for name, done in found.items():
        floor = waves * done.there
        limit = factor * floor + work
        shown = f"≤ {factor} × {seconds(floor)} ({waves} rounds of {seconds(done.there)})" + (f" + {seconds(work)}" if work else "")
        bench.row(f"{scenario}{name}", f"{seconds(done.taken)} = {done.taken / floor:.3f} × the floor", shown, done.taken <= limit)
        bench.row(f"{scenario}{name}: whole process", f"{seconds(done.wall)} wall, {seconds(done.cpu)} CPU")
        if name:
            measured, good = done.cost_of(found[""])
            bench.row(f"what{name.replace(' with', '')} costs there", measured, "nothing that can be measured", good)


def apply_puts(bench):
    """Goal 3: 1,000 Streamline PUTs at 20 ms, 16 at a time."""
    count, concurrency = 1000, 16
    keys = [f"key-{n:04}" for n in range(count)]
    path = streamline(bench, "puts", "SERVER", ["service-1"], keys, f"concurrency: {concurrency}, ")
    scenario = f"apply {count:,} PUTs at 20 ms, {concurrency} at a time"
    applies(bench, scenario, path, count, math.ceil(count / concurrency), 1.05, 0)


def apply_batches(bench):
    """Goal 3: 100,000 Partium creates in batches of 500 at 20 ms, 8 at a time. What the requests take to make and to understand, on both
    sides, is what they take where there is no latency."""
    count, concurrency, batch = 100_000, 8, 500
    _, manifests = pairs(bench.directory, 1000, 100, 1)
    path = manifests("creates", "SERVER", limits=f"concurrency: {concurrency}, batch_size: {batch}, ")
    batches = count // batch
    without = Applied()
    for _ in range(bench.times):
        without.once_more(bench, path, None, batches, "--no-verify", "--quiet")
    work = without.taken
    bench.row(f"apply {count:,} Partium creates in {batches} batches without latency", seconds(work))
    scenario = f"apply {count:,} Partium creates in {batches} batches at 20 ms, {concurrency} at a time"
    applies(bench, scenario, path, batches, math.ceil(batches / concurrency), 1.1, work, "--no-verify")


def rate(bench):
    """Goal 5: a limit of R requests a second."""
    count, limit = 500, 100
    keys = [f"key-{n:04}" for n in range(count)]
    path = streamline(bench, "rate", "SERVER", ["service-1"], keys, f"concurrency: 16, requests_per_second: {limit}, ")
    runs = []
    for _ in range(min(bench.times, 3)):
        _, arrivals, _ = apply(bench, path, None, "--quiet")
        times = [at for at, _, _ in arrivals]
        runs.append((times[-1] - times[0], len(times), max(sum(1 for at in times[n:] if at < begin + 1) for n, begin in enumerate(times))))
    taken, requests, _ = sorted(runs)[len(runs) // 2]
    due, most = requests / limit, max(most for _, _, most in runs)
    bench.row(f"{requests} requests under a limit of {limit} a second", f"{seconds(taken)}, {taken / due - 1:+.1%}", f"{seconds(due)} ± 5 %", abs(taken / due - 1) <= 0.05)
    bench.row("most requests in any second of it, of all runs", f"{most}", f"≤ {limit}", most <= limit)


# ---- 6 and 7: start, outputs ----------------------------------------------------------------------------------------------------------


def start(bench):
    """Goal 6: what everybody waits for."""
    version = Median.of(20, lambda: run([bench.binary, "--version"], bench.directory))
    nothing = Median.of(20, lambda: run(["/bin/true"], bench.directory))
    bench.row("`--version`: wall", f"{seconds(version.wall)}, of which starting any process {seconds(nothing.wall)}", "< 5.0 ms", version.wall < 0.005)
    path = repository(bench.directory, "twenty")
    (path / "target.yaml").write_text(target("partium", "https://api.partium.io"))
    for number in range(18):
        org = f"dealer-{number:02}"
        rows = (f"    - {{ ass_ids: [root-{n}, root-{n + 1}], org_id: {org} }}\n" for n in range(0, 40, 2))
        write(path / f"dealer-{number:02}.yaml", itertools.chain([assignments("Partium", org, f"scope: {{ org_ids: [{org}] }}")], rows))
    validate = Median.of(20, lambda: run([bench.binary, "validate", str(path)], bench.directory))
    bench.row("`validate` of 20 files: CPU", f"{seconds(validate.cpu)}, {seconds(validate.wall)} wall", "< 15.0 ms", validate.cpu < 0.015)
    size = os.path.getsize(bench.binary)
    bench.row("size of the binary", f"{size / 1e6:.2f} MB, {'static' if is_static(bench.binary) else 'linked with the C library'}", "< 12 MB", size < 12_000_000)


def is_static(binary):
    """Whether an ELF file asks for no interpreter, which would load libraries for it."""
    with open(binary, "rb") as file:
        head = file.read(64)
        if head[:5] != b"\x7fELF\x02":
            return False
        order = "<" if head[5] == 1 else ">"
        table, entry, entries = *struct.unpack_from(order + "Q", head, 32), *struct.unpack_from(order + "HH", head, 54)
        file.seek(table)
        return INTERPRETER not in {struct.unpack_from(order + "I", file.read(entry))[0] for _ in range(entries)}


def outputs(bench):
    """Goal 7: reports of 100,000 changes, against the plan alone."""
    count, times = 100_000, min(bench.times, 3)
    _, manifests = pairs(bench.directory, 1000, 100, 1)
    with Sandbox(bench.binary, bench.directory) as server:
        path = manifests("outputs", server.url)
        forms = (None, "json", "markdown", "html")
        runs = {form: [] for form in forms}
        # As applies are compared with each other.
        for turn in range(3 * times):
            for form in forms[:: -1 if turn % 2 else 1]:
                flags = ("--report", f"{form}={bench.directory / f'report.{form}'}") if form else ()
                runs[form] += bench.plan(path, *flags, times=1).runs
        plain = Median(runs.pop(None))
        bench.row("plan 100,000 creates, no report", f"{seconds(plain.cpu)} CPU, {mebibytes(plain.memory)}")
        least = 4 * 2**20  # what two runs of the same differ by, and a writer's buffers
        for form, made in runs.items():
            made, written = Median(made), Path(bench.directory, f"report.{form}").stat().st_size
            cost = made.cpu - plain.cpu
            measured = f"{seconds(cost)} CPU, {mebibytes(written)} written, {mebibytes(max(made.memory - plain.memory, 0))} more memory"
            streams = made.memory - plain.memory <= least
            bench.row(f"its {form} report", measured, f"< {seconds(plain.cpu)}, ≤ {mebibytes(least)} more", cost < plain.cpu and streams)


def capacity(bench):
    """Whether the server is what is measured: what it answers a second, and how fast it is full."""
    seed, _ = pairs(bench.directory, 1000, 1000, 1)
    begin = time.perf_counter()
    with Sandbox(bench.binary, bench.directory, seed) as server:
        bench.row("the sandbox with a million rows starts in", seconds(time.perf_counter() - begin), "seconds")
        connection, times, before = server.connect(), 300, server.cpu()
        for _ in range(times):
            server.ask(connection, "POST", LIST, {"query": {}, "paging": {"limit": 1000}})
        page = (server.cpu() - before) / times
        before = server.cpu()
        for _ in range(times):
            server.ask(connection, "GET", "/1/catalog/status")
        small = (server.cpu() - before) / times
    bench.row("its own CPU for a small answer, and for a page of 1,000 rows", f"{small * 1e6:.0f} µs, {page * 1e6:.0f} µs", "thousands a second", small < 0.001)


SCENARIOS = {
    "plan": plan_small, "large": plan_large, "canopy": plan_canopy, "semaphor": plan_semaphor, "streamline": plan_streamline,
    "puts": apply_puts, "batches": apply_batches, "rate": rate, "start": start, "outputs": outputs, "sandbox": capacity,
}


# ---- the table ------------------------------------------------------------------------------------------------------------------------


def markdown(bench):
    options = bench.options
    flags = "".join(f" --{name}" for name in ("full", "compare") if getattr(options, name))
    flags += f" --only {' '.join(options.only)}" if options.only else ""
    lines = [
        f"Written by `benches/end_to_end.py{flags}`: {os.cpu_count()} cores, medians of {bench.times} runs (of at least 5 where it is short, "
        "of at most 3 where it is long, of three times as many where applies or reports are compared with each other), server and program "
        "on the same machine.",
        "",
        "| scenario | measured | limit | |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in bench.rows),
        *itertools.chain.from_iterable(("", note) for note in bench.notes),
    ]
    return "\n".join(lines) + "\n"


def update(path, table):
    """Puts the table between the markers of a page."""
    text = path.read_text()
    begin, end = (text.find(marker) for marker in MARKERS)
    if not 0 <= begin < end:
        raise SystemExit(f"{path} has no lines {MARKERS[0]} and {MARKERS[1]}")
    path.write_text(f"{text[: begin + len(MARKERS[0])]}\n{table}{text[end:]}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, help="the program; else it is built")
    parser.add_argument("--yardstick", type=Path, help="the built bench `yardstick`; else it is built")
    parser.add_argument("--full", action="store_true", help="a million pairs instead of a tenth of it")
    parser.add_argument("--compare", action="store_true", help="run the fair script too; installs PyYAML and aiohttp for it")
    parser.add_argument("--runs", type=int, default=5, help="runs whose median is taken (default 5)")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, metavar="NAME", help=f"of {', '.join(SCENARIOS)}")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there")
    parser.add_argument("--update", type=Path, metavar="FILE", help="put the table between the markers of this page")
    return parser.parse_args()


def main():
    options = arguments()
    binary = options.binary or built("assignctl", "--bin", "assignctl", "--release")
    with tempfile.TemporaryDirectory(prefix="assignctl-bench-") as directory:
        # Building the yardstick puts another one in its place.
        options.binary = Path(shutil.copy2(binary, directory))
        for name in options.only or SCENARIOS:
            place = Path(directory, name)
            place.mkdir()
            if name == next(iter(options.only or SCENARIOS)):
                bench = Bench(options, place)
            bench.directory = place
            SCENARIOS[name](bench)
            shutil.rmtree(place)
    table = markdown(bench)
    if options.markdown:
        options.markdown.write_text(table)
    if options.update:
        update(options.update, table)
    missed = sum(row[3] == "**missed**" for row in bench.rows)
    print(f"\n{len(bench.rows)} figures, {missed} over their limits")


main()
