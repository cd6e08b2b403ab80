"""An app that can be made to fail, with NGINX in front of it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.conftest import REPO
from tests.stack.running import answers, clean_environment
from tests.support.server import Server, free_port, serving, wait_until


@dataclass(frozen=True)
class Fronted:
    """An app with NGINX in front of it; `access_log` and `errors` are what NGINX wrote."""

    url: str
    app: Server
    access_log: Path
    errors: Path

    @property
    def port(self) -> int:
        """The port that NGINX listens on."""
        return int(self.url.rsplit(":", 1)[1])

    def post(self, picture: bytes) -> requests.Response:
        """Post a picture to /predict."""
        return requests.post(f"{self.url}/predict", picture, timeout=60)


@contextmanager
def fronted(
    folder: Path, module: str = "tests.support.faults", **settings: str
) -> Iterator[Fronted]:
    """Run an app that can be made to fail, and NGINX, while the `with` lasts."""
    prefix = folder / "nginx"
    prefix.mkdir()
    for parent in (prefix, *prefix.parents[:3]):
        parent.chmod(0o755)  # NGINX's workers run as another user
    access_log, errors = folder / "access.log", folder / "errors.log"
    with serving(folder, module, **settings) as app, errors.open("wb") as stderr:
        own = {
            "NGINX_PORT": str(free_port()),
            "PORT": str(app.port),
            "ACCESS_LOG": str(access_log),
        }
        environment = clean_environment(**own, **settings)
        nginx = subprocess.Popen(
            ["nginx/start.sh", str(prefix)], cwd=REPO, env=environment, stderr=stderr
        )
        url = f"http://127.0.0.1:{own['NGINX_PORT']}"
        try:
            wait_until(lambda: answers(url), errors.read_text)
            yield Fronted(url, app, access_log, errors)
        finally:
            nginx.terminate()
            nginx.wait(timeout=30)
