"""The doctor: examines a whole site and its library, reports what is wrong and what helps, and does what is safe.

Comes in: examinations and their repairs; each finding a sentence with its way out.
Uses: catalogue, dispatch, errors, ffmpeg, hardware, operations, queue, report, settings, site_discovery, storage,
    wording.
"""
