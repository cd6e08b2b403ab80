"""The one JSON error shape, for every way to fail."""

import io
import logging

import pytest
import werkzeug.exceptions
from flask import Flask
from flask.testing import FlaskClient

from inference_app import errors
from inference_app.config import Settings

SECRET = "/etc/secret/path"  # noqa: S105 what no client may see

REQUEST_ERRORS = [
    (errors.BadRequest("What to do."), 400, "bad_request"),
    (errors.Unauthorized("What to do."), 401, "unauthorized"),
    (errors.TooLarge("What to do."), 413, "too_large"),
    (errors.UnsupportedPicture("What to do."), 415, "unsupported_picture"),
    (errors.DamagedPicture("What to do."), 422, "damaged_picture"),
    (errors.ClientDisconnected(), 499, "client_disconnected"),
    (errors.UnknownModel("that", "this"), 404, "model_not_found"),
    (errors.NotReady("What to do."), 503, "not_ready"),
    (errors.Overloaded(3), 503, "overloaded"),
    (errors.DeadlinePassed(), 504, "timeout"),
]


def raising(app: Flask, error: Exception) -> FlaskClient:
    """Return a client of the app, in which GET /fail raises `error`."""

    def fail() -> str:
        raise error

    app.add_url_rule("/fail", view_func=fail)
    return app.test_client()


@pytest.mark.parametrize(("error", "status", "name"), REQUEST_ERRORS)
def test_a_request_error_becomes_a_response_with_its_status(
    app: Flask, error: errors.RequestError, status: int, name: str
) -> None:
    response = raising(app, error).get("/fail", headers={"X-Request-ID": "abc"})
    assert response.status_code == status
    assert response.json == {
        "success": False,
        "error": {"type": name, "message": str(error), "request_id": "abc"},
    }


def test_every_request_error_is_in_the_table() -> None:
    assert {type(error) for error, _, _ in REQUEST_ERRORS} == set(
        errors.RequestError.__subclasses__()
    )


@pytest.mark.parametrize(("error", "status", "name"), REQUEST_ERRORS)
def test_only_what_passes_says_when_to_come_back(
    app: Flask, error: errors.RequestError, status: int, name: str
) -> None:
    seconds = {"not_ready": "1", "overloaded": "3"}.get(name)
    assert raising(app, error).get("/fail").headers.get("Retry-After") == seconds


def test_a_client_without_a_key_is_told_the_scheme(app: Flask) -> None:
    response = raising(app, errors.Unauthorized("What to do.")).get("/fail")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("error", [RuntimeError(SECRET), OSError(SECRET), KeyError(SECRET)])
def test_our_own_faults_stay_in_the_log(
    app: Flask, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    response = raising(app, error).get("/fail", headers={"X-Request-ID": "abc"})
    assert response.status_code == 500
    assert response.json is not None
    assert response.json["error"]["type"] == "internal_error"
    assert response.json["error"]["request_id"] == "abc"
    assert SECRET not in response.text
    (line,) = caplog.records  # the request's own
    assert line.levelname == "ERROR"
    assert line.exc_info is not None
    assert SECRET in str(line.exc_info[1])


def test_the_log_ties_our_own_faults_to_their_request(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    raising(app, RuntimeError("x")).get("/fail", headers={"X-Request-ID": "abc"})
    (line,) = [record for record in caplog.records if record.name == "inference_app.request"]
    assert getattr(line, "fields")["error"] == "internal_error"  # noqa: B009
    assert getattr(line, "fields")["request_id"] == "abc"  # noqa: B009


def test_a_lack_of_memory_is_ours_and_passes(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        response = raising(app, MemoryError(SECRET)).get("/fail")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert SECRET not in response.text
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]


@pytest.mark.parametrize(
    ("method", "path", "status", "name", "says"),
    [
        ("GET", "/nothing", 404, "not_found", "/nothing"),
        ("GET", "/predict/", 404, "not_found", "/predict"),
        ("GET", "/predict", 405, "method_not_allowed", "does not take GET"),
        ("PUT", "/upload", 405, "method_not_allowed", "does not take PUT"),
        ("POST", "/readyz", 405, "method_not_allowed", "does not take POST"),
    ],
)
def test_an_unknown_address_is_pointed_to_predict(
    client: FlaskClient, method: str, path: str, status: int, name: str, says: str
) -> None:
    response = client.open(path, method=method)
    assert response.status_code == status
    assert response.json is not None
    assert response.json["success"] is False
    assert response.json["error"]["type"] == name
    assert says in response.json["error"]["message"]
    assert "POST a picture to /predict" in response.json["error"]["message"]


def test_a_wrong_method_is_told_the_right_one(client: FlaskClient) -> None:
    assert "POST" in client.get("/predict").headers["Allow"]


def test_an_error_of_werkzeug_keeps_its_status(app: Flask) -> None:
    response = raising(app, werkzeug.exceptions.UnsupportedMediaType()).get("/fail")
    assert response.status_code == 415
    assert response.json is not None
    assert response.json["error"]["type"] == "unsupported_media_type"


@pytest.mark.parametrize("as_form", [True, False])
def test_too_many_bytes_are_refused_in_the_same_shape(
    app: Flask, settings: Settings, as_form: bool
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1000
    body = b"x" * 1001
    response = app.test_client().post(
        "/predict",
        data={"image": (io.BytesIO(body), "x.jpg")} if as_form else body,
    )
    assert response.status_code == 413
    assert response.json is not None
    assert response.json["error"]["type"] == "too_large"


def test_errors_of_the_user_are_apart_from_those_of_requests() -> None:
    for kind in (errors.SettingError, errors.PreparedModelError, errors.PrepareError):
        assert issubclass(kind, errors.UserError)
        assert not issubclass(kind, errors.RequestError)
