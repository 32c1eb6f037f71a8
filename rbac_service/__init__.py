"""Role definitions and scoped role assignments, and the answer to "may they do this here?".

It promises that an answer reflects every change acknowledged before the question arrived, that
every change is one gapless revision in one log, and that it guards itself with its own rules. It
refuses to guess: when it cannot say, it says so.
"""
