"""Packets copied without an encode, their times and joints mended on the way.

Comes in: what is done to packets and their times; no frame is encoded here.
Uses: errors, ffmpeg.codecs, ffmpeg.commands, ffmpeg.reading, ffmpeg.reading.audio, ffmpeg.reading.frames,
    ffmpeg.transcoder, report.
"""
