#!/usr/bin/env bash
# Starts the service in Docker and shows that it works.
#   ./run_docker.sh                                    builds it with ResNet-50 of the Hugging Face Hub
#   MODEL_ID=timm/densenet121.tv_in1k ./run_docker.sh  with another, a folder below models/, or: bundled
#   IMAGE_PREFIX=you/ ./run_docker.sh                  pulls the images of you; builds if there are none
# HTTP_PORT is where it listens: 80. With TLS_CERTIFICATE and TLS_KEY: HTTPS on HTTPS_PORT, 443.
# `.env.example` lists the other settings.
set -euo pipefail
cd "$(dirname "$0")"

say() { echo "run_docker: $*"; }

fail() {
  echo "error: $*" >&2
  exit 1
}

check_docker() {
  command -v docker >/dev/null ||
    fail "there is no Docker on this machine; install Docker Engine, or use ./run_local.sh"
  docker info >/dev/null 2>&1 ||
    fail "Docker does not answer: is its daemon running, and may $(id -un) use it? (docker info)"
  docker compose version >/dev/null 2>&1 || fail "Docker has no Compose plugin (docker compose)"
}

# A setting: from the environment, else from .env as Compose reads it, else the default.
setting() { # NAME DEFAULT
  local line
  line=$(grep -s "^$1=" .env | tail -n 1) || true
  echo "${!1-${line:+${line#*=}}}" | grep . || echo "$2"
}

check_port() {
  docker compose ps --status running --status restarting --quiet nginx 2>/dev/null | grep -q . && return # ours
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    fail "port $port is in use; choose another: HTTP_PORT=8080 ./run_docker.sh"
  fi
}

get_images() {
  if [[ -n $(setting IMAGE_PREFIX "") && -z ${MODEL_ID:-} ]]; then
    say "pulling the images"
    docker compose pull --quiet && return
    say "there is nothing to pull, for the reason above: is IMAGE_PREFIX right?"
  fi
  build
}

build() {
  local log
  say "building the images with $model_id (the first time takes minutes)"
  log=$(mktemp)
  if ! docker compose build 2>&1 | tee "$log"; then
    local why
    why=$(sed -nE 's/^.*error: (.*)$/\1/p' "$log" | grep -v 'did not complete' | head -n 1)
    rm -f "$log"
    fail "${why:-the images cannot be built; the lines above say why}"
  fi
  rm -f "$log"
}

start() {
  local answer
  if ! answer=$(docker compose up --detach --wait --wait-timeout 120 2>&1); then
    echo "$answer" >&2
    [[ $answer == *"already allocated"* || $answer == *"address already in use"* ]] &&
      fail "port $port is in use; choose another: HTTP_PORT=8080 ./run_docker.sh"
    docker compose logs --tail 20 >&2
    fail "it did not become ready; the lines above say why"
  fi
}

show() {
  local sample=post_request/images/espresso.jpg url=http://localhost:$port curl=curl demonstration
  [[ $port != 80 ]] || url=http://localhost
  if [[ -n $certificate ]]; then
    url=https://localhost:$(setting HTTPS_PORT 443) curl+=" --cacert $certificate"
  fi
  [[ -z $(setting API_KEYS_FILE "") ]] || curl+=' -H "X-API-Key: YOUR_KEY"'
  say "ready"
  demonstration=$(sed -n 's/^ "name": \(".*"\),$/\1/p' inference_app/bundled/manifest.json)
  if [[ $(curl --silent "http://localhost:$port/readyz") == *"$demonstration"* ]]; then
    say "this is the bundled demonstration model: 200 classes, right about half the time"
    say "a real one:  MODEL_ID=microsoft/resnet-50 ./run_docker.sh"
  fi
  if [[ $curl == curl ]]; then # no key and no certificate is needed
    say "a first prediction, for $sample:"
    curl --silent --show-error --fail-with-body --form "image=@$sample" "$url/predict?top_k=3" ||
      fail "the service did not answer; see: docker compose logs"
  fi
  say "page:    $url/"
  say "yours:   $curl -F image=@$sample $url/predict"
  say "logs:    docker compose logs --follow"
  say "stop it: docker compose down"
}

check_docker
port=$(setting HTTP_PORT 80)
model_id=$(setting MODEL_ID microsoft/resnet-50)
certificate=$(setting TLS_CERTIFICATE "")
[[ -z $certificate ]] || export COMPOSE_FILE=docker-compose.yml:docker-compose.tls.yml
check_port
get_images
start
show
