"""ffmpeg as a process: started, watched, ended, and what it cost.

Comes in: the one runner and what it reads of a running ffmpeg.
Uses: errors, ffmpeg.demuxers, guard, hardware, storage.
"""
