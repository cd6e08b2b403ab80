"""An image as BuildKit writes it, read without an engine."""

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Image:
    """An archive in the layout of the Open Container Initiative, of an image for one platform.

    https://github.com/opencontainers/image-spec/blob/main/image-layout.md
    """

    archive: Path

    @property
    def digest(self) -> str:
        """What names it, with its attestations."""
        (entry,) = {each["digest"] for each in self._read("index.json")["manifests"]}
        return str(entry)

    @property
    def platform(self) -> dict[str, Any]:
        """The entry of its one platform."""
        found: dict[str, Any] = self._entries()[0]
        return found

    def manifest(self) -> dict[str, Any]:
        """Return what lists its layers."""
        return self._blob(self.platform)

    def config(self) -> dict[str, Any]:
        """Return how it is run, with its labels."""
        return self._blob(self.manifest()["config"])

    def provenance(self) -> dict[str, Any]:
        """Return what is attested, see https://slsa.dev/spec/v0.2/provenance."""
        _, entry = self._entries()
        assert entry["annotations"]["vnd.docker.reference.digest"] == self.platform["digest"]
        (layer,) = self._blob(entry)["layers"]
        return self._blob(layer)

    def _entries(self) -> list[dict[str, Any]]:
        return list(self._blob({"digest": self.digest})["manifests"])

    def _blob(self, entry: dict[str, Any]) -> dict[str, Any]:
        return self._read("blobs/" + entry["digest"].replace(":", "/"))

    def _read(self, name: str) -> dict[str, Any]:
        with tarfile.open(self.archive) as archive:
            member = archive.extractfile(name)
            assert member
            content: dict[str, Any] = json.load(member)
            return content
