"""Short runs of ffmpeg that answer a question: which subtitles fit, what an encode would come to, VMAF.

Comes in: questions that only an encode or a decode by ffmpeg answers.
Uses: clock, errors, ffmpeg.binary, ffmpeg.commands, ffmpeg.encoding, ffmpeg.geometry, ffmpeg.reading,
    ffmpeg.transcoder, ffmpeg.verify, report.
"""
