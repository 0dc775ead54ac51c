"""The pages, one module each; a module that is put here is a page.

home     what runs, what waits and why, what failed today
jobs     all jobs, filtered and a page at a time
job      one job at its own address
job_new  a job is created
nodes    what each node has and runs, and its pools
doctor   what is wrong, and what helps

Comes in: what is shown on one page, and what is done there.
Uses: api.access, catalogue, dispatch, dispatch.tables, doctor, errors, pages, pages.components, queue, wording.
"""
