"""Session collections, their hosts, who holds which host, and the way in.

It promises that one host is held by at most one user, that the same user gets the same host again,
and that nothing is changed unless the authority said yes a moment before. It refuses to guess: with
the authority away nothing is answered.
"""
