"""What a job is, purely: its status, lane, waiting reason, retries and placement.

Comes in: pure rules over plain values; nothing that asks a server or a disk.
Uses: errors, hardware.
"""
