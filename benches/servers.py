"""Private servers in a folder that goes away: PostgreSQL, Redis, Rescind, the bare ones. All on loopback."""

import base64
import glob
import http.client
import json
import os
import pwd
import re
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.parse

from machine import Failure, cpu_seconds, family, memory_kib, wait_until

PREFIX = "bare"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A server of ours, ended by its own id."""

    def __init__(self, command, port, folder, settings=None):
        self.port = port
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RESCIND_", "ROCKET_"))}
        with open(os.path.join(folder, f"{port}.log"), "ab") as log:
            self.log = log.name
            self.began = time.monotonic()
            self.child = subprocess.Popen(command, cwd=folder, env=kept | (settings or {}), stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, start_new_session=True)
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise

    def wait(self):
        def is_up():
            if self.child.poll() is not None:
                with open(self.log) as log:
                    raise Failure(f"{self.child.args}: ended: {log.read()[-600:]}")
            return is_listening(self.port)

        wait_until(f"port {self.port} answers", is_up)

    @property
    def pids(self):
        return family(self.child.pid)

    @property
    def kib(self):
        return memory_kib(self.child.pid)

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(15)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class Postgres:
    """PostgreSQL of the distribution, with fsync, in a folder of its own."""

    def __init__(self, folder, cores):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[4]))
        if not found:
            raise Failure("no PostgreSQL under /usr/lib/postgresql")
        self.bin, self.folder = os.path.dirname(found[-1]), os.path.join(folder, "postgres")
        self.owner = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        os.mkdir(self.folder)
        if self.owner:
            os.chown(self.folder, self.owner.pw_uid, self.owner.pw_gid)
        data = os.path.join(self.folder, "data")
        self.run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        self.port = free_port()
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} -c max_connections=200 -c shared_buffers=256MB"
        self.run("pg_ctl", "-D", data, "-w", "-s", "-l", os.path.join(self.folder, "log"), "-o", options, "start",
                 before=cores.on_load([]))
        with open(os.path.join(data, "postmaster.pid")) as pid:
            self.pid = int(pid.readline())
        self.version = self.run("postgres", "--version").strip()

    def run(self, program, *words, before=(), text=None):
        ids = {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []} if self.owner else {}
        # A server that is started must not keep a pipe open that is read here to its end.
        out = subprocess.DEVNULL if "start" in words else subprocess.PIPE
        ran = subprocess.run([*before, os.path.join(self.bin, program), *words], cwd=self.folder, input=text, stdout=out,
                             stderr=subprocess.STDOUT if out != subprocess.DEVNULL else out, text=True, **ids)
        if ran.returncode:
            raise Failure(f"{program}: {(ran.stdout or '')[-600:]}")
        return ran.stdout or ""

    def url(self, name):
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}"

    def sql(self, name, text):
        words = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p", str(self.port), "-U", "postgres"]
        return self.run("psql", *words, "-d", name, text=text).strip()

    @property
    def pids(self):
        return family(self.pid)

    def stop(self):
        self.run("pg_ctl", "-D", os.path.join(self.folder, "data"), "-m", "fast", "-w", "-s", "stop")


class Redis(Process):
    """Redis of the distribution; keeps nothing."""

    def __init__(self, folder, cores):
        port = free_port()
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        super().__init__(cores.on_load(command), port, folder)
        self.url = f"redis://127.0.0.1:{port}"


class Store:
    """A database of Rescind's, on either engine, filled past the server."""

    def __init__(self, url, postgres=None):
        self.url, self.postgres = url, postgres

    @staticmethod
    def embedded(folder, name):
        return Store(f"sqlite:{folder}/{name}.db")

    @staticmethod
    def shared(postgres, name):
        postgres.sql("postgres", f"CREATE DATABASE {name}")
        return Store(postgres.url(name), postgres)

    @property
    def name(self):
        return self.url.rsplit("/", 1)[1]

    @property
    def pids(self):
        return self.postgres.pids if self.postgres else []

    def fill(self, tables):
        """Rows by table: the columns, and lists of values as PostgreSQL writes them."""
        if self.postgres:
            self.copy_in(tables)
            return
        with sqlite3.connect(self.url.removeprefix("sqlite:")) as file:
            for table, (columns, rows) in tables.items():
                ids = [at for at, name in enumerate(columns) if name == "session_id"]
                marks = ",".join("?" * len(columns))
                values = (self.with_bytes(row, ids) for row in rows)
                file.executemany(f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})", values)
            file.execute("ANALYZE")
        file.close()

    @staticmethod
    def with_bytes(row, places):
        row = list(row)
        for at in places:
            row[at] = bytes.fromhex(row[at].replace("-", ""))
        return row

    def copy_in(self, tables):
        # Foreign keys are checked elsewhere; without them it takes a fifth of the time.
        lines = ["SET session_replication_role = replica;"]
        for table, (columns, rows) in tables.items():
            lines.append(f"COPY {table} ({','.join(columns)}) FROM STDIN;")
            lines += ["\t".join("\\N" if value is None else str(value) for value in row) for row in rows]
            lines.append("\\.")
        self.postgres.sql(self.name, "\n".join([*lines, "ANALYZE;\n"]))


class Rescind(Process):
    """A serving Rescind on a store, on a core of its own unless it is given both."""

    def __init__(self, world, store, both=False, **settings):
        self.world, self.store = world, store
        port = free_port()
        given = world.settings(store) | {f"RESCIND_{name.upper()}": str(value) for name, value in settings.items()}
        given |= {"ROCKET_PORT": str(port)} | ({} if both else {"ROCKET_WORKERS": "1"})
        command = [world.program, "serve"]
        super().__init__(command if both else world.cores.on_server(command), port, world.folder, given)

    def measures(self):
        """Counters by name and label, as the server tells them."""
        status, body, _ = ask(self.port, "GET", "/metrics")
        if status != 200:
            raise Failure(f"/metrics said {status}")
        return {name: float(value) for name, value in re.findall(r"^(\w+(?:{[^}]*})?) ([-+.0-9e]+)$", body, re.M)}


def ask(port, method, path, form=None, headers=None, body=None):
    """One request; status, body, headers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = dict(headers or {})
    if form is not None:
        body = urllib.parse.urlencode(form)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, answer.headers


def basic(name, secret):
    return base64.b64encode(f"{name}:{secret}".encode()).decode()


def run_json(program, words, settings, folder, text=""):
    """A command of Rescind's with `--json`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RESCIND_", "ROCKET_"))}
    ran = subprocess.run([program, *words, "--json"], cwd=folder, env=kept | settings, input=text, capture_output=True,
                         text=True)
    if ran.returncode:
        raise Failure(f"rescind {' '.join(words)}: {ran.stderr}")
    return json.loads(ran.stdout) if ran.stdout.strip() else {}
