"""How many connections to the database a site opens, which its server must allow (pure).

Each process of ours opens at most

    process = POOL + 1                    the engine's pool, and the one that holds its locks: see ``advisory_lock``
    api     = API_POOL + 1                the same of the process that serves the REST API

A site of ``nodes`` nodes with ``cores`` cores each opens at most

    jobs  = WORKERS * max(1, cores / 4)   a node's: what its workers run at once, unless set otherwise
    node  = WORKERS * (process + 1)       workers, each with one more that serialises its claims
          + 2 * process                   the Dask worker, and `reelmill up` or `join` itself
          + jobs * process                a process a job; threads of one share its connections
    site  = PREFECT + RESERVED + PEOPLE + api + nodes * node

which is 1851 for 20 nodes of 32 cores. Pools have limits over all nodes, so few sites come near. A connection that
is not open costs the server some 30 kB.
"""

from __future__ import annotations

from typing import Final

#: Of one process's engine. Sessions are short and threads that find none free wait for one.
POOL: Final = 2

#: The same where requests are served: as many are read from the database at once.
API_POOL: Final = 12

#: Worker processes of a node: one a pool.
WORKERS: Final = 3
#: Of the Prefect server: ``pool_size`` 5 and ``max_overflow`` 10. Source: its settings ``server.database.sqlalchemy``.
PREFECT: Final = 15
#: PostgreSQL's ``superuser_reserved_connections``.
RESERVED: Final = 3
#: Doctors, command lines, notebooks, psql.
PEOPLE: Final = 20

#: The largest site that the embedded server is meant for, once it listens to other nodes.
NODES: Final = 20
CORES: Final = 32
#: What a server allows in any case.
_LEAST: Final = 200


def most(nodes: int, cores: int) -> int:
    """The sum above.

    Args:
        nodes: of the site.
        cores: of each.

    Returns:
        How many it opens at most.
    """
    process = POOL + 1
    jobs = WORKERS * max(1, cores // 4)
    node = WORKERS * (process + 1) + 2 * process + jobs * process
    return PREFECT + RESERVED + PEOPLE + API_POOL + 1 + nodes * node


def allowed(own_cores: int, *, shared: bool) -> int:
    """The ``max_connections`` of an embedded server.

    Args:
        own_cores: of its node.
        shared: whether other nodes may join.

    Returns:
        At least 200.
    """
    return max(_LEAST, most(NODES, max(CORES, own_cores)) if shared else most(1, own_cores))
