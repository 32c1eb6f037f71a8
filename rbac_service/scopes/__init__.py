"""The tree of scopes at which roles can be assigned.

It promises that a scope's parent is registered before it, and that removing a scope removes
everything below it and every role assignment there as a whole. It
refuses to remove the deployment.
"""
