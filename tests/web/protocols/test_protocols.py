"""Which protocols are spoken, and what all of them have in common."""

from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from inference_app.app import create_app
from inference_app.config import KNOWN_PROTOCOLS, Settings
from inference_app.model.classifier import Classifier
from inference_app.telemetry.context import current
from tests.web.protocols.test_hostile import ROUTES

# A path that each protocol alone has.
PATHS = {
    "huggingface": "/models/resnet-tiny-imagenet",
    "kserve": "/v2/repository/index",
    "labelstudio": "/label-studio/setup",
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


@pytest.mark.parametrize(
    "path",
    [
        "/predictions/another",
        "/models/another",
        "/models/owner/another",
        "/v2/models/another/infer",
    ],
)
def test_a_model_of_another_name_is_not_found(
    client: FlaskClient, espresso: bytes, path: str
) -> None:
    response = client.post(path, data=espresso)
    assert response.status_code == 404
    assert "Model not found: another. This server has resnet-tiny-imagenet." in response.text


@pytest.mark.parametrize("name", KNOWN_PROTOCOLS)
def test_a_request_is_logged_as_ours_are(client: FlaskClient, espresso: bytes, name: str) -> None:
    with client:
        assert ROUTES[name].post(client, espresso).headers["X-Model"] == "resnet-tiny-imagenet"
        assert current().label == "espresso"
        assert ROUTES[name].post(client, b"text").status_code == 415
        assert current().error_type == "unsupported_picture"


@pytest.mark.parametrize("name", KNOWN_PROTOCOLS)
def test_a_key_is_wanted_where_keys_are(
    settings: Settings, classifier: Classifier, espresso: bytes, tmp_path: Path, name: str
) -> None:
    (tmp_path / "keys").write_text("a-key-that-the-tests-use")
    locked = replace(settings, api_keys_file=tmp_path / "keys")
    client = create_app(locked, classifier).test_client()
    for key, status in (("a-key-that-the-tests-use", 200), ("another", 401)):
        headers = {"Authorization": f"Bearer {key}"}
        assert ROUTES[name].post(client, espresso, headers).status_code == status
