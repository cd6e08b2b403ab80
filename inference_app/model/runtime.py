"""OpenVINO without its telemetry: every import of OpenVINO here goes through this module.

When openvino is imported, it imports the package openvino_telemetry, a dependency of its own, which
starts a process that reports the import. None in `sys.modules` makes that import fail, and OpenVINO
does without.
"""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as openvino  # noqa: E402
