"""The RBAC service's methods as functions from plain arguments to calls, a file a noun.

Scopes are paths: `/`, `/tenantGroups/contoso`, ... Request ids are as in `deskhold.client.broker`.
"""
