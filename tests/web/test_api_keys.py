"""Who has a key is answered, who has none is told how; without a file, everybody is answered."""

from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.errors import SettingError
from inference_app.model.classifier import Classifier
from inference_app.web.api_keys import ApiKeys

KEY = "a-key-of-24-characters-1"


@pytest.fixture
def client(settings: Settings, classifier: Classifier, tmp_path: Path) -> FlaskClient:
    file = tmp_path / "keys"
    file.write_text(f"# of the shop\n{KEY}\n\n  another-key-of-some-length  \n")
    return create_app(replace(settings, api_keys_file=file), classifier).test_client()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"X-API-Key": KEY},
        {"X-API-Key": "another-key-of-some-length"},
    ],
)
def test_a_key_opens(client: FlaskClient, espresso: bytes, headers: dict[str, str]) -> None:
    assert client.post("/predict", data=espresso, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": f"Bearer {KEY} "[:-2]},
        {"X-API-Key": ""},
        {"X-API-Key": "# of the shop"},
        {"X-API-Key": KEY.upper()},
        {"X-API-Key": "é" * 24},
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/", "/upload"])
def test_without_a_key_nothing_is_classified(
    client: FlaskClient, espresso: bytes, path: str, headers: dict[str, str]
) -> None:
    answer = client.post(path, data=espresso, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json is not None
    assert answer.json["error"]["type"] == "unauthorized"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/"])
def test_health_and_the_greeting_need_no_key(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_a_key_is_never_logged(
    client: FlaskClient, espresso: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    client.post("/predict", data=espresso, headers={"X-API-Key": KEY})
    client.post("/predict", data=espresso, headers={"X-API-Key": KEY + "x"})
    assert KEY not in caplog.text + "".join(str(vars(record)) for record in caplog.records)


@pytest.mark.parametrize("text", ["", "# nothing\n", "short\n", f"{KEY}\nshort\n"])
def test_a_file_without_good_keys_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(SettingError, match="must hold keys of 16 characters"):
        ApiKeys(file)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be read"):
        ApiKeys(tmp_path)
