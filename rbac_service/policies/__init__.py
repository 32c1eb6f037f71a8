"""The policy as one document: custom roles, groups with their members, role assignments.

It promises that an import is made as a whole, in one revision, or not at all, and that each of its
changes is judged by the functions that judge the single calls. It refuses what they would refuse.
"""
