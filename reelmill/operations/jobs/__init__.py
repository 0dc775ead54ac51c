"""One file a job type, named as its flow: a plan first, then the act.

Comes in: job types only; what two of them share goes into a room beside.
Uses: analysis, catalogue, collector, errors, ffmpeg, hardware, operations.chunk_store, operations.context,
    operations.derived, operations.disks, operations.file_facts, operations.films, operations.moment,
    operations.once, operations.ownership, operations.publishing, operations.rearranged_files, operations.recipe,
    operations.recognition, operations.result_card, operations.scan_changes, operations.scan_plan,
    operations.size_estimates, operations.undated_files, operations.unscanned, operations.walk,
    operations.web_copies, parallel, queue, report,
    settings, storage, troubles, wording.
"""
