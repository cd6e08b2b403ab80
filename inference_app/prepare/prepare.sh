#!/usr/bin/env bash
# Prepares a model, in an environment of its own: .venv-prepare or $VENV. It installs torch only if
# there is something to prepare.
# Usage: inference_app/prepare/prepare.sh MODEL_ID FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
model_id=$1 folder=$2
export VENV=${VENV:-.venv-prepare}
[[ -n ${HF_ENDPOINT:-} ]] || unset HF_ENDPOINT # empty, as Compose passes it, would be an address

# Ends the script, unless packages are missing and nothing else (status 3).
try() { # ENVIRONMENT
  local status=0
  "$1/bin/python" -m inference_app prepare "$model_id" --output "$folder" >/dev/null || status=$?
  [[ $status == 3 ]] || exit "$status"
}

# The environment that serves can tell that all is done.
[[ ! -e $folder/manifest.json || ! -x .venv/bin/python ]] || try .venv
# Then what can go wrong without gigabytes of packages: to find and download the model.
if [[ ! -e $VENV/installed-prepare.txt ]]; then
  requirements/install.sh serve
  "$VENV/bin/pip" install --quiet huggingface_hub --constraint requirements/prepare.txt
  try "$VENV"
fi
requirements/install.sh prepare
try "$VENV"
exit 3 # install.sh installed less than prepare needs
