"""User instructions for one check, counted by callgrind: the same on a machine that is busy, whatever runs beside it."""

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
from servers import Store, ask, basic
from world import BARE

TOKENS = 128
WARM = 1_500
MANY = 2_000
CONNECTIONS = 8
# Callgrind's files go there, named by row, where they are to be read afterwards.
KEPT = os.environ.get("BENCH_CALLGRIND")


@dataclass
class Row:
    """One server, and what a check costs it."""

    name: str
    server: object
    basic: str
    path: str = ""
    instructions: float = 0.0


def under_callgrind(world, start):
    """Starts a server that counts nothing before it is told to. Only the program itself runs under it, not what pins it."""
    pinned, folder = world.cores.on_server, tempfile.mkdtemp(prefix="callgrind-", dir=world.folder)
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/out"]
    world.cores.on_server = lambda command: pinned([*valgrind, *command])
    try:
        server = start()
    finally:
        world.cores.on_server = pinned
    server.counts = folder
    return server


def control(server, *words):
    ran = subprocess.run(["callgrind_control", *words, str(server.child.pid)], capture_output=True, text=True)
    if ran.returncode or "Error" in ran.stdout + ran.stderr:
        raise Failure(f"callgrind_control: {ran.stdout}{ran.stderr}")


def requests_of(row, tokens):
    """The same bytes that wrk sends."""
    def bytes_of(token):
        body = f"token={token}"
        return (f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{row.server.port}\r\nAuthorization: Basic {row.basic}\r\n"
                f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()

    return [bytes_of(token) for token in tokens]


def read_answer(reader):
    """Reads one answer; whether it is a good one."""
    status, length = reader.readline(), 0
    while (line := reader.readline()) not in (b"\r\n", b""):
        name, value = line.split(b":", 1)
        if name.lower() == b"content-length":
            length = int(value)
    return status.startswith(b"HTTP/1.1 200 ") and b'"active":true' in reader.read(length)


def ask_many(row, requests, many):
    """So many checks, some at once, each answer read."""
    lines = [socket.create_connection(("127.0.0.1", row.server.port), timeout=60) for _ in range(CONNECTIONS)]
    readers = [line.makefile("rb") for line in lines]
    for begin in range(0, many, CONNECTIONS):
        for at, line in enumerate(lines):
            line.sendall(requests[(begin + at) % len(requests)])
        if not all(read_answer(reader) for reader in readers):
            raise Failure(f"{row.name}: an answer was wrong")
    for reader, line in zip(readers, lines):
        reader.close()
        line.close()


def count(row, requests, many):
    """Instructions while so many checks are answered."""
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


def measure_row(row, tokens):
    requests = requests_of(row, tokens)
    # Filled copies, grown tables, and whatever else is done once.
    control(row.server, "-i", "on")
    ask_many(row, requests, WARM)
    found = near(row)
    # What does not come with each check (a lease that is renewed) is in both, and drops out.
    row.instructions = (count(row, requests, 2 * MANY) - count(row, requests, MANY)) / MANY
    if row.path and near(row) - found != 3 * MANY:
        raise Failure(f"{row.name}: {near(row) - found} of {3 * MANY} were found near")


def near(row):
    return row.server.measures()['rescind_check_lookups_total{path="near"}'] if row.path else 0


def measure(world, progress):
    tables, ids = world.people([("CHECK", TOKENS, 1)])
    store = world.prepare(Store.shared(world.postgres(), "instructions"))
    store.fill(tables)
    access, refresh = world.tokens(ids, "instructions")
    tokens = open(access).read().split()
    bare = basic(*BARE)
    begin = [
        lambda: Row("near copy", world.serve(store, checks="fast", lease=30), world.caller(store, "bench-api"), "near"),
        lambda: Row("bare Rocket, our reading", world.serve_bare("strict"), bare),
        lambda: Row("bare Rocket, as its guide shows it", world.serve_bare("ordinary"), bare),
    ]
    rows = []
    for start in begin:
        made = []
        server = under_callgrind(world, lambda: made.append(start()) or made[0].server)
        row = made[0]
        if row.path:
            wait_until(f"{row.name} is ready", lambda: ask(server.port, "GET", "/health/ready")[0] == 200)
        check_answers(row, tokens[:8], open(refresh).read().split()[:1])
        measure_row(row, tokens)
        progress(f"{row.name}: {row.instructions:,.0f} instructions")
        world.stop(server)
        rows.append(row)
    return rows


def table(rows):
    """Lines of Markdown."""
    found, strict, ordinary = (row.instructions for row in rows)
    lines = ["| One check, user instructions (callgrind) | instructions | of bare Rocket | of Rocket's guide |", "|---|---:|---:|---:|"]
    for row in rows:
        lines.append(f"| {row.name} | {row.instructions:,.0f} | {row.instructions / strict:.2f} | {row.instructions / ordinary:.2f} |")
    return lines
