#!/usr/bin/env bash
# Sets up and runs every test that this machine can run; says which it left out, and why.
# Usage: ./run_tests.sh [pytest's arguments]     --no-skips: a test left out counts as failed
set -euo pipefail
cd "$(dirname "$0")"

requirements/install.sh dev
export PATH=$PWD/.venv/bin:$PATH

ruff check .
ruff format --check .
mypy
lint-imports
shellcheck ./*.sh ./*/*.sh deploy/*/*.sh inference_app/prepare/*.sh .ci/run
python -m pytest "$@"
