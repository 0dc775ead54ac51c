"""Who may ask what of the API.

roles   the three roles, and what each may
caller  who asks: what routes demand of them

Comes in: tokens, roles, and what is refused to whom; no route.
Uses: errors.
"""
