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
    assert "TorchServe, raw" in protocols.table({"ways": {"TorchServe, raw": found}})
