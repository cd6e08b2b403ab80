"""What the way of a request notes for the log, whatever its protocol."""

import io

import pytest
from flask.testing import FlaskClient

from inference_app.telemetry.context import current
from tests.conftest import encode, gradient

DAMAGED = encode(gradient())[:-50]


@pytest.mark.parametrize(
    ("pictures", "label", "error"),
    [
        (["good"], "espresso", None),
        (["good", "good"], None, None),
        (["good", "damaged", "text"], None, "damaged_picture"),
        (["text", "damaged"], None, "unsupported_picture"),
    ],
)
def test_the_log_has_the_label_of_a_picture_or_the_first_error(
    client: FlaskClient, espresso: bytes, pictures: list[str], label: str | None, error: str | None
) -> None:
    bodies = {"good": espresso, "damaged": DAMAGED, "text": b"text"}
    form = {"image": [(io.BytesIO(bodies[each]), "a") for each in pictures]}
    with client:
        client.post("/predict", data=form)
        assert (current().label, current().error_type) == (label, error)
