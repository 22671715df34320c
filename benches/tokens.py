"""Giving out tokens: client_credentials, refreshes, sign-ins."""

import http.client
import json
import os
import re
import secrets
import statistics
import subprocess
import urllib.parse

from machine import Failure, cpu_seconds, drive
from servers import Store, ask, basic, run_json
from world import BARE

PATH = "/oauth/token"
WARM, LONG, REPEATS = 1, 4, 3
REFRESHES = 60_000
SIGN_INS = 40
# RFC 7636, appendix B.
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


class Row:
    """One line of the table."""

    def __init__(self, name, server, words, path=PATH, store=None, fresh=0):
        self.name, self.server, self.words, self.path, self.store = name, server, words, path, store
        self.fresh, self.at, self.loads = fresh, 0, []

    def run(self, world, seconds):
        url = f"http://127.0.0.1:{self.server.port}{self.path}"
        begun = self.given()
        load = drive(world.cores, url, [*self.words, f"from={self.at}"], seconds, self.server.pids,
                     self.store.pids if self.store else ())
        # Those under way when the time was over are used up as well.
        self.at += load.requests + 32
        if self.fresh and self.at > self.fresh:
            raise Failure(f"{self.name}: more than {self.fresh} refreshes; a token would be used twice")
        if self.store and not load.requests - load.failed <= self.given() - begun <= load.requests + 64:
            raise Failure(f"{self.name}: {self.given() - begun:.0f} answers with tokens to {load.requests} requests")
        return load

    def given(self):
        """Answers with tokens so far, by the server's own count."""
        if not self.store:
            return 0
        told = self.server.measures()
        return sum(count for name, count in told.items() if name.startswith("rescind_tokens_issued_total"))

    def median(self, of):
        return statistics.median(getattr(load, of) for load in self.loads)


def check_answer(row):
    """One answer is read."""
    form = {"grant_type": "client_credentials"}
    status, body, _ = ask(row.server.port, "POST", PATH, form, {"Authorization": row.words[0].replace("basic=", "Basic ")})
    if status != 200 or not json.loads(body).get("access_token"):
        raise Failure(f"{row.name}: {status} {body}")


def measure(world, progress):
    postgres = world.postgres()
    tables, ids = world.people([("REFRESH", REFRESHES, 1)])
    stores = [world.prepare(Store.embedded(world.folder, "tokens")), world.prepare(Store.shared(postgres, "tokens"))]
    _, refresh = world.tokens(ids, "refresh")
    rows = [Row("bare Rocket, our reading", world.serve_bare("strict"), [f"basic={basic(*BARE)}", "before=token=nothing"],
                "/oauth/introspect")]
    signed_in = []
    for store, name in zip(stores, ("embedded", "PostgreSQL")):
        store.fill(tables)
        enter(world, store)
        server = world.serve(store, checks="fast")
        machine, app = (world.caller(store, client) for client in ("bench-machine", "bench-app"))
        rows.append(Row(f"client_credentials, {name}", server, [f"basic={machine}", "before=grant_type=client_credentials"],
                        store=store))
        check_answer(rows[-1])
        rows.append(Row(f"refresh, {name}", server, [f"basic={app}", f"file={refresh}",
                                                     "before=grant_type=refresh_token&refresh_token="],
                        store=store, fresh=REFRESHES))
        signed_in.append((f"sign-in, {name}", sign_ins(server)))
        progress(f"{signed_in[-1][0]}: {signed_in[-1][1] / 1000:.1f} ms")
    for turn in range(REPEATS):
        for row in rows:
            row.run(world, WARM)
            row.loads.append(row.run(world, LONG))
            progress(f"{turn + 1}/{REPEATS} {row.name}: {row.loads[-1].server_us:.1f} us, others {row.loads[-1].others:.2f}")
    hashing = argon2(world)
    for server in {id(row.server): row.server for row in rows}.values():
        world.stop(server)
    return rows, signed_in, hashing


