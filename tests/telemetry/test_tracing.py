"""Spans: in memory, and sent by a real server to a collector that reads OTLP."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.errors import SettingError
from inference_app.model.classifier import Classifier
from inference_app.telemetry import tracing
from inference_app.version import __version__
from inference_app.web.state import state_of
from tests.conftest import REPO
from tests.support.collector import Collector, attributes, collecting
from tests.support.server import environment, free_port, serving, wait_until
from tests.test_main import refused, run

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}  # W3C Trace Context, section 3.2
STAGES = ["read", "queue", "decode", "queue", "infer"]
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def traced(app: Flask) -> Callable[[], list[ReadableSpan]]:
    """Trace the app into memory; return what returns the spans that ended, the request's last."""
    memory = InMemorySpanExporter()
    tracing.register(app, SimpleSpanProcessor(memory), "resnet-tiny-imagenet")
    return lambda: list(memory.get_finished_spans())


Traced = Callable[[], list[ReadableSpan]]


def test_a_request_is_a_span(client: FlaskClient, traced: Traced, espresso: bytes) -> None:
    response = client.post("/predict?top_k=2", data=espresso, headers={"X-Request-ID": "mine"})
    span = traced()[-1]
    assert (span.name, span.kind, span.parent) == ("POST /predict", SpanKind.SERVER, None)
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.response.status_code": 200,
        "http.request.body.size": len(espresso),
        "url.path": "/predict",
        "url.scheme": "http",
        "request_id": "mine",
        "model": response.headers["X-Model"],
        "pictures": 1,
    }


def test_its_stages_are_its_children(client: FlaskClient, traced: Traced, espresso: bytes) -> None:
    before = time.time_ns()
    client.post("/predict", data=espresso)
    after = time.time_ns()
    *stages, whole = traced()
    assert [stage.name for stage in stages] == STAGES
    assert all(stage.parent == whole.get_span_context() for stage in stages)
    moments = [moment for stage in stages for moment in (stage.start_time, stage.end_time)]
    moments = [whole.start_time, *moments, whole.end_time]
    assert moments == sorted(moments, key=lambda moment: moment or 0)
    slack = 10_000_000  # two clocks, read one after the other
    assert before - slack < (whole.start_time or 0) < (whole.end_time or 0) < after + slack


def test_each_picture_has_its_stages(client: FlaskClient, traced: Traced, espresso: bytes) -> None:
    client.post("/predict", data={"image": [(BytesIO(espresso), "a"), (BytesIO(espresso), "b")]})
    *stages, whole = traced()
    names = [stage.name for stage in stages]
    assert sorted(names) == sorted(STAGES + STAGES[1:])  # the two pictures run side by side
    assert (whole.attributes or {})["pictures"] == 2


def test_a_client_s_trace_is_continued(client: FlaskClient, traced: Traced) -> None:
    client.get("/", headers=TRACEPARENT)
    (span,) = traced()
    assert span.parent
    assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)
    assert span.context.trace_id == span.parent.trace_id


@pytest.mark.parametrize("header", ["", "00-x", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_a_broken_traceparent_begins_a_trace(
    client: FlaskClient, traced: Traced, header: str
) -> None:
    assert client.get("/", headers={"traceparent": header}).status_code == 200
    (span,) = traced()
    assert span.parent is None


def test_who_was_not_sampled_is_not_traced(client: FlaskClient, traced: Traced) -> None:
    client.get("/", headers={"traceparent": TRACEPARENT["traceparent"][:-1] + "0"})
    assert traced() == []


def test_a_refusal_says_why(client: FlaskClient, traced: Traced) -> None:
    client.post("/predict", data=b"text")
    *_, span = traced()
    assert (span.attributes or {})["error.type"] == "unsupported_picture"
    assert (span.attributes or {})["http.response.status_code"] == 415
    assert span.status.status_code is StatusCode.UNSET  # the client's fault, not ours


def test_our_own_fault_is_an_error(
    client: FlaskClient, traced: Traced, app: Flask, settings: Settings
) -> None:
    state_of(app).classifier = None
    client.post("/predict", data=b"text")
    (span,) = traced()
    assert (span.attributes or {})["error.type"] == "not_ready"
    assert span.status.status_code is StatusCode.ERROR


def test_unknown_paths_and_methods_make_no_names(client: FlaskClient, traced: Traced) -> None:
    client.get("/wp-login.php")
    client.open("/predict", method="FLY")
    assert [span.name for span in traced()] == ["HTTP", "HTTP"]


def test_health_checks_are_not_traced(client: FlaskClient, traced: Traced) -> None:
    client.get("/livez")
    client.get("/readyz")
    assert traced() == []


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "inference_app"),
        ({"OTEL_SERVICE_NAME": "cats"}, "cats"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=dogs,deployment.environment=test"}, "dogs"),
    ],
)
def test_the_service_is_named(
    variables: dict[str, str],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    classifier: Classifier,
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    app, memory = create_app(settings, classifier), InMemorySpanExporter()
    tracing.register(app, SimpleSpanProcessor(memory), "resnet-tiny-imagenet")
    app.test_client().get("/")
    (span,) = memory.get_finished_spans()
    assert span.resource.attributes["service.name"] == name
    assert span.resource.attributes["service.version"] == __version__


def test_the_sampler_is_a_variable_s(
    monkeypatch: pytest.MonkeyPatch, client: FlaskClient, app: Flask
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    memory = InMemorySpanExporter()
    tracing.register(app, SimpleSpanProcessor(memory), "resnet-tiny-imagenet")
    client.get("/")
    assert memory.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, ""),
        ({ENDPOINT: ""}, ""),
        ({"OTEL_SERVICE_NAME": "cats"}, ""),
        ({ENDPOINT: "http://a:4318"}, "http://a:4318"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b/v1/traces"}, "http://b/v1/traces"),
        ({ENDPOINT: "http://a:4318", "OTEL_SDK_DISABLED": "True"}, ""),
        ({ENDPOINT: "http://a:4318", "OTEL_TRACES_EXPORTER": "none"}, ""),
    ],
)
def test_an_endpoint_asks_for_spans(variables: dict[str, str], url: str) -> None:
    assert tracing.endpoint(variables) == url


