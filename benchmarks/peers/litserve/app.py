"""LitServe. https://lightning.ai/docs/litserve/features/batching."""

import os
from typing import Any

import litserve
from fastapi import Request

from benchmarks.peers import engine


class Classifier(litserve.LitAPI):
    """Decodes each request, infers a batch of them (or one, when BATCH is 1)."""

    def setup(self, device: str) -> None:  # noqa: ARG002 it is the CPU
        """Load the model, once a worker."""
        self.model = engine.load()

    def decode_request(self, request: Request) -> Any:
        """Read the multipart field `image`."""
        return self.model.decode(request["image"].file.read())

    def batch(self, inputs: list[Any]) -> list[Any]:
        """Leave them as a list."""
        return list(inputs)

    def predict(self, x: Any) -> Any:
        """Classify."""
        return self.model.infer(x) if engine.BATCH > 1 else self.model.infer([x])[0]

    def unbatch(self, output: list[str]) -> list[str]:
        """They are a list already."""
        return output

    def encode_response(self, output: str) -> dict[str, str]:
        """Return the response."""
        return {"label": output}


if __name__ == "__main__":
    wait = engine.BATCH_WAIT_MS / 1000 if engine.BATCH > 1 else 0
    api = Classifier(max_batch_size=engine.BATCH, batch_timeout=wait)
    server = litserve.LitServer(
        api, accelerator="cpu", workers_per_device=engine.WORKERS, timeout=120
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        generate_client_file=False,
        log_level="warning",
    )
