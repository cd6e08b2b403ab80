"""Each way to send a picture is answered, and compared to one that is measured."""

import pytest
from flask.testing import FlaskClient

from benchmarks import protocols


@pytest.mark.parametrize("name", protocols.WAYS)
def test_each_way_is_answered(client: FlaskClient, espresso: bytes, name: str) -> None:
    way = protocols.WAYS[name]
    response = client.post(way.path, data=way.encode(espresso), headers=dict(way.headers))
    assert response.status_code == 200
    assert any(each in response.data for each in (b"logits", b"espresso", b"[0."))
    assert protocols.WAYS[way.baseline].path == "/predict"


def test_the_median_of_the_rounds_counts() -> None:
    def row(rate: float, cpu_ms: float) -> dict[str, dict[str, float]]:
        figures = {"images_per_s": rate, "cpu_ms": cpu_ms}
        return {"way": figures, "baseline": {"images_per_s": 100, "cpu_ms": 2}}

    rows = [row(97, 2.1), row(10, 9), row(99, 2.0)]
    found = protocols.summary(protocols.WAYS["TorchServe, raw"], rows)
    assert (found["images/s"], found["CPU time"]) == (0.97, 1.05)
    around = {"TorchServe, raw": 530.4, "/predict, raw": 500.0}
    results = {"ways": {"TorchServe, raw": found}, "around_us": around}
    assert protocols.table(results).split()[2:6] == ["0.970", "1.050", "+30", "us"]


def test_each_way_takes_time_around_decoding_and_inference(espresso: bytes) -> None:
    least = protocols.around(espresso, repeats=1)
    assert least.keys() == protocols.WAYS.keys()
    assert min(least.values()) > 0
