"""What every server here stands on; knows no particular service.

It promises that a call reaches a servicer only counted, inside the error border, with time left,
from a known caller, allowed by the access table, and valid (`layers.py` holds the order); that what
a use case commits is durable before it is answered (`writer.py`); and that a server drains before
it stops (`server.py`). It refuses to start with a hole in the access table.
"""
