"""A real Label Studio: it connects this server as an ML backend, and gets its pre-annotations."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from tests.clients.conftest import Unready
from tests.clients.environment import python
from tests.conftest import ESPRESSO
from tests.support.server import Server, environment, free_port, serving, wait_until

KEY = "a-key-that-the-tests-use"
CONFIG = """<View>
  <Image name="picture" value="$image"/>
  <Choices name="kind" toName="picture">
    <Choice value="Espresso" alias="coffee"/><Choice value="flagpole"/>
  </Choices>
</View>"""
DATABASE = "label_studio.sqlite3"
USER = {"email": "user@example.com", "password": "a-password-of-the-tests"}


@dataclass
class Studio:
    """A Label Studio that runs, as its user's programs see it."""

    url: str
    token: str = ""
    session: requests.Session = field(default_factory=requests.Session)

    def log_in(self) -> None:
        """Take a personal access token, as the user does in the browser."""
        self.session.get(f"{self.url}/user/login/")
        form = USER | {"csrfmiddlewaretoken": self.session.cookies["csrftoken"]}
        self.session.post(f"{self.url}/user/login/", data=form).raise_for_status()
        csrf = {"X-CSRFToken": self.session.cookies["csrftoken"]}
        self.token = self.session.post(f"{self.url}/api/token/", headers=csrf).json()["token"]
        access = self.post("token/refresh/", json={"refresh": self.token})["access"]
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {access}"

    def post(self, path: str, **request: Any) -> Any:
        """Ask its API; return the answer."""
        response = self.session.post(f"{self.url}/api/{path}", timeout=120, **request)
        assert response.ok, response.text
        return response.json()

    def get(self, path: str) -> Any:
        """Ask its API; return the answer."""
        return self.session.get(f"{self.url}/api/{path}", timeout=60).json()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Run Label Studio with SQLite, in a folder of its own."""
    folder, port = tmp_path_factory.mktemp("label-studio"), str(free_port())
    settings = {
        "COLLECT_ANALYTICS": "false",
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LATEST_VERSION_CHECK": "false",
        # As they must be where the backend, and its webhook, are in its own network.
        "ML_BLOCK_LOCAL_IP": "false",
        "SSRF_PROTECTION_ENABLED": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }
    login = ["--username", USER["email"], "--password", USER["password"]]
    program = python("label-studio").with_name("label-studio")
    # To make the database takes most of the time: a new one is kept beside the program.
    kept, database = program.with_name(DATABASE), folder / DATABASE
    if kept.exists():
        shutil.copyfile(kept, database)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "start", "--no-browser", "--port", port, *login],
            env=environment(**settings),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    studio = Studio(f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: _is_up(studio.url), (folder / "log").read_text, within=600)
        if not kept.exists():
            shutil.copyfile(database, kept)
        studio.log_in()
        yield studio
    finally:
        process.kill()
        process.wait()


def _is_up(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=5).ok
    except requests.RequestException:
        return False


@pytest.fixture(scope="module")
def backend(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve to Label Studio, which has a key."""
    folder = tmp_path_factory.mktemp("backend")
    (folder / "token").write_text(studio.token)
    (folder / "keys").write_text(KEY)
    with serving(
        folder,
        WORKERS="1",
        LABEL_STUDIO_URL=studio.url,
        LABEL_STUDIO_API_KEY_FILE=folder / "token",
        API_KEYS_FILE=folder / "keys",
    ) as server:
        yield server


def connect(studio: Studio, backend: Server | Unready, label_config: str = CONFIG) -> int:
    """Make a project, and connect the backend to it; return the project's id."""
    project = {"title": "pictures", "label_config": label_config}
    number: int = studio.post("projects/", json=project)["id"]
    whole = {"url": f"{backend.url}/label-studio", "project": number, "title": "classifier"}
    auth = {"auth_method": "BASIC_AUTH", "basic_auth_user": "any", "basic_auth_pass": KEY}
    assert studio.post("ml/", json=whole | auth)["state"] == "CO"
    return number


def predictions(studio: Studio, project: int) -> list[Any]:
    """Have Label Studio fetch predictions for all tasks; return them."""
    selected = {"selectedItems": {"all": True, "excluded": []}}
    studio.post(f"dm/actions?id=retrieve_tasks_predictions&project={project}", json=selected)
    return list(studio.get(f"predictions/?project={project}"))


def test_tasks_get_pre_annotations(studio: Studio, backend: Server) -> None:
    project = connect(studio, backend)
    upload = {"file": ("an espresso ä.jpg", ESPRESSO.read_bytes(), "image/jpeg")}
    studio.post(f"projects/{project}/import", files=upload)
    (found,) = predictions(studio, project)
    (result,) = found["result"]
    assert result["value"] == {"choices": ["coffee"]}
    assert (result["from_name"], result["to_name"]) == ("kind", "picture")
    assert found["score"] > 0.5
    assert found["model_version"] == "resnet-tiny-imagenet eaf86c7cf2d6"


def test_more_tasks_than_a_request_may_hold_get_theirs(studio: Studio, backend: Server) -> None:
    project = connect(studio, backend)
    studio.post(f"projects/{project}/import", files={"file": ("a.jpg", ESPRESSO.read_bytes())})
    (first,) = studio.get(f"tasks/?project={project}")["tasks"]
    others = [{"data": first["data"]} for _ in range(16)]
    studio.post(f"projects/{project}/import", json=others)
    assert len(predictions(studio, project)) == 17


def test_choices_that_the_model_does_not_know_are_refused(studio: Studio, backend: Server) -> None:
    with pytest.raises(AssertionError, match="400"):
        connect(studio, backend, CONFIG.replace("Espresso", "x").replace("flagpole", "y"))


def test_a_server_that_is_not_ready_is_asked_again_as_it_says(
    studio: Studio, unready: Unready
) -> None:
    with pytest.raises(AssertionError, match="health check failed"):
        connect(studio, unready)
    assert unready.paths == ["/label-studio/health"] * 3
