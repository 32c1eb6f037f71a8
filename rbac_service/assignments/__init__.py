"""Role assignments: who holds which role where.

It promises that the same assignment twice is one, and that the deployment never loses its last
Owner. An assignment never changes; it is deleted and made again.
"""
