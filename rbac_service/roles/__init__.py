"""Role definitions: what a role allows.

A role is blocks of action patterns; `not_actions` subtract inside their own block and are no deny.
The built-in roles are part of the product and have the ids of their originals.
"""
