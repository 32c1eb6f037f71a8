"""App groups: what a collection publishes, the full desktop or applications.

It promises that an app group never exists without its scope at the authority, where users are let
in, and that a collection keeps at least one.
"""
