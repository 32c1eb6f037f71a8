"""The answer to "may this principal do this action at this scope?".

It promises that an answer is given on one immutable snapshot that is as new as the store was when
the question arrived; it refuses to answer when the store cannot confirm that.
"""
