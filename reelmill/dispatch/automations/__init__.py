"""What happens by itself: rules for new videos and messages to people, as automations of the Prefect server.

Comes in: what the server does upon an event, and the names of those events.
Uses: dispatch, errors, queue.
"""
