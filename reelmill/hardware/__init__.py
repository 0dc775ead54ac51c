"""What a node has: GPUs, cores and memory, energy counters, and the shares of them that are lent.

Comes in: what is read from or lent by one node; no media and no Prefect.
Uses: guard, parallel, storage.
"""
