"""A handler of TorchServe. https://docs.pytorch.org/serve/custom_service.html."""

from typing import Any

from benchmarks.peers import engine


class Classifier:
    """Takes pictures as the requests' bodies, BATCH at most."""

    def initialize(self, context: Any) -> None:  # noqa: ARG002 the environment says all
        """Load the model, once a worker."""
        self.model = engine.load()

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[str]:  # noqa: ARG002
        """Classify a batch."""
        bodies = [bytes(row.get("body") or row["data"]) for row in data]
        return self.model.infer([self.model.decode(body) for body in bodies])
