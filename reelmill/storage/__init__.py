"""A file system, safely: the media root, free space, names that are given once, copies compared byte by byte.

Comes in: what any program needs of a disk; nothing that knows what a video is.
Uses: errors, guard, report, settings, troubles, wording.
"""
