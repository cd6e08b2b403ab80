"""A Hugging Face Hub on a loopback port: the few endpoints that huggingface_hub asks."""

import hashlib
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Model:
    """A repository: its files by path, and whether one must ask before downloading them."""

    files: dict[str, bytes]
    gated: bool = False

    @property
    def commit(self) -> str:
        """Forty hexadecimal digits that change with the files."""
        return hashlib.sha1(repr(sorted(self.files.items())).encode()).hexdigest()  # noqa: S324


class Hub(ThreadingHTTPServer):
    """Serves `models`, by id, and keeps the paths of downloaded files in `downloads`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.models: dict[str, Model] = {}
        self.downloads: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """What HF_ENDPOINT is to be."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path).path.strip("/").split("/")
        api = parts[:2] == ["api", "models"]
        model_id, what = "/".join(parts[2:4] if api else parts[:2]), parts[4 if api else 2 :]
        model = self.server.models.get(model_id)
        if model is None:
            self._refuse(401, "RepoNotFound")
        elif len(what) > 1 and what[1] not in ("main", model.commit):
            self._refuse(404, "RevisionNotFound")
        elif not api:
            self._file(model, "/".join(what[2:]))
        elif what[:1] == ["tree"]:
            self._json([_entry(path, data) for path, data in model.files.items()])
        else:
            siblings = [{"rfilename": path} for path in model.files]
            self._json({"id": model_id, "sha": model.commit, "siblings": siblings})

    do_HEAD = do_GET  # noqa: N815 the name that http.server calls

    def _file(self, model: Model, path: str) -> None:
        if model.gated:
            self._refuse(401, "GatedRepo")
        elif path not in model.files:
            self._refuse(404, "EntryNotFound")
        else:
            if self.command == "GET":
                self.server.downloads.append(path)
            data = model.files[path]
            self._answer(200, data, {"ETag": f'"{_digest(data)}"', "X-Repo-Commit": model.commit})

    def _json(self, body: object) -> None:
        self._answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, b"{}", {"X-Error-Code": code, "Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep the tests' output to what fails."""


def _digest(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()  # noqa: S324 as git does


def _entry(path: str, data: bytes) -> dict[str, object]:
    return {"type": "file", "path": path, "size": len(data), "oid": _digest(data)}
