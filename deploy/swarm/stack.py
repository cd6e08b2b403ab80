#!/usr/bin/env python3
"""Turns the Compose file into one that a Swarm takes.

docker compose config --format json | deploy/swarm/stack.py | docker stack deploy -c - NAME

`docker stack deploy` reads an older Compose format: it refuses some of today's keys and ignores
others, such as tmpfs. Here each becomes what a Swarm knows. Needs Python 3.9 or later.
"""

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

Section = dict[str, Any]

# A Swarm has no counterpart for these, or does it by itself.
DROPPED = ("build", "depends_on", "profiles", "restart", "security_opt")
LIMITS = {"mem_limit": "memory", "cpus": "cpus", "pids_limit": "pids"}
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def stack(project: Section) -> Section:
    """Return the stack file for a project as `docker compose config` prints it.

    Raises ValueError for what a Swarm cannot do.
    """
    versioned = {kind: files(project.get(kind, {})) for kind in ("secrets", "configs")}
    services = {name: service(name, value) for name, value in project["services"].items()}
    for value in services.values():
        for kind, known in versioned.items():
            value[kind] = [each for each in value.get(kind) or [] if each["source"] in known]
    others: Section = {key: project[key] for key in ("networks", "volumes") if key in project}
    return {"services": services, **others, **versioned}


def service(name: str, value: Section) -> Section:
    """Return a service as a Swarm knows it."""
    value = {k: v for k, v in value.items() if k not in DROPPED and v is not None}
    limits = {LIMITS[key]: value.pop(key) for key in LIMITS if key in value}
    resources = value.setdefault("deploy", {}).setdefault("resources", {})
    resources["limits"] = {**limits, **resources.get("limits", {})}
    for share in resources.values():
        if "cpus" in share:
            share["cpus"] = str(share["cpus"])
    value["volumes"] = value.get("volumes", []) + [tmpfs(each) for each in value.pop("tmpfs", [])]
    value["ports"] = [port(name, each) for each in value.get("ports", [])]
    return value


def tmpfs(short: str) -> Section:
    """Return a file system in memory as a mount, whose mode is that of the folder in the image."""
    target, _, options = short.partition(":")
    size = re.search(r"\bsize=(\d+)([kmg]?)", options)
    limit = {"size": int(size[1]) * UNITS[size[2]]} if size else {}
    return {"type": "tmpfs", "target": target, "tmpfs": limit}


def port(name: str, value: Section) -> Section:
    """Return a port that is published by the node a replica runs on: NGINX sees its clients."""
    if "host_ip" in value:
        raise ValueError(f"{name}: a Swarm publishes ports on all addresses, not on one alone")
    return {**value, "published": int(value["published"]), "mode": "host"}


def files(section: Section) -> Section:
    """Return secrets or configs named by what is in them: a Swarm never changes one in place.

    Empty ones, which stand for none, a Swarm refuses.
    """
    contents = {key: Path(value["file"]).read_bytes() for key, value in section.items()}
    return {
        key: {**value, "name": f"{value['name']}_{hashlib.sha256(contents[key]).hexdigest()[:12]}"}
        for key, value in section.items()
        if contents[key]
    }


if __name__ == "__main__":
    try:
        json.dump(stack(json.load(sys.stdin)), sys.stdout, indent=2)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
