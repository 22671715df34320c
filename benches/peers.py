"""Another authorization server with opaque tokens, in the same run: oidc-provider on Node.js, its records in Redis."""

import os
import shutil
import statistics
import subprocess

from checks import LONG, REPEATS, TOKENS, WARM, Row, check_answers, run_once, warm_up
from machine import HERE, Failure, drive
from servers import Process, Redis, Store, ask, free_port
from world import BARE, basic

PEER_TOKENS = 2_000
INTROSPECT = "/token/introspection"
# It takes about ten times as long for an answer, and is not measured for longer.
NAME = "oidc-provider, Redis"


def install(world):
    """The packages named in its package.json, from the registry that npm is set up for."""
    if not shutil.which("npm"):
        raise Failure("please install npm: --peers fetches oidc-provider by it")
    folder = os.path.join(world.folder, "oidc-provider")
    shutil.copytree(os.path.join(HERE, "oidc-provider"), folder)
    ran = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"], cwd=folder, capture_output=True, text=True)
    if ran.returncode:
        raise Failure(f"npm install: {ran.stderr[-600:]}")
    return folder


def serve_peer(world, folder, redis):
    port = free_port()
    name, secret = BARE
    settings = {"NODE_ENV": "production", "PORT": str(port), "CLIENT_ID": name, "CLIENT_SECRET": secret, "REDIS_URL": redis.url}
    node = os.path.join(folder, "node_modules", ".bin", "node")
    return world.start(Process, world.cores.on_server([node, os.path.join(folder, "server.js")]), port, world.folder, settings)


def issue(world, server):
    """Tokens it made itself."""
    headers = {"Authorization": f"Basic {basic(*BARE)}"}
    path = os.path.join(world.folder, "peer.access")
    with open(path, "w") as file:
        for _ in range(PEER_TOKENS):
            form = {"grant_type": "client_credentials", "scope": "accounts:read"}
            status, body, _ = ask(server.port, "POST", "/token", form, headers)
            if status != 200:
                raise Failure(f"oidc-provider: {status} {body}")
            file.write(body.split('"access_token":"')[1].split('"')[0] + "\n")
    return path


def run_peer(world, server, file, seconds, redis):
    words = [f"basic={basic(*BARE)}", f"file={file}", "before=token_type_hint=client_credentials&token="]
    return drive(world.cores, f"http://127.0.0.1:{server.port}{INTROSPECT}", words, seconds, server.pids, redis.pids)


def measure(world, progress):
    """Checks from memory and from Redis, and the other server's, in turn."""
    folder = install(world)
    redis, mine = (world.start(Redis, world.folder, world.cores) for _ in range(2))
    peer = serve_peer(world, folder, redis)
    file = issue(world, peer)
    with open(file) as tokens:
        token = next(tokens).strip()
    headers = {"Authorization": f"Basic {basic(*BARE)}"}
    status, body, _ = ask(peer.port, "POST", INTROSPECT, {"token": token}, headers)
    if status != 200 or '"active":true' not in body:
        raise Failure(f"oidc-provider said of a good token: {status} {body}")

    store = world.prepare(Store.shared(world.postgres(), "peers"))
    tables, ids = world.people([("CHECK", TOKENS, 1)])
    store.fill(tables)
    access, refresh = world.tokens(ids, "peers")
    caller = world.caller(store, "bench-api")
    rows = [
        Row("Rescind, near copy", world.serve(store, checks="fast"), caller, "near", lambda: store.pids),
        Row("Rescind, Redis", world.serve(store, checks="fast", near_cache=100, redis_url=mine.url), caller, "redis",
            lambda: mine.pids),
    ]
    with open(access) as good, open(refresh) as other:
        tokens, old = [next(good).strip() for _ in range(20)], [next(other).strip()]
    for row in rows:
        check_answers(row, tokens, old)
        warm_up(world, row, access)
    loads = []
    for turn in range(REPEATS):
        run_peer(world, peer, file, WARM, redis)
        loads.append(run_peer(world, peer, file, LONG, redis))
        progress(f"{turn + 1}/{REPEATS} {NAME}: {loads[-1].server_us:.1f} us, others {loads[-1].others:.2f}")
        for row in rows:
            run_once(world, row, access, WARM)
            row.loads.append(run_once(world, row, access, LONG))
            progress(f"{turn + 1}/{REPEATS} {row.name}: {row.loads[-1].server_us:.1f} us, others {row.loads[-1].others:.2f}")
    resident = peer.kib
    for row in rows:
        row.kib = row.server.kib
        world.stop(row.server)
    world.stop(peer)
    return rows, loads, resident


def table(measured):
    rows, loads, resident = measured
    median = lambda of: statistics.median(getattr(load, of) for load in loads)
    lines = [
        "| Introspection | CPU µs a check | checks per CPU second, of oidc-provider's | p50 ms | p99 ms | resident MiB | others |",
        "|---|" + "---:|" * 6,
        f"| {NAME} | {median('server_us'):.1f} | 1 | {median('p50_us') / 1000:.2f} | {median('p99_us') / 1000:.1f}"
        f" | {resident / 1024:.0f} | {median('others'):.2f} |",
    ]
    for row in rows:
        lines.append(f"| {row.name} | {row.us:.1f} | {median('server_us') / row.us:.1f} | {row.median('p50_us') / 1000:.2f}"
                     f" | {row.median('p99_us') / 1000:.1f} | {row.kib / 1024:.0f} | {row.median('others'):.2f} |")
    return lines
