"""Writes the dashboard for Grafana: python monitoring/dashboard.py. The test fails if it is stale.

A row asks a question; a panel is a title, a kind, a unit, and queries with what each is called.
"""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "grafana" / "dashboards" / "inference_app.json"

# What clients ask for; the rest are probes and pages.
POSTS = 'inference_app_requests_total{route=~"POST .*"}'
ERRORS = 'inference_app_requests_total{error!=""}'
STAGE = "inference_app_stage_seconds"
PER_S = "[$__rate_interval]"


def quantile(share: float) -> str:
    """Return the query for the time in which this share of the requests is answered."""
    return (
        f'histogram_quantile({share}, sum by (le) (rate({STAGE}_bucket{{stage="total"}}{PER_S})))'
    )


def mean(histogram: str, labels: str = "", by: str = "") -> str:
    """Return the query for a histogram's mean, by a label or over all."""
    sums = [f"sum{by} (rate({histogram}_{part}{labels}{PER_S}))" for part in ("sum", "count")]
    return " / ".join(sums)


Panel = tuple[str, str, str, dict[str, str]]
ROWS: dict[str, list[Panel]] = {
    "Is it up?": [
        (
            "Replicas that answer",
            "stat",
            "none",
            {"replicas": 'count(up{job="inference_app"} == 1) or vector(0)'},
        ),
        ("Workers that are ready", "stat", "none", {"workers": "sum(inference_app_workers)"}),
        (
            "Workers that were restarted",
            "stat",
            "none",
            {"restarts": "sum(increase(inference_app_worker_restarts_total[$__range]))"},
        ),
        (
            "Alerts",
            "stat",
            "none",
            {"alerts": 'count(ALERTS{alertstate="firing"}) or vector(0)'},
        ),
        (
            "Model",
            "stat",
            "none",
            {
                "{{name}}, {{precision}} (server {{version}})": (
                    "count by (name, precision, version) (inference_app_model_info)"
                )
            },
        ),
    ],
    "Is it fast?": [
        (
            "Time of an answer: half, 95 and 99 in a hundred are faster",
            "timeseries",
            "s",
            {"p50": quantile(0.5), "p95": quantile(0.95), "p99": quantile(0.99)},
        ),
        (
            "Mean time in each stage",
            "timeseries",
            "s",
            {"{{stage}}": mean(STAGE, '{stage!="total"}', " by (stage)")},
        ),
    ],
    "Is it full?": [
        (
            "Requests, by status",
            "timeseries",
            "reqps",
            {"{{status}}": f"sum by (status) (rate({POSTS}{PER_S}))"},
        ),
        (
            "Requests in flight, and their limit",
            "timeseries",
            "none",
            {
                "in flight": "sum(inference_app_requests_in_flight)",
                "limit": "sum(inference_app_requests_in_flight_limit)",
            },
        ),
        (
            "Pictures that wait",
            "timeseries",
            "none",
            {"to {{stage}}": "sum by (stage) (inference_app_pictures_waiting)"},
        ),
        (
            "Pictures in a batch, mean",
            "timeseries",
            "none",
            {"pictures": mean("inference_app_batch_pictures")},
        ),
    ],
    "Why not?": [
        (
            "Refused or failed, by reason",
            "timeseries",
            "reqps",
            {"{{error}}": f"sum by (error) (rate({ERRORS}{PER_S}))"},
        ),
        (
            "The same, by route",
            "timeseries",
            "reqps",
            {"{{route}} {{status}}": f"sum by (route, status) (rate({ERRORS}{PER_S}))"},
        ),
    ],
}
WIDTH, TALL, LOW = 24, 8, 4  # in Grafana's units


def panel(each: Panel, **place: int) -> dict[str, Any]:
    """Return one panel."""
    title, kind, unit, queries = each
    made: dict[str, Any] = {
        "title": title,
        "type": kind,
        "gridPos": place,
        "datasource": {"type": "prometheus", "uid": "prometheus"},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "legendFormat": name, "expr": query}
            for number, (name, query) in enumerate(queries.items())
        ],
    }
    if title == "Model":
        made["options"] = {"textMode": "name"}
    return made


def dashboard() -> dict[str, Any]:
    """Return the dashboard: under each question its panels, side by side."""
    panels: list[dict[str, Any]] = []
    y = 0
    for question, row in ROWS.items():
        place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
        panels.append({"title": question, "type": "row", "gridPos": place})
        height, width = (LOW if row[0][1] == "stat" else TALL), WIDTH // len(row)
        for number, each in enumerate(row):
            panels.append(panel(each, x=number * width, y=y + 1, w=width, h=height))
        y += 1 + height
    return {
        "uid": "inference_app",
        "title": "Image classification",
        "schemaVersion": 39,
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "panels": panels,
    }


def text() -> str:
    """Return the file's content."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
