"""Assignments: which user holds which host of a personal collection.

It promises that one host is held by one user and one user by no more hosts than the collection
allows, whoever races whom; the constraints of the tables are the last guard. An import is applied
whole or not at all.
"""
