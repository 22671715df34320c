"""Memory and cold start."""

import statistics
import time

from checks import Row, TOKENS, warm_up
from machine import wait_until
from servers import Store, ask

STARTS = 5


def measure(world, progress):
    store = world.prepare(Store.embedded(world.folder, "sizes"))
    tables, ids = world.people([("CHECK", TOKENS, 1)])
    store.fill(tables)
    access, _ = world.tokens(ids, "sizes")
    starts, idle = [], []
    for _ in range(STARTS):
        server = world.serve(store, checks="fast")
        wait_until("it is ready", lambda: ask(server.port, "GET", "/health/ready")[0] == 200)
        starts.append((time.monotonic() - server.began) * 1000)
        time.sleep(1)
        idle.append(server.kib)
        world.stop(server)
    bare = world.serve_bare("strict")
    time.sleep(1)
    bare_idle = bare.kib
    world.stop(bare)
    # A first run with the smallest cache, so that what any load needs is not taken for copies.
    figures = {}
    for room in (100, TOKENS * 2):
        server = world.serve(store, checks="fast", near_cache=room)
        row = Row("near", server, world.caller(store, "bench-api"), "near" if room > TOKENS else "truth")
        warm_up(world, row, access)
        figures[room] = server.kib
        world.stop(server)
    few, many = figures.values()
    progress(f"idle {statistics.median(idle)} KiB, few copies {few} KiB, {TOKENS} copies {many} KiB")
    return {
        "ready after the start, embedded, median ms": f"{statistics.median(starts):.0f}",
        "resident, idle, MiB": f"{statistics.median(idle) / 1024:.1f}",
        "the same of bare Rocket, MiB": f"{bare_idle / 1024:.1f}",
        "resident after checks, 100 copies, MiB": f"{few / 1024:.1f}",
        f"resident after checks, {TOKENS:,} copies, MiB": f"{many / 1024:.1f}",
        "bytes a copy": f"{(many - few) * 1024 / TOKENS:,.0f}",
    }


def table(figures):
    return ["| Memory and start | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in figures.items())]
