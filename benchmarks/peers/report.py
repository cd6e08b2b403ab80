"""The figures as tables and as a chart, made from the JSON."""

from pathlib import Path
from typing import Any

from benchmarks import drawing
from benchmarks.servers import Tuning
from benchmarks.wrk import CPU_LIMIT

CLIENTS = 16  # the load at which servers are compared
COLUMNS = {
    "torch": "with torch, as documented",
    "openvino": "with our engine and decoding",
    "openvino-pillow": "with our engine, Pillow's plain decoding",
}
NONE = "–"  # noqa: RUF001 a dash for what there is not


def render(results: dict[str, Any]) -> str:
    """Return all tables in Markdown."""
    machine = results["machine"]
    parts = [
        "# Side by side with other model servers",
        f"ResNet-50 (random weights), {results['photos']}, wrk in a closed loop, "
        f"{_seconds(results)} s for each figure, on {machine['cores']} cores of "
        f"{machine['cpu']}, {machine['date'][:10]}. Written by `python -m benchmarks peers`.",
        f"## Images/s with {CLIENTS} clients",
        _summary(results),
    ]
    parts += [f"## Images/s by kind of picture, {CLIENTS} clients", _kinds(results)]
    for engine in ("torch", "openvino"):
        heading = COLUMNS[engine]
        parts += [f"## {heading[0].upper()}{heading[1:]}", _details(results, engine)]
    parts += [_client(results), "## Not measured", _failures(results)]
    return "\n\n".join(parts) + "\n"


def _seconds(results: dict[str, Any]) -> str:
    """Servers may have been measured in several runs, and not as long in each."""
    seconds = sorted(peer["measured"]["seconds"] for peer in results["peers"].values())
    return f"{seconds[0]}" if seconds[0] == seconds[-1] else f"{seconds[0]} to {seconds[-1]}"


def _summary(results: dict[str, Any]) -> str:
    rows = [
        [peer["title"], *(_throughput(_figures(peer, engine), CLIENTS) for engine in COLUMNS)]
        for peer in results["peers"].values()
    ]
    return table(["server", *COLUMNS.values()], rows)


def _kinds(results: dict[str, Any]) -> str:
    """Ours has but one row: its engine and decoding."""
    measured = [
        (
            f"{peer['title']}, {COLUMNS[engine]}" if len(peer["engines"]) > 1 else peer["title"],
            found,
        )
        for engine in COLUMNS
        for peer in results["peers"].values()
        if (found := (_figures(peer, engine) or {}).get("kinds"))
    ]
    names = list(dict.fromkeys(kind for _, found in measured for kind in found))
    rows = [
        [
            title,
            *(f"{found[kind]['images_per_s']:.1f}" if kind in found else NONE for kind in names),
        ]
        for title, found in measured
    ]
    return table(["server", *names], rows)


def _details(results: dict[str, Any], engine: str) -> str:
    clients = results["clients"]
    head = ["server", "version", "tuning", *(f"images/s, {count} clients" for count in clients)]
    at = f"{CLIENTS} clients, ms"
    head += [f"p50, {at}", f"p99, {at}", "errors", "memory, MB", "start, s", "installed, MB"]
    measured = [
        (peer["title"], peer["engines"][engine])
        for peer in results["peers"].values()
        if _figures(peer, engine)
    ]
    return table(head, [_row(title, figures, clients) for title, figures in measured])


def _row(title: str, figures: dict[str, Any], clients: list[int]) -> list[str]:
    at = run_at(figures, CLIENTS) or {"p50_ms": None, "p99_ms": None}
    runs = figures["runs"]
    return [
        title,
        " ".join(next(iter(figures["versions"].items()), ())),
        str(Tuning(**figures["tuning"])),
        *(_throughput(figures, count) for count in clients),
        _number(at["p50_ms"]),
        _number(at["p99_ms"]),
        str(sum(run["non_2xx"] + run["socket_errors"] for run in runs)),
        _number(max(run["pss_mb"] for run in runs)),
        str(figures["start_s"]),
        _number(figures["installed_mb"]),
    ]


def _client(results: dict[str, Any]) -> str:
    """Say how little the client took; NGINX's package is in no environment's size."""
    found = [_figures(peer, engine) for peer in results["peers"].values() for engine in COLUMNS]
    shares = [run["client_cpu_share"] for figures in found if figures for run in figures["runs"]]
    largest = max(shares, default=0)
    verdict = "within" if largest < CPU_LIMIT else "BEYOND"
    return (
        f"A tuning is workers x threads of each, the best of a sweep with {CLIENTS} clients. "
        "Errors are those of all runs; memory (PSS of all processes) is the largest after any; the "
        "start is until the first response; the size is the virtual environment's. The client took "
        f"up to {largest:.1%} of the cores, {verdict} the {CPU_LIMIT:.0%} allowed."
    )


def _failures(results: dict[str, Any]) -> str:
    lines = [
        f"- {peer['title']}, {engine}: {' '.join(figures['error'].split())[:300]}"
        for peer in results["peers"].values()
        for engine, figures in peer["engines"].items()
        if "error" in figures
    ]
    return "\n".join(lines) or "Nothing failed."


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, rule, *rows])


def run_at(figures: dict[str, Any], clients: int) -> dict[str, Any] | None:
    """Return the run with so many clients, if there is one."""
    return next((run for run in figures["runs"] if run["clients"] == clients), None)


def _figures(peer: dict[str, Any], engine: str) -> dict[str, Any] | None:
    figures: dict[str, Any] | None = peer["engines"].get(engine)
    return figures if figures and "runs" in figures else None


def _throughput(figures: dict[str, Any] | None, clients: int) -> str:
    run = figures and run_at(figures, clients)
    return f"{run['images_per_s']:.1f}" if run else NONE


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.0f}"


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw the first table as bars."""
    from matplotlib.figure import Figure

    peers = list(results["peers"].values())[::-1]
    figure = Figure(figsize=(8, 1 + 0.65 * len(peers)), layout="constrained")
    axes = figure.subplots()
    for place, (engine, label) in enumerate(reversed(COLUMNS.items())):
        runs = [run_at(f, CLIENTS) if (f := _figures(p, engine)) else None for p in peers]
        heights = [run["images_per_s"] if run else 0 for run in runs]
        bars = axes.barh([row + 0.28 * (place - 1) for row in range(len(peers))], heights, 0.26)
        bars.set_label(label)
        axes.bar_label(bars, [f"{height:.1f}" if height else "" for height in heights], padding=2)
    axes.set_yticks(range(len(peers)), [peer["title"] for peer in peers])
    axes.set_xlabel(f"images/s with {CLIENTS} clients, {results['machine']['cores']} cores")
    axes.legend(reverse=True)
    axes.spines[["top", "right"]].set_visible(False)
    drawing.save(figure, path)
