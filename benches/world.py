"""What is measured: programs, keys, clients, sessions and the tokens of them."""

import datetime
import json
import os
import shutil
import subprocess
import tempfile
import time

import servers
from machine import HERE, Cores, Failure
from servers import PREFIX, Postgres, Store, basic, run_json

RESOURCE = "https://api.bank.example/accounts"
SCOPE = "openid accounts:read"
BARE = ("bench-api", "bare_cs_0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdef")

CLIENTS = {
    "bench-api": ["--type", "resource-server", "--resource", RESOURCE],
    "bench-app": ["--type", "confidential", "--grant", "authorization_code", "--grant", "refresh_token",
                  "--scope", SCOPE, "--resource", RESOURCE, "--redirect-uri", "https://app.example/back", "--first-party"],
    "bench-machine": ["--type", "confidential", "--grant", "client_credentials", "--scope", "accounts:read",
                      "--resource", RESOURCE],
    "bench-desk": ["--type", "confidential", "--grant", "client_credentials", "--scope", "customers:lock"],
}

SESSION_COLUMNS = (
    "session_id client_id subject_id subject_kind device_id consent_id scope resources shapes generation rotated_at"
    " rotated_shape access_expires_at auth_at created_at last_seen_at expires_at global_epoch client_epoch subject_epoch"
    " device_epoch consent_epoch"
).split()


class World:
    """Everything of one run, in a folder that goes away with it."""

    def __init__(self, profile):
        self.cores = Cores.of_this_machine()
        self.program, self.bare = built(profile)
        self.profile = profile
        self.folder = tempfile.mkdtemp(prefix="rescind-bench-")
        os.chmod(self.folder, 0o711)  # PostgreSQL under another account has a folder of its own in it
        self.keys = run_json(self.program, ["keys", "generate"], {}, self.folder)
        self.running = []
        self.secrets = {}
        self.used = 0

    def settings(self, store):
        return self.keys | {
            "RESCIND_DATABASE_URL": store.url,
            "RESCIND_ISSUER": "http://localhost:18000",
            "RESCIND_TOKEN_PREFIX": PREFIX,
            "RESCIND_LIMIT_SCALE": "1000000",
            "RESCIND_ACCESS_TOKEN_MINUTES": "60",
            "RESCIND_LOG": "warn",
        }

    def start(self, server, *words, **settings):
        """Starts a server that ends with the run."""
        self.running.append(server(*words, **settings))
        return self.running[-1]

    def postgres(self):
        """The one private server of a run."""
        running = [server for server in self.running if isinstance(server, Postgres)]
        return running[0] if running else self.start(Postgres, self.folder, self.cores)

    def serve(self, store, **settings):
        return self.start(servers.Rescind, self, store, **settings)

    def serve_bare(self, kind):
        port = servers.free_port()
        command = self.cores.on_server([self.bare, kind, str(port)])
        return self.start(servers.Process, command, port, self.folder, {"ROCKET_WORKERS": "1"})

    def stop(self, server):
        self.running.remove(server)
        server.stop()

    def close(self):
        for server in reversed(self.running):
            server.stop()
        shutil.rmtree(self.folder)

    def prepare(self, store):
        """A schema and clients."""
        run_json(self.program, ["migrate"], self.settings(store), self.folder)
        for name, words in CLIENTS.items():
            made = run_json(self.program, ["client", "create", "--id", name, "--name", name, *words],
                            self.settings(store), self.folder)
            self.secrets[store.url, name] = made["client_secret"]
        return store

    def caller(self, store, name):
        return basic(name, self.secrets[store.url, name])

    def people(self, groups):
        """Customers, each with a device, a consent and so many sessions: tables to fill, and the ids of the sessions."""
        now = datetime.datetime.now(datetime.timezone.utc)
        at = now.isoformat(timespec="milliseconds")
        end = (now + datetime.timedelta(days=80)).isoformat(timespec="milliseconds")
        shapes = json.dumps([{"scope": SCOPE, "audience": [RESOURCE]}])
        rows = {"subjects": [], "epochs": [], "customers": [], "devices": [], "consents": [], "sessions": []}
        ids = []
        for name, many, sessions in groups:
            for at_customer in range(many):
                customer, device, consent = f"{name}_{at_customer}", self.new_id(), self.new_id()
                rows["subjects"].append((customer, "customer"))
                of_each = (("subject", customer), ("device", device), ("consent", consent))
                rows["epochs"] += [(kind, of, 1, "none") for kind, of in of_each]
                rows["customers"].append((customer, customer, customer.lower(), at))
                rows["devices"].append((device, customer, "bench-app", device, "Phone", at, at))
                rows["consents"].append((consent, customer, "bench-app", SCOPE, "", json.dumps([RESOURCE]), at))
                for _ in range(sessions):
                    ids.append(self.new_id())
                    rows["sessions"].append((ids[-1], "bench-app", customer, "customer", device, consent, SCOPE,
                                             json.dumps([RESOURCE]), shapes, 1, at, 0, at, at, at, at, end, 1, 1, 1, 1, 1))
        columns = {
            "subjects": ["subject_id", "kind"],
            "epochs": ["kind", "id", "epoch", "level"],
            "customers": ["customer_id", "name", "name_folded", "created_at"],
            "devices": ["device_id", "customer_id", "client_id", "app_device_id", "name", "first_seen_at", "last_seen_at"],
            "consents": ["consent_id", "customer_id", "client_id", "scope", "declined", "resources", "given_at"],
            "sessions": SESSION_COLUMNS,
        }
        return {table: (columns[table], rows[table]) for table in rows}, ids

    def new_id(self):
        """A UUID of version 7, as the server draws them, but counted."""
        self.used += 1
        ms, n = int(time.time() * 1000), self.used
        return f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7{n >> 60 & 0xFFF:03x}-8{n >> 48 & 0xFFF:03x}-{n & 0xFFFFFFFFFFFF:012x}"

    def tokens(self, ids, name):
        """Files of the access and the refresh tokens of sessions, a token a line."""
        text = "\n".join([self.keys["RESCIND_SECRET_KEY"], *ids]) + "\n"
        until = str(int(time.time()) + 3 * 3600)
        ran = subprocess.run([self.bare, "seal", PREFIX, until], input=text, capture_output=True, text=True)
        if ran.returncode:
            raise Failure(f"bare seal: {ran.stderr}")
        pairs = [line.split(" ") for line in ran.stdout.splitlines()]
        files = [os.path.join(self.folder, f"{name}.{kind}") for kind in ("access", "refresh")]
        for at, path in enumerate(files):
            with open(path, "w") as file:
                file.write("".join(pair[at] + "\n" for pair in pairs))
        return files


def built(profile):
    """Builds the program and the bare servers with the same flags; where they are."""
    root = os.path.dirname(HERE)
    # Together, so that both are made with the same features of the crates they share.
    command = ["cargo", "build", "--profile", profile, "--bin", "rescind", "--bench", "bare",
               "--message-format=json-render-diagnostics"]
    ran = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True)
    if ran.returncode:
        raise Failure("cargo build failed")
    said = (json.loads(line) for line in ran.stdout.splitlines())
    found = {one["target"]["name"]: one["executable"] for one in said if one.get("executable")}
    return found["rescind"], found["bare"]


def embedded_copy(world, store, name):
    """The same embedded database again: one file has one serving process."""
    copy = Store.embedded(world.folder, name)
    shutil.copy(store.url.removeprefix("sqlite:"), copy.url.removeprefix("sqlite:"))
    for (url, client), secret in list(world.secrets.items()):
        if url == store.url:
            world.secrets[copy.url, client] = secret
    return copy
