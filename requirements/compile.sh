#!/usr/bin/env bash
# Writes the lock files, beside it and in post_request/, from pyproject.toml. Needs uv.
# Usage: requirements/compile.sh [--upgrade]    --upgrade: the newest versions that fit
# Without it, versions that are locked stay. Then run run_tests.sh, and commit the result.
set -euo pipefail
cd "$(dirname "$0")/.."

upgrade=${1:-}

lock() { # NAME, then what of pyproject.toml it covers
  local file=requirements/$1.txt
  cp "$file" "$file.new"
  uv pip compile --quiet ${upgrade:+"$upgrade"} --universal --python-version 3.11 --no-header --no-annotate \
    "${@:2}" --output-file "$file.new" --no-emit-package openvino-telemetry
  mv "$file.new" "$file"
}

# openvino-telemetry is left out everywhere: OpenVINO does without, and nothing reports home.
lock serve pyproject.toml --generate-hashes
lock tracing pyproject.toml --extra tracing --generate-hashes
lock train pyproject.toml --extra train --generate-hashes
lock prepare pyproject.toml --extra prepare
lock finetune pyproject.toml --extra finetune
lock dev pyproject.toml --extra finetune --extra tracing --extra train --group dev
lock ../post_request/requirements --group client
lock ../post_request/requirements-load --group load
lock ../tests/clients/requirements --group clients
lock ../tests/clients/clouds --group clouds
lock ../tests/clients/label-studio --group label-studio
# torch names the CUDA packages that it needs by itself; the CPU build must not get them.
sed -i -E '/^(nvidia|cuda|triton)-?/d' requirements/{prepare,finetune,dev}.txt
