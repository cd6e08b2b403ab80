"""The open files that the system allows a worker, and how many connections that makes."""

CONNECTIONS = 1000  # of a worker, as Gunicorn has it by default; more wait in the backlog
OWN = 32  # files that a worker has beside its connections: 21, measured, and some to spare


def raise_limit(threads: int) -> int:
    """Raise this process's limit as far as its workers need, if it may; return the limit."""
    import resource  # Windows has none: it has no such limit either

    needed = CONNECTIONS + threads + OWN
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed
    limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def connections(limit: int, threads: int) -> int:
    """Return how many connections a worker may have within a limit of open files.

    A connection is one file, and another while a thread waits for its first bytes.
    """
    left = limit - OWN
    return max(1, min(CONNECTIONS, max(left // 2, left - threads)))
