"""BentoML. https://docs.bentoml.com/en/latest/get-started/adaptive-batching.html."""

from pathlib import Path

import bentoml

from benchmarks.peers import engine


@bentoml.service(workers=engine.WORKERS, traffic={"timeout": 120})
class Classifier:
    """One service; BentoML gathers the lists of several requests into one."""

    def __init__(self) -> None:
        self.model = engine.load()

    @bentoml.api(
        batchable=engine.BATCH > 1, max_batch_size=max(engine.BATCH, 2), max_latency_ms=60_000
    )
    def predict(self, images: list[Path]) -> list[str]:
        """Classify the multipart field `images`."""
        return self.model.infer([self.model.decode(image.read_bytes()) for image in images])
