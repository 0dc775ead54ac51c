"""Who may ask what of the API.

roles       the four roles, and what each may
caller      who asks: what routes demand of them
tokens      bearer tokens: made, listed, revoked, recognised
rate_limit  the limit on failed logins
login       who a caller is: the holder of a token, or whoever is here

Comes in: tokens, roles, and what is refused to whom; no route.
Uses: catalogue, clock, errors, queue, settings.
"""
