"""The REST API: what programs, pages and the launcher ask of a site, over HTTP.

app       the application: its routes and errors
asgi      what uvicorn serves: the application of this node's site
gate      before any route: who calls, and how much is sent
reference   the page at /docs, made of the description of the routes (pure)
services  what every route stands on: the dispatcher, the reader of jobs, the site's state, the catalogue
event_feed  what happens on the site, for whoever listens
event_views  the same as server-sent events
pagination     pages of lists
texts     what may be sent in as text
naming    camelCase outside, snake_case inside: the one place that maps them
errors    our errors as HTTP answers
byte_ranges    which bytes of a file are asked for (pure)
file_response  a file over HTTP: whole, by range, or not at all where the client has it
access    who may: tokens, roles, the limit on failed logins
routes    one module for each noun of the API

Comes in: requests over HTTP, and what answers them; no rule that another face would need, too.
Uses: api.access, api.routes, catalogue, dispatch, dispatch.tables, errors, origin_guard, queue, settings.
"""
