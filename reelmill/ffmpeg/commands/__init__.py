"""ffmpeg command lines, built purely from a plan.

Comes in: command builders, golden-tested; nothing that runs them.
Uses: errors, ffmpeg.codecs, ffmpeg.encoding, ffmpeg.finding, ffmpeg.geometry, ffmpeg.planning, ffmpeg.reading.
"""
