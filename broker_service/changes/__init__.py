"""What changed, for those who watch.

It promises that a change is noted in the transaction that made it, and that readers see the notes
in an order which no later commit disturbs.
"""
