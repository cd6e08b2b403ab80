#!/usr/bin/env bash
# Prepares a model, installing what that needs only if it has to be done.
# Usage: inference_app/prepare/prepare.sh MODEL_ID FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
model_id=$1 folder=$2
venv=${VENV:-.venv}
[[ -n ${HF_ENDPOINT:-} ]] || unset HF_ENDPOINT # empty, as Compose passes it, would be an address

prepare() { "$venv/bin/python" -m inference_app prepare "$model_id" --output "$folder" >/dev/null; }

requirements/install.sh serve
# First the part that can go wrong without gigabytes of packages: to find and fetch the model.
"$venv/bin/pip" install --quiet huggingface_hub --constraint requirements/prepare.txt
status=0
prepare || status=$?
[[ $status == 3 ]] || exit "$status" # 3: all is well, but torch and its like are missing
requirements/install.sh prepare
prepare
