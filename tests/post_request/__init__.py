"""Tests of the client's folder, whose modules find one another as in a user's Python."""

import sys

from tests.conftest import REPO

FOLDER = REPO / "post_request"
sys.path.insert(0, str(FOLDER))
