"""The commands of the command line, each in the module of what it is about.

Comes in: options, the one call that does the work, and the exit code; how results look is in ``views``.
Uses: analysis, api, blocks, catalogue, cli.catalogue_access, cli.completion, cli.demo_plan, cli.exit_codes,
    cli.job_choice, cli.server, cli.submission, cli.views, clock, deployments, dispatch, doctor, errors, ffmpeg,
    hardware, launch, operations, queue, report, settings, site_discovery, storage, wording, workpools.
"""
