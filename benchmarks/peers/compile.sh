#!/usr/bin/env bash
# Writes the lock files of the peers' environments, with the newest versions that fit.
# Needs uv (pip install uv). A peer's environment is its own file and one of engines/.
set -euo pipefail
cd "$(dirname "$0")"

lock() { # FILE, then what is wanted
  # As in requirements/compile.sh, openvino-telemetry is left out.
  printf '%s\n' "${@:2}" | uv pip compile --quiet --upgrade --python-version 3.11 --no-header \
    --no-annotate --no-emit-package openvino-telemetry --output-file "$1" \
    ${constraints[@]+"${constraints[@]}"} - >/dev/null
}

constraints=()
lock engines/torch.txt torch==2.15.0 torchvision transformers pillow
constraints=(--constraint engines/torch.txt)
lock engines/openvino.txt openvino pillow numpy
constraints+=(--constraint engines/openvino.txt)

lock naive/requirements.txt flask gunicorn
lock flask/requirements.txt flask gunicorn
lock fastapi/requirements.txt fastapi 'uvicorn[standard]' python-multipart
lock litserve/requirements.txt litserve python-multipart
lock bentoml/requirements.txt bentoml
lock mosec/requirements.txt mosec
lock rayserve/requirements.txt 'ray[serve]'
lock mlserver/requirements.txt mlserver 'uvloop<0.22' # 1.7.1 does not start with 0.22
lock torchserve/requirements.txt torchserve nvidia-ml-py pyyaml psutil
