"""Registration: the authority's scopes, in step with the collections and app groups of this store.

It promises that whatever dies in between, no scope is left without its resource, no resource
without its scope, and no grant for the next one of a name; and that a difference made by hand is
found and repaired.
"""
