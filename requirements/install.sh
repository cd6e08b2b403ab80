#!/usr/bin/env bash
# Makes a virtual environment with the packages for a purpose: $VENV, or .venv-prepare to prepare
# models and to train whole networks, or .venv.
# Usage: requirements/install.sh serve|tracing|train|prepare|finetune|dev     Safe to run again.
set -euo pipefail
cd "$(dirname "$0")/.."
lock=requirements/$1.txt
venv=.venv
[[ $1 != prepare && $1 != finetune ]] || venv=.venv-prepare # gigabytes that serving does without
venv=${VENV:-$venv}
python=${PYTHON:-python3}

fail() {
  echo "error: $1" >&2
  exit 1
}

make_venv() {
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or later is needed; set PYTHON to where it is"
  "$python" -m venv "$venv" ||
    fail "Python has no venv module; on Debian or Ubuntu: apt-get install python3-venv"
}

# An environment keeps the Python that made it.
check_python() {
  local identity='import sys; print(sys.base_prefix, sys.version)'
  [[ $("$python" -c "$identity") == "$("$venv/bin/python" -c "$identity")" ]] ||
    fail "$venv was made with another Python than $python; to use this one, remove $venv first"
}

# torch's CPU build is a fifth of the default one, which is for GPUs (TORCH=cuda), but has an index of
# its own, which uv knows and not every machine can reach.
install_with_torch() {
  "$venv/bin/pip" install --quiet --quiet uv
  export VIRTUAL_ENV=$venv
  local cpu=--torch-backend=cpu size="1.5 GB"
  if [[ ${TORCH:-cpu} == cuda ]]; then
    cpu='' size="5.6 GB, with CUDA"
  elif ! "$venv/bin/uv" pip install --quiet --dry-run $cpu -r "$lock" 2>/dev/null; then
    cpu='' size="5.6 GB, since torch's build for CPUs alone cannot be reached"
  fi
  echo "The packages take about $size" >&2
  # shellcheck disable=SC2086 # no argument where it is empty
  "$venv/bin/uv" pip install $cpu -r "$lock"
  # Not in the lock, but a dependency of OpenVINO's: it starts processes that report home.
  "$venv/bin/uv" pip uninstall --quiet openvino-telemetry 2>/dev/null || true
}

[[ -z ${PYTHON:-} || ! -x $venv/bin/python ]] || check_python
cmp -s "$lock" "$venv/installed-$1.txt" && exit
[[ -x $venv/bin/pip ]] || make_venv
echo "Installing what is needed to $1 into $venv" >&2
case $1 in
  serve | tracing | train) "$venv/bin/pip" install --quiet --quiet --no-deps --require-hashes -r "$lock" ;;
  *) install_with_torch ;;
esac
cp "$lock" "$venv/installed-$1.txt"
