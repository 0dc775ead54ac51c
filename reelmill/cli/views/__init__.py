"""What the command line prints: tables, progress, times, and each thing as text or JSON.

Comes in: how values are shown to a person at a terminal, and what a terminal can; no call of the house.
Uses: catalogue, classification, cli.demo_plan, dispatch, errors, queue, settings, storage, wording.
"""
