"""The pages, one module each; a module that is put here is a page.

home  what runs, what waits and why, what failed today

Comes in: what is shown on one page, and what is done there.
Uses: api.access, pages, pages.components.
"""
