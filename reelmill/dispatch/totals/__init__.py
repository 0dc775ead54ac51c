"""Ended jobs, added up: totals that only grow, whatever becomes of the runs that they count.

families  what is added up: the counters and histograms that metrics are made of
tally     each ending is added once, by whichever process comes to it first, and before its run is removed

Comes in: what is counted of jobs that are over, for ever; what is so now is read of the runs themselves.
Uses: catalogue, dispatch.tables, queue.
"""
