"""The way in: from a user to a host, and the `.rdp` file.

It promises the same user the same host, and a claim that is durable before it is answered. It
refuses, by name, when there is no host for the user; it never hands out another user's.
"""
