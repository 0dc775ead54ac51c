"""What is done: one file a job type, the only ``@flow`` and ``@task``. See README.md.

Comes in: flows and what all of them share; no media logic.
Uses: blocks, reelmill.catalogue, reelmill.classification, reelmill.dispatch, reelmill.errors, reelmill.ffmpeg,
    reelmill.hardware, reelmill.operations, reelmill.parallel, reelmill.queue, reelmill.report, reelmill.settings,
    reelmill.storage, reelmill.wording.
"""
