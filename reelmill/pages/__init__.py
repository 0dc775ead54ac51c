"""The pages of a site: what people open in a browser, in the process of the REST API and on its services.

asgi        what uvicorn serves: the REST API and the pages, at one address
guard       before any page: who looks, and that no page of another origin gets in
login       the form that takes a token, and the cookie that keeps it
viewer      who looks at a page, and what they may
registry    which pages there are: a module of ``views`` adds one
shell       what every page has around it: navigation, theme, the way out
view        what a page is built with: its services, its address, its actions
watch       what changes on the site, read once for all browsers
job_actions what people do to one job
schema_form a form made from a schema: of a job type's parameters, of a block's values
job_outcome what came of a job: its result card, its images, the videos that it made
site_panel  lanes, GPU memory and nodes, in the margin of a page
address     the choices of a page, in its address (pure)
library_query  which videos the library shows, in its address (pure)
duplicate_sets which videos show the same, as the page of duplicates reads it
video_actions  what people have done with one video
theme       light and dark, and the files of ``assets``
components  what pages are put together from
views       one module a page

Comes in: pages and what they need of a browser; nothing that a program would ask, which is the REST API's.
Uses: api, api.access, catalogue, dispatch, dispatch.tables, errors, ffmpeg, operations, operations.derived,
    operations.jobs, operations.web_copies, pages.components, queue, report, settings, storage, wording.
"""
