"""Clients with a key are admitted; others are told what is wrong with theirs."""

import base64
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
ODD_KEY = 'a=b=c, d="e" and more=='  # which HTTP libraries may take for parameters


@pytest.fixture
def client(settings: Settings, classifier: Classifier, tmp_path: Path) -> FlaskClient:
    file = tmp_path / "keys"
    file.write_text(f"# of the shop\n{KEY}\n\n  another-key-of-some-length  \n{ODD_KEY}\n")
    return create_app(replace(settings, api_keys_file=file), classifier).test_client()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"X-API-Key": KEY},
        {"X-API-Key": "another-key-of-some-length"},
        {"Authorization": f"Bearer {ODD_KEY}"},
        {"Authorization": f"bearer  {ODD_KEY} "},
        {"X-API-Key": ODD_KEY},
        {"Authorization": "Basic dTpw", "X-API-Key": KEY},
        {"Authorization": "Basic " + base64.b64encode(f"user:{KEY}".encode()).decode()},
    ],
)
def test_a_key_opens(client: FlaskClient, espresso: bytes, headers: dict[str, str]) -> None:
    assert client.post("/predict", data=espresso, headers=headers).status_code == 200


MISSING = "has no API key"
WRONG = "is not a key of this server"


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({}, MISSING),
        ({"Authorization": "Bearer"}, MISSING),
        ({"Authorization": "Bearer  "}, MISSING),
        ({"Authorization": f"Basic {KEY}"}, MISSING),
        ({"Authorization": "Basic dTpw"}, WRONG),
        ({"Authorization": "Basic dTo="}, MISSING),
        ({"X-API-Key": ""}, MISSING),
        ({"Authorization": f"Bearer {KEY} "[:-2]}, WRONG),
        ({"Authorization": f"Bearer {ODD_KEY}="}, WRONG),
        ({"X-API-Key": "# of the shop"}, WRONG),
        ({"X-API-Key": KEY.upper()}, WRONG),
        ({"X-API-Key": "é" * 24}, WRONG),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/upload"])
def test_without_a_key_nothing_is_classified(
    client: FlaskClient, espresso: bytes, path: str, headers: dict[str, str], says: str
) -> None:
    response = client.post(path, data=espresso, headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json is not None
    assert response.json["error"]["type"] == "unauthorized"
    assert says in response.json["error"]["message"]


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


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no key"),
        ("# nothing\n\n", "holds no key"),
        ("\ufeff# nothing\n", "holds no key"),
        ("short\n", "line 1: a key must have 16 characters"),
        (f"{KEY}\n\nshort\n", "line 3: a key must have 16 characters"),
        (f"{KEY}\n{'é' * 24}\n", "line 2: .* of ASCII alone"),
        (f"{KEY}\n{KEY}\t{KEY}\n", "line 2: .* of ASCII alone"),
        (f"{KEY}\u2028{KEY}\n", "line 1: .* of ASCII alone"),
    ],
)
def test_a_file_without_good_keys_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text, "utf-8")
    with pytest.raises(SettingError, match=says) as refused:
        ApiKeys(file)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_byte_order_mark_is_not_part_of_a_key(
    settings: Settings, classifier: Classifier, tmp_path: Path, espresso: bytes, line_end: str
) -> None:
    file = tmp_path / "keys"
    file.write_bytes(f"\ufeff{KEY}{line_end}# the end{line_end}".encode())
    client = create_app(replace(settings, api_keys_file=file), classifier).test_client()
    assert client.post("/predict", data=espresso, headers={"X-API-Key": KEY}).status_code == 200


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be read"):
        ApiKeys(tmp_path)
