"""The embedded default: both services on one machine, out of nothing but a state directory.

It promises that the first start makes everything the services and the command line need (an
authority of its own, certificates, a token issuer, secrets, settings), that a later start changes
none of it, and that what it started it also stops, in reverse order. It refuses to overwrite a
key, to serve one home twice, and to import a service: the services are processes, started and
stopped like anybody else's.
"""
