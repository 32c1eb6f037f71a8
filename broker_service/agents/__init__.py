"""Agents: what the hosts say of themselves, and what is wanted of them.

It promises that a report is judged by itself, that one which changes nothing costs one narrow
update, and that a host whose agent falls silent counts as unavailable. It changes nothing that
administrators decide, but for a drain that was to end with the next start of the machine.
"""
