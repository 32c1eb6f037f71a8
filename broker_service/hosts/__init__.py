"""Hosts: the machines of a collection, and whether somebody holds them.

It promises that a host is in one collection of its tenant. It refuses to remove a host that is
held, unless forced.
"""
