"""The API's routes, one module for each noun; each has a ``router`` that the application includes.

Comes in: paths, what they take and what they answer; what is done is done elsewhere.
Uses: analysis.scenes, api, api.access, catalogue, dispatch, dispatch.tables, errors, metrics, queue, storage.
"""
