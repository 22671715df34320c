"""The same checks beside ten thousand and beside a million sessions."""

from checks import LONG, REPEATS, WARM, Row, check_answers, run_once, warm_up
from servers import Store

SIZES = (10_000, 1_000_000)
# As many are asked about, whatever there is beside them.
ASKED = 10_000


def measure(world, progress):
    """From memory and from the truth, of either size, in turn."""
    rows, files = [], {}
    for size in SIZES:
        store = world.prepare(Store.shared(world.postgres(), f"growth{size}"))
        tables, ids = world.people([("CHECK", ASKED, 1), ("OTHER", size - ASKED, 1)])
        store.fill(tables)
        access, refresh = world.tokens(ids[:ASKED], f"growth{size}")
        with open(access) as good, open(refresh) as other:
            tokens, old = [next(good).strip() for _ in range(20)], [next(other).strip()]
        caller = world.caller(store, "bench-api")
        for path, words in (("near", {"checks": "fast"}), ("plain", {"checks": "plain"})):
            row = Row(f"{path}, {size:,} sessions", world.serve(store, **words), caller, path, lambda: world.postgres().pids)
            check_answers(row, tokens, old)
            warm_up(world, row, access)
            rows.append(row)
            files[row.name] = access
    for turn in range(REPEATS):
        for row in rows:
            run_once(world, row, files[row.name], WARM)
            row.loads.append(run_once(world, row, files[row.name], LONG))
            progress(f"{turn + 1}/{REPEATS} {row.name}: {row.loads[-1].server_us:.1f} us, others {row.loads[-1].others:.2f}")
    for row in rows:
        world.stop(row.server)
    return rows


def table(rows):
    few = {row.path: row for row in rows[:2]}
    lines = ["| Introspection, beside | CPU µs a check | of ten thousand's | store's CPU µs | spread | others |", "|---|" + "---:|" * 5]
    for row in rows:
        lines.append(f"| {row.name} | {row.us:.1f} | {row.us / few[row.path].us:.2f} | {row.median('store_us'):.1f}"
                     f" | {row.spread:.0%} | {row.median('others'):.2f} |")
    return lines