PASSWORD = secrets.token_hex(12)


def enter(world, store):
    """A customer with a password."""
    run_json(world.program, ["customer", "create", "--id", "SIGNER", "--name", "Signer"], world.settings(store), world.folder,
             PASSWORD)


def sign_ins(server):
    """CPU microseconds for each form of name and password, of a server that does nothing else."""
    opened = [begin(server.port) for _ in range(SIGN_INS)]
    before = cpu_seconds(server.pids)
    for connection, form, cookies in opened:
        answered = send(connection, "POST", "/login", form, cookies)
        if answered[0] != 303 or not any("sign" in name or "session" in name or "sso" in name for name in answered[2]):
            raise Failure(f"sign-in: {answered[0]} {answered[1][:300]}")
    spent = cpu_seconds(server.pids) - before
    for connection, _, _ in opened:
        connection.close()
    return spent / SIGN_INS * 1e6


def begin(port):
    """A browser that was shown the sign-in page: connection, the form, cookies."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    query = urllib.parse.urlencode({"response_type": "code", "client_id": "bench-app", "redirect_uri": "https://app.example/back",
                                    "state": "s", "code_challenge": CHALLENGE, "code_challenge_method": "S256"})
    status, body, cookies = send(connection, "GET", f"/oauth/authorize?{query}", None, {})
    for _ in range(3):
        found = re.search(r'name="csrf_token" value="([^"]+)"', body)
        if found:
            return connection, {"csrf_token": found[1], "username": "SIGNER", "password": PASSWORD}, cookies
        status, body, cookies = send(connection, "GET", cookies.pop("location"), None, cookies)
    raise Failure(f"no sign-in page: {status} {body[:300]}")


def send(connection, method, path, form, cookies):
    """Status, body, and the cookies there are now; a place to go to stands among them."""
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
    headers |= {"Host": f"localhost:{connection.port}"}
    if form:
        headers |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://localhost:{connection.port}"}
    connection.request(method, path, urllib.parse.urlencode(form) if form else None, headers)
    answer = connection.getresponse()
    body, cookies = answer.read().decode(), dict(cookies)
    for line in answer.headers.get_all("Set-Cookie") or ():
        name, value = line.split(";")[0].split("=", 1)
        cookies[name] = value
    if answer.headers.get("Location"):
        cookies["location"] = answer.headers["Location"].split(f"localhost:18000")[-1]
    return answer.status, body, cookies


def argon2(world):
    """CPU microseconds of one argon2 run alone."""
    spent = []
    for runs in (1, 1 + SIGN_INS):
        child = subprocess.Popen(world.cores.on_server([world.bare, "argon2", str(runs)]))
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise Failure("bare argon2 failed")
        spent.append(used.ru_utime + used.ru_stime)
    return (spent[1] - spent[0]) / SIGN_INS * 1e6


def table(measured):
    rows, signed_in, hashing = measured
    bare = rows[0].median("server_us")
    lines = [
        "| Token endpoint and sign-in | CPU µs a request | of bare Rocket | a second | p50 ms | p99 ms | store's CPU µs | others |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        rate = statistics.median(load.requests / load.seconds for load in row.loads)
        us = row.median("server_us")
        lines.append(f"| {row.name} | {us:.1f} | {us / bare:.2f} | {rate:,.0f} | {row.median('p50_us') / 1000:.2f}"
                     f" | {row.median('p99_us') / 1000:.1f} | {row.median('store_us'):.1f} | {row.median('others'):.2f} |")
    lines.append(f"| one argon2id run alone | {hashing:,.0f} | {hashing / bare:,.0f} | | | | | |")
    for name, us in signed_in:
        lines.append(f"| {name}, one at a time | {us:,.0f} | {us / bare:,.0f} | | | | | |")
        lines.append(f"| of it without argon2id | {us - hashing:,.0f} | {(us - hashing) / bare:,.0f} | | | | | |")
    return lines
