"""The broker's methods as functions from plain arguments to calls, a file a noun.

Names are full resource names: a collection is
`tenantGroups/default/tenants/default/collections/eng`. A mutation takes a `request_id`, a UUID; one
is made when none is given. Calling again with the same one returns the first answer.
"""
