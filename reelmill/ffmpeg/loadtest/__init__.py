"""Synthetic load: generated sources, codecs and sinks of the scenarios.

Comes in: what the load scenarios need and nothing else does.
Uses: errors, ffmpeg.binary, ffmpeg.codecs, ffmpeg.process, ffmpeg.transcoder, hardware.
"""
