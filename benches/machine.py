"""Processes, their CPU time, the load, and what machine this is."""

import os
import platform
import re
import shutil
import subprocess
import time
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
TICKS = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """One line that says what did not work."""


@dataclass
class Cores:
    """Servers on one core, whatever loads them (and databases) on another."""

    server: int
    load: int

    @staticmethod
    def of_this_machine():
        usable = sorted(os.sched_getaffinity(0))
        if len(usable) < 2:
            raise Failure("two cores are needed: one for the server, one for the load")
        return Cores(usable[-1], usable[0])

    def on_server(self, command):
        return ["taskset", "-c", str(self.server), *command]

    def on_load(self, command):
        return ["taskset", "-c", str(self.load), *command]


def fields_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()


def family(root):
    """A process and everything under it."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents.setdefault(int(fields_of(name)[1]), []).append(int(name))
            except OSError:
                continue
    found, ahead = [], [root]
    while ahead:
        found.append(ahead.pop())
        ahead += parents.get(found[-1], [])
    return found


def cpu_seconds(pids, which=(11, 12)):
    """utime + stime; of stat, one of both."""
    total = 0
    for pid in pids:
        try:
            fields = fields_of(pid)
        except OSError:
            continue
        total += sum(int(fields[at]) for at in which)
    return total / TICKS


def busy_seconds():
    """All CPU time of the machine that was not idle."""
    with open("/proc/stat") as stat:
        figures = [int(figure) for figure in stat.readline().split()[1:]]
    return (sum(figures[:3]) + figures[5] + figures[6]) / TICKS


def memory_kib(pid):
    """Resident memory of a process."""
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


@dataclass
class Load:
    """What one run of wrk showed."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    server_us: float
    kernel_us: float
    store_us: float
    others: float
    failed: int


def drive(cores, url, words, seconds, pids, store_pids=(), connections=32):
    """Runs wrk, and says what the server's processes used meanwhile for each request. A server on a machine that is busy
    with other things may turn one of a thousand away."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", f"{HERE}/post.lua", url, "--", *words]
    own = os.times()
    before = (cpu_seconds(pids), cpu_seconds(pids, [12]), cpu_seconds(store_pids), busy_seconds())
    ran = subprocess.run(cores.on_load(command), capture_output=True, text=True)
    after = (cpu_seconds(pids), cpu_seconds(pids, [12]), cpu_seconds(store_pids), busy_seconds())
    now = os.times()
    found = re.search(r"^RESULT (.*)$", ran.stdout, re.M)
    if ran.returncode or not found:
        raise Failure(f"wrk: {ran.stdout}{ran.stderr}")
    said = {name: float(value) for name, value in (word.split("=") for word in found[1].split())}
    if said["failed"] > said["requests"] / 1000 or not said["requests"]:
        raise Failure(f"{said['failed']:.0f} of {said['requests']:.0f} requests failed")
    server, kernel, store, busy = (later - sooner for later, sooner in zip(after, before))
    ours = server + store + now.user + now.system + now.children_user + now.children_system
    ours -= own.user + own.system + own.children_user + own.children_system
    wall = said["us"] / 1e6
    return Load(
        requests=int(said["requests"]),
        seconds=wall,
        p50_us=said["p50"],
        p99_us=said["p99"],
        server_us=server / said["requests"] * 1e6,
        kernel_us=kernel / said["requests"] * 1e6,
        store_us=store / said["requests"] * 1e6,
        others=max(0.0, (busy - ours) / wall),
        failed=int(said["failed"]),
    )


def wait_until(what, is_so, seconds=60):
    """Waits until something is so, or fails."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if is_so():
            return
        time.sleep(0.05)
    raise Failure(f"{what}: not within {seconds} s")


def first_line(*command):
    """The first line a program says, such as its version."""
    if not shutil.which(command[0]):
        return f"no {command[0]}"
    ran = subprocess.run(command, capture_output=True, text=True)
    return (ran.stdout or ran.stderr).strip().splitlines()[0]


def description(cores, postgres_version):
    """The machine and the versions, a line each."""
    with open("/proc/cpuinfo") as cpu:
        model = re.search(r"model name\s*:\s*(.*)", cpu.read())
    with open("/proc/meminfo") as memory:
        kib = int(re.search(r"MemTotal:\s+(\d+)", memory.read())[1])
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    return [
        f"{os.cpu_count()} cores, {model[1] if model else platform.machine()}; {kib / 2**20:.0f} GiB;"
        f" Linux {platform.release().split('-')[0]}; {system}",
        f"server on core {cores.server}; wrk, Redis and PostgreSQL on core {cores.load}",
        "; ".join([first_line("rustc", "--version"), first_line("wrk", "-v").split(" Copyright")[0],
                   first_line("redis-server", "--version").split(" sha")[0], postgres_version]),
    ]
