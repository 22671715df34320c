"""A flood of sign-ins beside checks: how long checks take, at the same rate of checks with and without it."""

import http.client
import random
import statistics
import threading
import time

from checks import PATH, TOKENS
from lockdowns import quantile
from machine import Failure, wait_until
from servers import Store, ask
from tokens import PASSWORD, begin, enter, send

# A rate that a machine of two cores has time for beside everything else.
CHECKS_PER_SECOND = 200
SECONDS = 5
RUNS = 5
# More than there are places in the queue for passwords.
FLOODERS = 24


def check_steadily(world, server, caller, tokens):
    """Milliseconds of checks that are sent at fixed times, whatever becomes of those before (no coordinated omission)."""
    times, lock = [], threading.Lock()
    began = time.perf_counter() + 0.05
    lanes = 8

    def lane(number):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        headers = {"Authorization": f"Basic {caller}", "Content-Type": "application/x-www-form-urlencoded"}
        mine = []
        for at in range(number, CHECKS_PER_SECOND * SECONDS, lanes):
            due = began + at / CHECKS_PER_SECOND
            time.sleep(max(0.0, due - time.perf_counter()))
            connection.request("POST", PATH, f"token={random.choice(tokens)}", headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200 or not body.startswith(b'{"active":true'):
                raise Failure(f"a check beside sign-ins: {answer.status} {body[:200]}")
            mine.append((time.perf_counter() - due) * 1000)
        with lock:
            times.extend(mine)

    lanes_running = [threading.Thread(target=lane, args=(number,)) for number in range(lanes)]
    for one in lanes_running:
        one.start()
    for one in lanes_running:
        one.join()
    if len(times) != CHECKS_PER_SECOND * SECONDS:
        raise Failure(f"only {len(times)} checks were answered as they should")
    return times


class Flood:
    """People who sign in, as fast as they are let."""

    def __init__(self, server):
        self.server, self.stopped = server, threading.Event()
        self.answers, self.lock = {}, threading.Lock()
        self.all = [threading.Thread(target=self.run, daemon=True) for _ in range(FLOODERS)]

    def run(self):
        while not self.stopped.is_set():
            try:
                connection, form, cookies = begin(self.server.port)
                status, _, _ = send(connection, "POST", "/login", form, cookies)
                connection.close()
            except (OSError, Failure):
                status = 0
            with self.lock:
                self.answers[status] = self.answers.get(status, 0) + 1

    def __enter__(self):
        for one in self.all:
            one.start()
        time.sleep(1)
        self.answers.clear()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for one in self.all:
            one.join(30)


def measure(world, progress):
    """Pairs of runs, without and with the flood."""
    store = world.prepare(Store.shared(world.postgres(), "floods"))
    tables, ids = world.people([("CHECK", TOKENS, 1)])
    store.fill(tables)
    enter(world, store)
    access, _ = world.tokens(ids, "floods")
    with open(access) as file:
        tokens = [line.strip() for line in file][:500]
    # Both cores: argon2 may take half of them.
    server = world.serve(store, both=True, checks="fast")
    wait_until("it is ready", lambda: ask(server.port, "GET", "/health/ready")[0] == 200)
    caller = world.caller(store, "bench-api")
    check_steadily(world, server, caller, tokens)
    pairs = []
    for turn in range(RUNS):
        alone = check_steadily(world, server, caller, tokens)
        with Flood(server) as flood:
            began = dict(server.measures())
            beside = check_steadily(world, server, caller, tokens)
            ended = server.measures()
        name = 'rescind_sign_ins_total{who="customer",outcome="welcome"}'
        welcome = (ended.get(name, 0) - began.get(name, 0)) / SECONDS
        pairs.append((quantile(alone, 0.5), quantile(alone, 0.99), quantile(beside, 0.5), quantile(beside, 0.99), welcome))
        progress(f"{turn + 1}/{RUNS} p99 {pairs[-1][1]:.1f} ms alone, {pairs[-1][3]:.1f} ms beside {welcome:.0f} sign-ins/s;"
                 f" answers {flood.answers}")
    world.stop(server)
    return pairs


def table(pairs):
    median = lambda at: statistics.median(pair[at] for pair in pairs)
    ratio = statistics.median(pair[3] / pair[1] for pair in pairs)
    return [
        f"| {CHECKS_PER_SECOND} checks a second | p50 ms | p99 ms |",
        "|---|---:|---:|",
        f"| alone | {median(0):.2f} | {median(1):.2f} |",
        f"| beside {median(4):.0f} sign-ins a second, as many as argon2id has room for | {median(2):.2f} | {median(3):.2f} |",
        f"| p99 beside, of p99 alone: median of {RUNS} pairs | | {ratio:.1f} |",
    ]
