"""Ray Serve. https://docs.ray.io/en/latest/serve/advanced-guides/dyn-req-batch.html."""

import os
from typing import Any

import ray
from ray import serve
from starlette.requests import Request

from benchmarks.peers import engine


@serve.deployment(
    num_replicas=engine.WORKERS, max_ongoing_requests=64, ray_actor_options={"num_cpus": 1}
)
class Classifier:
    """Takes the picture as the request's body."""

    def __init__(self) -> None:
        self.model = engine.load()

    @serve.batch(max_batch_size=engine.BATCH, batch_wait_timeout_s=engine.BATCH_WAIT_MS / 1000)
    async def infer(self, pictures: list[Any]) -> list[str]:
        """Classify a batch."""
        return self.model.infer(pictures)

    async def __call__(self, request: Request) -> dict[str, str]:
        """Decode a picture and wait for its batch."""
        picture = self.model.decode(await request.body())
        if engine.BATCH == 1:
            return {"label": self.model.infer([picture])[0]}
        return {"label": await self.infer(picture)}


if __name__ == "__main__":
    ray.init(
        num_cpus=os.cpu_count(),
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
        _temp_dir=f"{os.environ['HOME']}/ray",
    )
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
    serve.run(Classifier.bind(), blocking=True)
