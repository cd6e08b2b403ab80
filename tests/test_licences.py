"""The page of licences names every package that serving installs, as the package does itself."""

import re
from importlib.metadata import metadata

from tests.conftest import REPO
from tests.support.readme import table_rows


def licence(package: str) -> str:
    """Return a package's licence from its metadata: an SPDX expression, or a classifier's end."""
    facts = metadata(package)
    classifiers = facts.get_all("Classifier") or []
    ends = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")]
    return facts["License-Expression"] or ends[0]


def test_every_package_is_listed_with_its_licence() -> None:
    lock = (REPO / "requirements" / "serve.txt").read_text("utf-8")
    packages = {*re.findall(r"^([\w.-]+)==", lock, re.MULTILINE), "accelerate", "matplotlib"}
    listed = {row[0].strip("`"): row[1] for row in table_rows("docs/licences.md")}
    assert {package: licence(package) for package in packages}.items() <= listed.items()
