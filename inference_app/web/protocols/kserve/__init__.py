"""The Open Inference Protocol V2 (REST), of KServe, Triton, MLServer and OpenVINO Model Server.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md;
with Triton's extensions for binary tensors, classification, configuration and the repository:
https://github.com/triton-inference-server/server, docs/protocol.
"""

from inference_app.web.protocols.kserve.routes import bp

__all__ = ["bp"]