@pytest.mark.parametrize(
    "name", ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"]
)
def test_another_protocol_is_refused(name: str) -> None:
    tracing.check({name: "grpc"})  # no spans are wanted
    tracing.check({ENDPOINT: "http://a:4318", name: "http/protobuf"})
    with pytest.raises(SettingError, match=f"^{name} must be http/protobuf, not 'grpc'$"):
        tracing.check({ENDPOINT: "http://a:4317", name: "grpc"})


def test_without_the_packages_serve_says_so(tmp_path: Path) -> None:
    (tmp_path / "opentelemetry.py").touch()  # found before the installed one, and empty
    missing = {"PYTHONPATH": f"{tmp_path}:{REPO}", ENDPOINT: "http://a:4318"}
    line = refused(run("serve", settings=missing))
    assert "OpenTelemetry is not installed" in line
    assert line.endswith("requirements/install.sh tracing")


def test_without_an_endpoint_tracing_is_not_imported() -> None:
    program = (
        "import sys; from inference_app.app import create_app;"
        "from inference_app.telemetry import tracing; app = create_app();"
        "before = list(app.after_request_funcs[None]); tracing.check(); tracing.start(app, 'm');"
        "assert app.after_request_funcs[None] == before;"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], env=environment(), check=True)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def test_workers_send_their_spans(tmp_path: Path, collector: Collector, espresso: bytes) -> None:
    with serving(tmp_path, **{ENDPOINT: collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}) as server:
        response = requests.post(
            f"{server.url}/predict", data=espresso, headers=TRACEPARENT, timeout=30
        )
        wait_until(lambda: len(collector.spans) == 6, "the spans arrive")
        (line,) = server.log(message="request")
    *stages, whole = collector.spans
    assert [span.name for span in stages] == STAGES
    assert whole.name == "POST /predict"
    assert attributes(whole)["request_id"] == response.headers["X-Request-ID"]
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    assert whole.parent_span_id.hex() == PARENT
    for name in ("read", "decode", "infer"):
        (stage,) = (span for span in stages if span.name == name)
        ms = (stage.end_time_unix_nano - stage.start_time_unix_nano) / 1e6
        assert ms == pytest.approx(line["ms"][name], abs=0.01)
    assert collector.resources[0]["service.name"] == "inference_app"


def test_what_was_not_sent_yet_is_sent_at_the_end(tmp_path: Path, collector: Collector) -> None:
    count = len(collector.spans)
    with serving(tmp_path, **{ENDPOINT: collector.url}) as server:  # every 5 s by default
        requests.get(f"{server.url}/", timeout=30)
    assert [span.name for span in collector.spans[count:]] == ["GET /"]


def test_a_collector_that_is_away_does_no_harm(tmp_path: Path, espresso: bytes) -> None:
    away = {ENDPOINT: f"http://127.0.0.1:{free_port()}", "OTEL_BSP_SCHEDULE_DELAY": "10"}
    with serving(tmp_path, **away) as server:
        for _ in range(5):
            response = requests.post(f"{server.url}/predict", data=espresso, timeout=30)
            assert response.status_code == 200
        wait_until(lambda: server.log(level="warning"), "it is logged")
    assert server.process.returncode == 0
    assert server.log(message="Shutdown in progress, aborting retry.")
