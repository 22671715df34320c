"""Checks of tokens: near, from Redis, from the truth, against bare servers."""

import json
import statistics
from dataclasses import dataclass, field

from machine import Failure, drive
from servers import Redis, Store, ask
from world import BARE, basic, embedded_copy

PATH = "/oauth/introspect"
TOKENS = 20_000
WARM, LONG, REPEATS = 1, 4, 3


@dataclass
class Row:
    """One line of the table: a server, who asks it, and where it should find the record."""

    name: str
    server: object
    basic: str
    path: str = ""
    store_pids: object = list
    loads: list = field(default_factory=list)
    found: float = 0.0
    at: int = 0

    def median(self, of):
        return statistics.median(getattr(load, of) for load in self.loads)

    @property
    def us(self):
        return self.median("server_us")

    @property
    def spread(self):
        costs = [load.server_us for load in self.loads]
        return (max(costs) - min(costs)) / self.us


def check_answers(row, tokens, refresh):
    """What it says of good tokens, of what is none, and to somebody with a wrong secret."""
    form = {"Authorization": f"Basic {row.basic}"}
    for at, token in enumerate(tokens):
        status, body, _ = ask(row.server.port, "POST", PATH, {"token": token}, form)
        said = json.loads(body) if status == 200 else {}
        if said.get("active") is not True:
            raise Failure(f"{row.name}: said of a good token: {status} {body}")
        if row.path and said.get("sub") != f"CHECK_{at}":
            raise Failure(f"{row.name}: told of somebody else: {body}")
    status, _, _ = ask(row.server.port, "POST", PATH, {"token": tokens[0]}, {"Authorization": f"Basic {basic('bench-api', 'no')}"})
    if status != 401:
        raise Failure(f"{row.name}: a wrong secret got {status}")
    for other in (refresh[0], tokens[0][:-1] + ("a" if tokens[0][-1] != "a" else "b"), "nothing") if row.path else ():
        status, body, _ = ask(row.server.port, "POST", PATH, {"token": other}, form)
        if (status, body) != (200, '{"active":false}'):
            raise Failure(f"{row.name}: said of a bad token: {status} {body}")


def counted(row):
    """Good answers and records found so far, by the server's own count."""
    if not row.path:
        return 0.0, 0.0
    measures = row.server.measures()
    return measures['rescind_checks_total{answer="active"}'], measures[f'rescind_check_lookups_total{{path="{row.path}"}}']


def run_once(world, row, file, seconds):
    words = [f"basic={row.basic}", f"file={file}", "before=token=", f"from={row.at}"]
    url = f"http://127.0.0.1:{row.server.port}{PATH}"
    good, found = counted(row)
    try:
        load = drive(world.cores, url, words, seconds, row.server.pids, row.store_pids())
    except Failure as why:
        measures = row.server.measures() if row.path else {}
        seen = {name: value for name, value in measures.items() if value and name.startswith("rescind_check")}
        raise Failure(f"{row.name}: {why}; {seen}") from why
    row.at += load.requests
    good, found = (now - then for now, then in zip(counted(row), (good, found)))
    if row.path:
        # Those under way when the time was over are counted by the server alone.
        if not load.requests - load.failed <= good <= load.requests + 64:
            raise Failure(f"{row.name}: {good:.0f} good answers to {load.requests} requests")
        row.found = found / good
    return load


def rows_of(world, postgres, redis, embedded, shared):
    """The lines of the table. All servers run at once, so that the repeats can take turns."""
    bare = basic(*BARE)
    plain_file = embedded_copy(world, embedded, "plain")

    def serve(name, store, path, **settings):
        server = world.serve(store, **settings)
        return Row(name, server, world.caller(store, "bench-api"), path, lambda: store.pids)

    rows = [
        Row("bare Rocket, our reading of forms and credentials", world.serve_bare("strict"), bare),
        Row("bare Rocket, as its guide shows it", world.serve_bare("ordinary"), bare),
        Row("bare hyper 1, our reading", world.serve_bare("hyper"), bare),
        serve("near copy, PostgreSQL", shared, "near", checks="fast"),
        serve("near copy, embedded", embedded, "near", checks="fast"),
        serve("Redis", shared, "redis", checks="fast", near_cache=100, redis_url=redis.url),
        serve("truth (plain), embedded", plain_file, "plain", checks="plain"),
        serve("truth (plain), PostgreSQL", shared, "plain", checks="plain"),
        serve("near copy, PostgreSQL, a log line each", shared, "near", checks="fast", log="info"),
    ]
    next(row for row in rows if row.path == "redis").store_pids = lambda: redis.pids
    return rows


def warm_up(world, row, file):
    """Until every token was asked about, and found where it should be: nine of ten, as a copy may be due for renewal."""
    ready = 0
    for _ in range(60):
        load = run_once(world, row, file, WARM)
        ready = ready + load.requests if row.found > 0.9 else 0
        if not row.path or row.path == "plain" or ready >= TOKENS:
            return
    raise Failure(f"{row.name}: only {row.found:.1%} were found by way of {row.path}")


def measure(world, progress):
    """All rows, measured in turn."""
    postgres = world.postgres()
    redis = world.start(Redis, world.folder, world.cores)
    tables, ids = world.people([("CHECK", TOKENS, 1)])
    embedded, shared = Store.embedded(world.folder, "embedded"), Store.shared(postgres, "checks")
    for store in (embedded, shared):
        world.prepare(store).fill(tables)
    access, refresh = world.tokens(ids, "checks")
    with open(access) as file, open(refresh) as other:
        tokens, old = [next(file).strip() for _ in range(20)], [next(other).strip()]
    rows = rows_of(world, postgres, redis, embedded, shared)
    for row in rows:
        check_answers(row, tokens, old)
        warm_up(world, row, access)
    for turn in range(REPEATS):
        for row in rows:
            run_once(world, row, access, WARM)
            row.loads.append(run_once(world, row, access, LONG))
            progress(f"{turn + 1}/{REPEATS} {row.name}: {row.loads[-1].server_us:.1f} us, found {row.found:.1%},"
                     f" others {row.loads[-1].others:.2f}")
    for row in rows:
        check_answers(row, tokens, old)
    for row in rows:
        world.stop(row.server)
    return rows


def table(rows):
    """Lines of Markdown."""
    strict, ordinary, hyper = rows[:3]
    lines = [
        "| Introspection, answered from | CPU µs a check | kernel's | of bare Rocket | of Rocket's guide | of bare hyper |"
        " checks/s | p50 ms | p99 ms | store's CPU µs | turned away | spread | others |",
        "|---|" + "---:|" * 12,
    ]
    for row in rows:
        rate = statistics.median(load.requests / load.seconds for load in row.loads)
        lines.append(
            f"| {row.name} | {row.us:.1f} | {row.median('kernel_us'):.1f} | {row.us / strict.us:.2f} | {row.us / ordinary.us:.2f} | {row.us / hyper.us:.2f}"
            f" | {rate:,.0f} | {row.median('p50_us') / 1000:.2f} | {row.median('p99_us') / 1000:.1f}"
            f" | {row.median('store_us'):.1f} | {sum(load.failed for load in row.loads)} | {row.spread:.0%} | {row.median('others'):.2f} |")
    return lines
