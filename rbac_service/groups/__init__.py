"""Groups and their members, beside the groups that tokens name.

It promises that groups never contain themselves and nest no deeper than the bound, and that nobody
gets by a membership what its author does not hold.
"""
