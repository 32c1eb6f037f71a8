"""The revision log: every change of the policy, in order.

It promises gapless revisions in commit order and an unbroken chain of hashes. It is append-only;
nothing here updates or deletes an entry.
"""
