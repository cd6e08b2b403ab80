"""A client's trace goes through NGINX to the app's spans."""

from contextlib import ExitStack
from pathlib import Path

import requests

from tests.stack.fronted import fronted
from tests.support.collector import attributes, collecting
from tests.support.server import wait_until
from tests.telemetry.test_tracing import ENDPOINT, PARENT, TRACE, TRACEPARENT


def test_nginx_passes_a_client_s_trace_on(tmp_path: Path, espresso: bytes) -> None:
    with collecting() as collector, ExitStack() as running:
        settings = {ENDPOINT: collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        stack = running.enter_context(fronted(tmp_path, "inference_app", **settings))
        answer = requests.post(
            f"{stack.url}/predict", data=espresso, headers=TRACEPARENT, timeout=30
        )
        wait_until(lambda: len(collector.spans) >= 6, "the spans arrive")
    whole = collector.spans[-1]
    assert (whole.trace_id.hex(), whole.parent_span_id.hex()) == (TRACE, PARENT)
    assert attributes(whole)["request_id"] == answer.headers["X-Request-ID"]
