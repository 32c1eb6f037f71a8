"""Who had which host, from when to when, by whose decision.

It promises that an event is part of the transaction that it tells of and is never rewritten.
"""
