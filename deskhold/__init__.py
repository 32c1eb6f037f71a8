"""What both ends of the wire share, and what a client installs.

Importing this package imports nothing else: the SDK is `deskhold.client`, the errors it raises are
`deskhold.errors`.
"""

__version__ = "0.1.0"
