"""Label Studio's ML backend: what it asks, and what it gets for its tasks."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.errors import BadRequest, TooLarge
from inference_app.model.classifier import Classifier
from inference_app.model.prepared import Label
from inference_app.web.protocols.labelstudio.label_config import LabelConfig

PREDICT = "/label-studio/predict"
CONFIG = """<View>
  <!-- what the annotator sees -->
  <Image name="picture" value="$image"/>
  <Choices name="kind" toName="picture" choice="single">
    <Choice value="Espresso"/><Choice value="flagpole" alias="pole"/><Choice value="unheard of"/>
  </Choices>
</View>"""
VERSION = "resnet-tiny-imagenet eaf86c7cf2d6"


def task(picture: bytes) -> dict[str, Any]:
    """Return a task whose picture is in it."""
    url = "data:image/jpeg;base64," + base64.b64encode(picture).decode()
    return {"id": 7, "data": {"image": url}, "annotations": [], "project": 1}


def request(*tasks: Any, label_config: str = CONFIG) -> dict[str, Any]:
    """Return a request for predictions as Label Studio sends it."""
    params = {"login": None, "password": None, "context": None}
    whole = {"tasks": list(tasks), "project": "1.1732200000", "label_config": label_config}
    return whole | {"params": params}


def test_a_task_gets_a_choice(client: FlaskClient, espresso: bytes) -> None:
    response = client.post(PREDICT, json=request(task(espresso)))
    assert response.status_code == 200
    (result,) = (response.json or {})["results"]
    assert result.pop("score") > 0.5
    choice = {"from_name": "kind", "to_name": "picture", "type": "choices"}
    value = {"choices": ["Espresso"]}
    assert result == {"model_version": VERSION, "result": [choice | {"value": value}]}


def test_a_task_that_failed_gets_no_prediction_beside_others(
    client: FlaskClient, espresso: bytes
) -> None:
    tasks = [task(b"text"), task(espresso), {"data": {"image": "/data/upload/1/a.jpg"}}]
    results = (client.post(PREDICT, json=request(*tasks)).json or {})["results"]
    assert [len(each) for each in results] == [0, 3, 0]


@pytest.mark.parametrize("count", [17, 1000])
def test_of_more_tasks_than_pictures_the_first_alone_is_answered(
    client: FlaskClient, espresso: bytes, count: int
) -> None:
    """Then Label Studio asks for one after the other."""
    others = [{"id": 1, "data": {"image": "x"}, "meta": {"a": [1, "b"]}}] * count
    response = client.post(PREDICT, json=request(task(espresso), *others))
    assert len((response.json or {})["results"]) == 1


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"tasks": []}, 400, "no tasks"),
        ({"tasks": {}}, 400, "Expected `array`"),
        ({"tasks": [{}]}, 400, "data"),
        ({"tasks": [{"data": {}}]}, 400, "'image'"),
        ({"tasks": [{"data": {"image": 5}}]}, 400, "str"),
        ({"tasks": [{"data": {"image": "data:;base64,AAAA"}}]}, 415, ""),
        ({"tasks": [{"data": {"image": "/data/upload/1/a.jpg"}}]}, 400, "LABEL_STUDIO_URL"),
        ({"tasks": [[""] * 50_000]}, 413, "first task"),
        ({"tasks": ["", [""] * 50_000]}, 400, "Expected `object`"),
        ({"label_config": None}, 400, "Expected `str`"),
        ({"label_config": " " * 200_001}, 413, "label config"),
        ({"label_config": " " * 1_200_001}, 413, "label config"),
        ({"label_config": "<View"}, 400, "not XML"),
    ],
)
def test_errors_have_the_shape_of_its_backends(
    client: FlaskClient, change: dict[str, Any], status: int, says: str
) -> None:
    response = client.post(PREDICT, json=request() | change)
    answer = response.json or {}
    assert (response.status_code, answer["status"]) == (status, status)
    assert says in answer["detail"]


def test_a_project_is_set_up(client: FlaskClient) -> None:
    assert (client.get("/label-studio/health").json or {})["status"] == "UP"
    setup = {"project": "1.1", "schema": CONFIG, "hostname": "http://x", "access_token": "y"}
    assert client.post("/label-studio/setup", json=setup).json == {"model_version": VERSION}
    assert client.post("/label-studio/validate", json={"config": CONFIG}).status_code == 200
    for path in ("train", "webhook"):
        answer = client.post(f"/label-studio/{path}", json={"action": "START_TRAINING"})
        assert (answer.json or {})["status"] == "ok"


def test_a_project_without_a_class_of_the_model_is_not(client: FlaskClient) -> None:
    config = CONFIG.replace("Espresso", "x").replace("flagpole", "y")
    setup = client.post("/label-studio/setup", json={"schema": config})
    assert setup.status_code == 400
    assert "choices: x, pole, unheard of" in (setup.json or {})["detail"]


def test_a_server_that_is_not_ready_says_so(settings: Settings) -> None:
    client = create_app(settings).test_client()
    assert client.get("/label-studio/health").status_code == 503
    assert client.post(PREDICT, json=request()).status_code == 503


def test_requests_without_tasks_are_small(client: FlaskClient) -> None:
    body = b'{"schema": "' + b" " * 1_000_000 + b'"}'
    for path in ("setup", "validate", "train", "webhook"):
        assert client.post(f"/label-studio/{path}", data=body).status_code == 413


def test_the_password_of_the_backend_is_an_api_key(
    settings: Settings, classifier: Classifier, espresso: bytes, tmp_path: Path
) -> None:
    (tmp_path / "keys").write_text("a-key-of-this-server")
    client = create_app(
        replace(settings, api_keys_file=tmp_path / "keys"), classifier
    ).test_client()
    for path, body in (("predict", request(task(espresso))), ("setup", {"schema": CONFIG})):
        for password, status in (("a-key-of-this-server", 200), ("another", 401)):
            answer = client.post(f"/label-studio/{path}", json=body, auth=("user", password))
            assert answer.status_code == status


@pytest.mark.parametrize("label", ["n1", "TABBY", "tabby, tabby cat", "tabby_cat", " tabby  cat "])
def test_a_choice_is_a_class_by_any_of_its_names(label: str) -> None:
    config = LabelConfig(
        "kind", "picture", "image", {" ".join(label.lower().replace("_", " ").split()): label}
    )
    labels = (Label("n0", "crane"), Label("n1", "tabby, tabby cat"))
    assert config.match(labels) == {1: label}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", BadRequest),
        ("<View/>", BadRequest),
        (CONFIG.replace("$image", "image"), BadRequest),
        (CONFIG.replace('toName="picture"', 'toName="text"'), BadRequest),
        ('<!DOCTYPE x [<!ENTITY a "b">]>' + CONFIG, BadRequest),
        ("<a>" * 20_000, BadRequest),
        ("<a>" * 20_000 + "</a>" * 20_000, BadRequest),
        ("\0", BadRequest),
        ("\ud800", BadRequest),
        (" " * 200_001, TooLarge),
    ],
)
def test_a_config_that_cannot_be_used_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        LabelConfig.parse(text)


def test_a_config_costs_little_more_than_its_characters() -> None:
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    with pytest.raises(BadRequest, match="document type"):
        LabelConfig.parse(f'<!DOCTYPE x [<!ENTITY a0 "lol">{entities}]><View>&a9;</View>')
