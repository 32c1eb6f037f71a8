"""Collections: sets of hosts and the rules for connecting to them.

It promises that a collection never exists without its scope at the authority, and that a deleted
name stays taken until its grants are gone.
"""
