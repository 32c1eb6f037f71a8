"""The SDK: one method per RPC with plain arguments, in a blocking and an asyncio client.

    with Client.from_environment() as client:
        for host in client.list_hosts("tenantGroups/default/tenants/default/collections/eng"):
            print(host.name, host.assigned_user)

It promises: lists are iterators that hide paging; every failure is one of `deskhold.errors` with
the request id; a mutation carries a request id, so that repeating it with that id is safe; what
is safe to repeat is repeated when the service is briefly away. It refuses to speak without TLS.
"""

from deskhold.channel import Endpoint
from deskhold.client.sdk import AsyncClient, Client

__all__ = ["AsyncClient", "Client", "Endpoint"]
