"""The one place that knows the tables of Prefect's server: jobs read at size, by read-only SQL.

prefect_tables  the tables and columns that are read: what a Prefect upgrade may change
contract        whether a database still has them as they are read here
indexes         indexes of our own on them, for what Prefect cannot filter
read_only       a connection that cannot write
cursors         where a reading goes on, as text (pure)
snapshots       which rows a reading has seen, whenever they were committed
conditions      a job filter as conditions on runs (pure)
run_rows        runs as the facts that jobs are made of
job_chain_rows  the runs that one job has had
job_pages       pages of jobs
job_counts      counts and means
endings         how jobs ended, for totals that outlive their runs
rounds          what a job did since a person last sent it back
job_statistics  the site in numbers, archived jobs among them
job_progress    how far jobs are
job_values      pages of jobs, and one job, as they are read
job_results     what came of jobs
job_lines       the lines of their logs
job_changes     what has changed since a moment
removed_jobs    jobs that are there no more
old_runs        runs that ended long ago, and may leave the server
run_records     runs as they stand in the archive
timeline        how long a job waited and ran (pure)
queue_places    how many jobs are served before one
job_reader      all of it, for whoever reads jobs

The tables are read where they are, in place of a copy of the jobs in the catalogue: a copy must be reconciled with the
server, which is what each crash tests, while SQL over 100,000 runs takes milliseconds. The price is that an upgrade of
Prefect may change them, so that ``contract`` names what it read and a test fails on what is not so. Truth and control
stay with Prefect's API: nothing here writes a row.

Comes in: SELECT statements over Prefect's tables, and the indexes that serve them; no state is set here.
Uses: catalogue, clock, dispatch, errors, queue, settings.
"""
