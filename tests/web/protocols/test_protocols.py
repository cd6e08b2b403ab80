"""Which protocols are spoken, and what all of them have in common."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from inference_app.app import create_app
from inference_app.config import KNOWN_PROTOCOLS, Settings
from inference_app.model.classifier import Classifier

# A path that each protocol alone has.
PATHS = {
    "kserve": "/v2/repository/index",
    "photoprism": "/api/v1/vision/labels",
    "sagemaker": "/invocations",
    "torchserve": "/predictions/resnet-tiny-imagenet",
    "vertex": "/vertex/predict",
}


def test_every_protocol_is_listed() -> None:
    assert set(PATHS) == set(KNOWN_PROTOCOLS)


@pytest.mark.parametrize("name", KNOWN_PROTOCOLS)
def test_a_protocol_is_spoken_only_if_it_is_wanted(
    settings: Settings, classifier: Classifier, espresso: bytes, name: str
) -> None:
    for protocols in ((name,), ()):
        client = create_app(replace(settings, protocols=protocols), classifier).test_client()
        status = client.post(PATHS[name], data=espresso).status_code
        assert (status != 404) == bool(protocols)


def test_a_protocol_that_is_not_wanted_is_not_imported(settings: Settings) -> None:
    without = replace(settings, protocols=())
    assert not [each for each in create_app(without).blueprints if each in KNOWN_PROTOCOLS]


@pytest.mark.parametrize("path", ["/predictions/another", "/v2/models/another/infer"])
def test_a_model_of_another_name_is_not_found(
    client: FlaskClient, espresso: bytes, path: str
) -> None:
    response = client.post(path, data=espresso)
    assert response.status_code == 404
    assert "Model not found: another. This server has resnet-tiny-imagenet." in response.text
