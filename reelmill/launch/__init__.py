"""The launcher: many load tests handed in at once, over the REST API.

options  what is wanted, out of what a person wrote (pure)
workers  what live workers can encode (pure)
plan     the jobs of a launch, drawn at random and the same for the same seed (pure)
pace     how long to wait: after a failure, and for a server that has become slow (pure)
client   the REST API of a site, as the launcher needs it
sender   hands the jobs in, batch by batch, each job once
results  what became of each job, as a file

Comes in: options of a person, facts of the site over HTTP; nothing of the site's own database or Prefect server.
Uses: clock, errors, ffmpeg, ffmpeg.loadtest, hardware, queue, storage.
"""
