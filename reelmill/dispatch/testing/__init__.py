"""For tests of programs that use the dispatcher: a site in memory, behind Prefect's own client.

memory_site    the site
memory_server  the server of that site: the routes that the dispatcher calls
memory_filter  its filters (pure)
memory_records logs and artifacts of its runs
memory_blocks what people of the site agree on
memory_trail  its audit

Comes in: what a real server was seen to do, held to it by the same tests.
Uses: catalogue, clock, dispatch, queue.
"""

from reelmill.dispatch.testing.memory_site import MemorySite

__all__ = ["MemorySite"]
