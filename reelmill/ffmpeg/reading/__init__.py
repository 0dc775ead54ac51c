"""A media file, read in process with PyAV: headers, packets, decoded frames and audio.

Comes in: reading only; nothing that starts ffmpeg or writes.
Uses: classification, errors, ffmpeg.codecs, ffmpeg.demuxers, ffmpeg.reading.audio, ffmpeg.reading.containers,
    ffmpeg.reading.frames, troubles.
"""
