#!/usr/bin/env bash
# Deploys the service to the Swarm that this machine is a manager of, and waits until it runs. Run it
# again after each change: of the images, of .env, of keys.
#   deploy/swarm/deploy.sh                           as docker-compose.yml and .env have it
#   deploy/swarm/deploy.sh docker-compose.tls.yml    with more Compose files
# STACK is its name: inference. REPLICAS is how many: 3.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
  echo "error: $*" >&2
  exit 1
}

manages=$(docker info --format '{{.Swarm.ControlAvailable}}') || fail "Docker does not answer"
[[ $manages == true ]] || fail "this engine is no manager of a Swarm; make it one: docker swarm init"

name=${STACK:-inference}
files=(--file docker-compose.yml)
for file in "$@" deploy/swarm/stack.yml; do files+=(--file "$file"); done
docker compose --project-name "$name" "${files[@]}" config --format json |
  python3 deploy/swarm/stack.py |
  docker stack deploy --compose-file - --with-registry-auth --detach=false --quiet "$name"

for service in $(docker stack services --format '{{.Name}}' "$name"); do
  update=$(docker service inspect --format '{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}' "$service")
  [[ $update != rollback* ]] ||
    fail "$service was rolled back; why: docker service ps --no-trunc $service"
done
