"""The whole comparison: every server with every engine, one after the other."""

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import machine, models, pictures
from benchmarks.peers import report
from benchmarks.peers.measure import measure
from benchmarks.peers.report import CLIENTS
from benchmarks.peers.servers import SERVERS
from benchmarks.servers import Server, Tuning
from benchmarks.serving import Plan

FOLDER = Path(__file__).parents[1] / "results"
RESULTS = FOLDER / "peers.json"
_report = partial(print, file=sys.stderr, flush=True)


def run(only: tuple[str, ...], clients: tuple[int, ...], seconds: int) -> None:
    """Measure and write the results after every server; other servers' results stay."""
    kind, photos = pictures.photos()
    prepared = models.random_resnet_50()
    kinds = {name: make(photos) for name, make in pictures.KINDS.items()}
    plan = Plan(models.source("resnet-50"), prepared, photos, clients, seconds, kinds)
    results = _read() | {
        "machine": machine.facts(),
        "photos": f"{len(photos)} {kind}",
        "clients": list(clients),
        "seconds": seconds,
    }
    for server in SERVERS:
        if not only or server.name in only:
            results["peers"][server.name] = _measure(server, plan)
            write(results)


def _read() -> dict[str, Any]:
    if not RESULTS.exists():
        return {"peers": {}}
    results: dict[str, Any] = json.loads(RESULTS.read_text("utf-8"))
    return results


def _measure(server: Server, plan: Plan) -> dict[str, Any]:
    engines: dict[str, Any] = {}
    for engine in server.engines:
        _report(f"{server.title}, {engine}")
        engines[engine] = _engine(server, engine, plan, engines)
        _report(f"  {engines[engine].get('error') or _line(engines[engine])}")
    facts = {"cpu": machine.facts()["cpu"], "seconds": plan.seconds}
    return {"title": server.title, "measured": facts, "engines": engines}


def _engine(server: Server, engine: str, plan: Plan, before: dict[str, Any]) -> dict[str, Any]:
    """Measure; Pillow's decoding with the same tuning as ours, and at one load."""
    if engine != "openvino-pillow":
        return measure(server, engine, plan)
    tuning = before["openvino"].get("tuning")
    return measure(server, engine, replace(plan, clients=(CLIENTS,)), tuning and Tuning(**tuning))


def _line(figures: dict[str, Any]) -> str:
    rates = {run["clients"]: run["images_per_s"] for run in figures["runs"]}
    return f"{figures['tuning']}, images/s by clients: {rates}"


def write(results: dict[str, Any]) -> None:
    """Write the JSON, in the order of the table of servers, then what is rendered of it."""
    order = [server.name for server in SERVERS if server.name in results["peers"]]
    results["peers"] = {name: results["peers"][name] for name in order}
    FOLDER.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    render()


def render() -> str:
    """Write the table and the picture from the JSON; return the table."""
    results = _read()
    text = report.render(results)
    RESULTS.with_suffix(".md").write_text(text, "utf-8")
    report.draw(results, RESULTS.with_suffix(".svg"))
    return text
