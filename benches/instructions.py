"""User instructions for one request, counted by callgrind: the same on a machine that is busy, whatever runs beside it."""

import glob
import os
import re
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass

from checks import PATH, check_answers
from machine import Failure, wait_until
from servers import Redis, Store, ask, basic
from world import BARE

# Few: those who were seen are written down by the second, not by the check, and here seconds are long.
TOKENS = 16
# More than the copies in the process are to hold, where they are to be found elsewhere.
FAR, COPIES = 400, 100
WARM = 1_500
MANY = 2_000
# Callgrind's files go there, named by row, where they are to be read afterwards.
KEPT = os.environ.get("BENCH_CALLGRIND")


@dataclass
class Row:
    """One server, what it is asked, and what a request costs it."""

    name: str
    server: object
    basic: str
    forms: list
    path: str = ""
    url: str = PATH
    good: bytes = b'"active":true'
    connections: int = 8
    instructions: float = 0.0

    def requests(self):
        """The same bytes that wrk sends."""
        return [(f"POST {self.url} HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nAuthorization: Basic {self.basic}\r\n"
                 f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n{form}").encode()
                for form in self.forms]

    def lookups(self):
        """Records found so far where they should be, by the server's own count."""
        return self.server.measures()[f'rescind_check_lookups_total{{path="{self.path}"}}'] if self.path else 0


def under_callgrind(world, start):
    """Starts a server that counts nothing before it is told to. Only the program itself runs under it, not what pins it."""
    pinned, folder = world.cores.on_server, tempfile.mkdtemp(prefix="callgrind-", dir=world.folder)
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/out"]
    world.cores.on_server = lambda command: pinned([*valgrind, *command])
    try:
        row = start()
    finally:
        world.cores.on_server = pinned
    row.server.counts = folder
    return row


def control(server, *words):
    ran = subprocess.run(["callgrind_control", *words, str(server.child.pid)], capture_output=True, text=True)
    if ran.returncode or "Error" in ran.stdout + ran.stderr:
        raise Failure(f"callgrind_control: {ran.stdout}{ran.stderr}")


def is_good(row, reader):
    """Reads one answer; whether it is a good one."""
    status, length = reader.readline(), 0
    while (line := reader.readline()) not in (b"\r\n", b""):
        name, value = line.split(b":", 1)
        if name.lower() == b"content-length":
            length = int(value)
    return status.startswith(b"HTTP/1.1 200 ") and row.good in reader.read(length)


def ask_many(row, requests, many):
    """So many requests, some at once, each answer read."""
    lines = [socket.create_connection(("127.0.0.1", row.server.port), timeout=60) for _ in range(row.connections)]
    readers = [line.makefile("rb") for line in lines]
    for begin in range(0, many, row.connections):
        for at, line in enumerate(lines):
            line.sendall(requests[(begin + at) % len(requests)])
        if not all([is_good(row, reader) for reader in readers]):
            raise Failure(f"{row.name}: an answer was wrong")
    for reader, line in zip(readers, lines):
        reader.close()
        line.close()


def count(row, requests, many):
    """Instructions while so many requests are answered."""
    control(row.server, "-z")
    ask_many(row, requests, many)
    before = set(glob.glob(f"{row.server.counts}/out.*"))
    control(row.server, "-d")
    total = 0
    for path in set(glob.glob(f"{row.server.counts}/out.*")) - before:
        with open(path) as out:
            total += sum(int(found) for found in re.findall(r"^totals: (\d+)", out.read(), re.M))
        if KEPT:
            shutil.copy(path, os.path.join(KEPT, f"{row.name.replace(' ', '-')}.{many}"))
    if not total:
        raise Failure(f"{row.name}: callgrind counted nothing")
    return total


def measure_row(row):
    requests = row.requests()
    # Filled copies, grown tables, and whatever else is done once.
    control(row.server, "-i", "on")
    ask_many(row, requests, WARM)
    found = row.lookups()
    # What is done once for all of them drops out.
    row.instructions = (count(row, requests, 2 * MANY) - count(row, requests, MANY)) / MANY
    # Redis has a deadline, and here everything is slow: few at once.
    least = 3 * MANY * (0.9 if row.path == "redis" else 1)
    if row.path and row.lookups() - found < least:
        raise Failure(f"{row.name}: {row.lookups() - found} of {3 * MANY} were found there")


def beginnings(world, store, redis, forms):
    """The rows, each as what starts its server: one runs at a time."""
    bare, caller, machine = basic(*BARE), world.caller(store, "bench-api"), world.caller(store, "bench-machine")
    shared = {"near_cache": COPIES, "redis_url": redis.url}

    def serve(**settings):
        return world.serve(store, checks="fast", lease=30, **settings)

    return [
        lambda: Row("bare Rocket, our reading", world.serve_bare("strict"), bare, forms),
        lambda: Row("bare Rocket, as its guide shows it", world.serve_bare("ordinary"), bare, forms),
        lambda: Row("near copy", serve(), caller, forms[:TOKENS], "near"),
        lambda: Row("Redis", serve(**shared), caller, forms, "redis", connections=2),
        lambda: Row("client_credentials", serve(), machine, ["grant_type=client_credentials"], url="/oauth/token",
                    good=b'"access_token":'),
    ]


def measure(world, progress):
    tables, ids = world.people([("CHECK", FAR, 1)])
    store = world.prepare(Store.shared(world.postgres(), "instructions"))
    store.fill(tables)
    redis = world.start(Redis, world.folder, world.cores)
    access, refresh = world.tokens(ids, "instructions")
    with open(access) as file, open(refresh) as other:
        tokens, old = file.read().split(), other.read().split()
    rows = []
    for start in beginnings(world, store, redis, [f"token={token}" for token in tokens]):
        row = under_callgrind(world, start)
        if hasattr(row.server, "measures"):
            wait_until(f"{row.name} is ready", lambda: ask(row.server.port, "GET", "/health/ready")[0] == 200)
        if row.url == PATH:
            check_answers(row, tokens[:8], old)
        measure_row(row)
        progress(f"{row.name}: {row.instructions:,.0f} instructions")
        world.stop(row.server)
        rows.append(row)
    return rows


def table(rows):
    """Lines of Markdown."""
    strict, ordinary = (row.instructions for row in rows[:2])
    lines = ["| One request, user instructions | instructions | of bare Rocket | of Rocket's guide |", "|---|---:|---:|---:|"]
    return lines + [
        f"| {row.name} | {row.instructions:,.0f} | {row.instructions / strict:.2f} | {row.instructions / ordinary:.2f} |"
        for row in rows]
