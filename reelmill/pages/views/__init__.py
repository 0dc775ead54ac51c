"""The pages, one module each; a module that is put here is a page.

home     what runs, what waits and why, what failed today
jobs     all jobs, filtered and a page at a time
job      one job at its own address
job_new  a job is created
library  the videos as thumbnails, searched, sorted and filtered
video    one video: played, with its scenes, facts, products and actions
video_batch    batches from the library: counted, started, followed
video_compare  two videos compared, such as a copy with its source
duplicates  videos that show the same, side by side
nodes    what each node has and runs, and its pools
doctor   what is wrong, and what helps

Comes in: what is shown on one page, and what is done there.
Uses: api.access, api.routes, catalogue, dispatch, dispatch.tables, doctor, errors, operations.derived, pages,
    pages.components, queue, storage, wording.
"""
