"""What the tests of clients share: a server, one with API keys, and one that is not ready."""

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.model.classifier import Classifier
from inference_app.web.state import state_of
from tests.support.server import Server, serving

KEY = "a-key-that-the-tests-use"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve the bundled model, with all protocols."""
    with serving(tmp_path_factory.mktemp("server"), WORKERS="1") as server:
        yield server


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve to clients that send KEY alone."""
    folder: Path = tmp_path_factory.mktemp("locked")
    (folder / "keys").write_text(KEY)
    with serving(folder, WORKERS="1", API_KEYS_FILE=folder / "keys") as server:
        yield server


@dataclass
class Unready:
    """A server that answers every prediction with 503 and Retry-After; `paths` are the requests."""

    url: str
    paths: list[str]
    refusals: float = math.inf  # after so many requests the model is loaded


@pytest.fixture
def unready(settings: Settings, classifier: Classifier) -> Iterator[Unready]:
    """Serve an app whose model is not loaded."""
    app, unready = create_app(settings), Unready("", [])

    def counted(environ: dict[str, Any], start_response: Any) -> Any:
        if len(unready.paths) >= unready.refusals:
            state_of(app).classifier = classifier
        unready.paths.append(environ["PATH_INFO"])
        return app(environ, start_response)

    server = make_server("127.0.0.1", 0, counted, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    unready.url = f"http://127.0.0.1:{server.server_port}"
    yield unready
    server.shutdown()
    thread.join()
    server.server_close()


class _Silent(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Keep pytest's output free of it."""
