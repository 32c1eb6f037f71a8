"""No escalation: nobody hands out what they do not hold, by any route.

Every change that hands out permissions is judged here, under the lock that orders all changes,
against what its author holds at that moment. Two actions let somebody hand out more, and no
wildcard implies them: `deskhold.authorization/roleAssignments/bind/action` for assignments and
memberships, `deskhold.authorization/roleDefinitions/escalate/action` for role definitions. A
delegation names roles that may be assigned without being held. Who holds `*` at the deployment for
ever may hand out the two as well: there is nothing more to gain.
"""
