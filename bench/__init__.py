"""What is measured, and how; `make bench` prints the table.

Rates of a machine say little about the code, so everything is measured against a floor in the same
run: an echo of two hops (a client over TLS to A, A over mutual TLS to B, no layers at all), beside
the real pair as the embedded default lays it out, with everything on. Rounds of both alternate, and
what counts is the median of the per-round ratios; CPU per request is steadier still. It refuses to
print a number for claims that cannot be found again in the database.

`bench` itself measures claims; `bench.checks` questions to rbac, whose floor is an echo of one hop;
`bench.decisions` the deciding alone; `bench.convergence` how soon other processes see a write.
"""
