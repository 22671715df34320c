"""Lockdowns: how long until one is proven, against one row committed on the same server."""

import glob
import http.client
import json
import os
import sqlite3
import statistics
import time

from machine import Failure, wait_until
from servers import Store, ask

COMMITS = 300
SAMPLES = {1: 300, 100: 100, 10_000: 20}
# Lockdowns that are not measured: a node that has just been started opens connections.
WARM_UP = 20
# Rows of other people in the table of sessions.
SIZES = [10_000]
LARGE = 1_000_000


def quantile(times, part):
    times = sorted(times)
    return times[min(len(times) - 1, int(part * len(times)))]


class Embedded:
    """The one-row commit on an embedded database, by a connection of its own."""

    def __init__(self, store):
        self.file = sqlite3.connect(store.url.removeprefix("sqlite:"), isolation_level=None)
        self.file.execute("PRAGMA synchronous = FULL")
        self.file.execute("CREATE TABLE IF NOT EXISTS one_row (n INTEGER)")
        self.file.execute("INSERT INTO one_row VALUES (0)")

    def commits(self):
        times = []
        for _ in range(COMMITS):
            began = time.perf_counter()
            self.file.execute("UPDATE one_row SET n = n + 1")
            times.append((time.perf_counter() - began) * 1000)
        return times

    def pending(self):
        return self.file.execute("SELECT COUNT(*) FROM incidents WHERE swept_at IS NULL").fetchone()[0]


class Shared:
    """The same on PostgreSQL, by its own pgbench."""

    def __init__(self, store):
        self.store = store
        store.postgres.sql(store.name, "CREATE TABLE IF NOT EXISTS one_row (n BIGINT); INSERT INTO one_row VALUES (0);")
        self.script = os.path.join(store.postgres.folder, "commit.sql")
        with open(self.script, "w") as file:
            file.write("UPDATE one_row SET n = n + 1;\n")

    def commits(self):
        postgres = self.store.postgres
        log = os.path.join(postgres.folder, "commits")
        postgres.run("pgbench", "-n", "-c", "1", "-t", str(COMMITS), "-l", f"--log-prefix={log}", "-f", self.script, "-h",
                     postgres.folder, "-p", str(postgres.port), "-U", "postgres", self.store.name)
        times = []
        for path in glob.glob(f"{log}.*"):
            with open(path) as file:
                times += [int(line.split()[2]) / 1000 for line in file]
            os.remove(path)
        return times

    def pending(self):
        return int(self.store.postgres.sql(self.store.name, "SELECT COUNT(*) FROM incidents WHERE swept_at IS NULL"))


def bearer(world, store, server):
    caller = world.caller(store, "bench-desk")
    status, body, _ = ask(server.port, "POST", "/oauth/token", {"grant_type": "client_credentials"},
                          {"Authorization": f"Basic {caller}"})
    if status != 200:
        raise Failure(f"bench-desk: {status} {body}")
    return json.loads(body)["access_token"]


def lock(connection, token, customer, sessions):
    """Milliseconds until a lockdown is answered as confirmed, with the count of sessions; and until it was proven, as the
    receipt says; and by how many nodes."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    began = time.perf_counter()
    connection.request("POST", f"/api/v1/customers/{customer}/lockdown", '{"reason":"measured"}', headers)
    answer = connection.getresponse()
    body = answer.read()
    took = (time.perf_counter() - began) * 1000
    said = json.loads(body)
    if (answer.status, said.get("status"), said.get("sessions_ended")) != (200, "confirmed", sessions):
        raise Failure(f"lockdown of {customer}: {answer.status} {said}")
    return took, said["confirmed_in_ms"], said["nodes"]


def measure(world, progress):
    measured = []
    for name, store, yardstick, nodes in (
        ("PostgreSQL, three nodes", Store.shared(world.postgres(), "three"), Shared, 3),
        ("PostgreSQL, one node", Store.shared(world.postgres(), "one"), Shared, 1),
        ("embedded", Store.embedded(world.folder, "lockdowns"), Embedded, 1),
    ):
        world.prepare(store)
        filled = 0
        for size in SIZES:
            tables, _ = world.people([(f"OTHER{size}", size - filled, 1), (f"W{size}", WARM_UP, 1),
                                      *((f"L{size}_{many}", samples, many) for many, samples in SAMPLES.items())])
            store.fill(tables)
            filled = size
            running = [world.serve(store, checks="fast") for _ in range(nodes)]
            server, judge = running[0], yardstick(store)
            warm_up(world, server, store, (size, nodes))
            for many, samples in SAMPLES.items():
                measured.append((name, size, many, *one(world, server, store, judge, (size, many, samples))))
                commits, locks = measured[-1][3:]
                progress(f"{name}, {size} rows, {many} sessions: {statistics.median(lock[0] for lock in locks):.2f} ms;"
                         f" commit {statistics.median(commits):.2f} ms")
            for server in running:
                world.stop(server)
    return measured


def warm_up(world, server, store, asked):
    size, nodes = asked
    token = bearer(world, store, server)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for at in range(WARM_UP):
        found = lock(connection, token, f"W{size}_{at}", 1)[2]
        if found != nodes:
            raise Failure(f"{found} nodes have confirmed, not {nodes}")
    connection.close()


def one(world, server, store, judge, asked):
    """Times of commits and of lockdowns, in ms."""
    size, many, samples = asked
    token = bearer(world, store, server)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    commits, locks = judge.commits(), []
    for at in range(samples):
        locks.append(lock(connection, token, f"L{size}_{many}_{at}", many))
        if many > 100:
            # What an incident leaves to be marked is marked in batches behind it; the next one is not to wait for that.
            wait_until("the sweep ends", lambda: not judge.pending(), 120)
    connection.close()
    wait_until("the sweep ends", lambda: not judge.pending(), 120)
    return commits + judge.commits(), locks


def table(measured):
    lines = [
        "| Lockdown | other sessions | sessions ended | lockdowns | proven p50 ms | p99 ms | answered p50 ms | p99 ms"
        " | commit p50 ms | p99 ms | answered / commit p50 | p99 |",
        "|---|" + "---:|" * 11,
    ]
    for name, size, many, commits, locks in measured:
        took, proven = ([lock[at] for lock in locks] for at in (0, 1))
        p50, p99 = quantile(took, 0.5), quantile(took, 0.99)
        c50, c99 = quantile(commits, 0.5), quantile(commits, 0.99)
        lines.append(f"| {name} | {size:,} | {many:,} | {len(locks)} | {quantile(proven, 0.5)} | {quantile(proven, 0.99)}"
                     f" | {p50:.2f} | {p99:.2f} | {c50:.2f} | {c99:.2f} | {p50 / c50:.1f} | {p99 / c99:.1f} |")
    return lines
