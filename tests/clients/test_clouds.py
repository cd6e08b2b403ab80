"""SageMaker's and Vertex AI's SDKs as clients; tests/stack/test_clouds.py has them start it."""

import json

from tests.clients.conftest import Unready
from tests.clients.environment import run_python


def test_a_server_that_is_not_ready_is_asked_once_and_its_answer_returned(unready: Unready) -> None:
    port = unready.url.rpartition(":")[2]
    quiet = {"SAGEMAKER_SUPPRESS_V2_WARNING": "1", "NO_GCE_CHECK": "true"}
    printed = run_python("clouds_busy.py", port, group="clouds", **quiet)
    sagemaker, vertex = json.loads(printed.splitlines()[-1])
    assert (sagemaker[0], sagemaker[1]["type"]) == (503, "not_ready")
    assert (vertex[0], vertex[1]["error"]["code"]) == (503, 503)
    assert unready.paths == ["/invocations", "/vertex/predict"]
