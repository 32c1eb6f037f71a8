"""Connecting a user."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import NamedTuple

from broker_service.assignments.rules import Person
from broker_service.collections.rules import Collection
from broker_service.history.rules import Author
from broker_service.hosts.rules import Host
from broker_service.sessions.applications import find_application
from broker_service.sessions.choice import find_or_take
from broker_service.sessions.rdp import RemoteApp, Target, load_balance_info, rdp_file
from broker_service.sessions.refusals import Search, passed_over
from broker_service.sessions.routing import Route, RoutingTokens, routing_token_invalid
from broker_service.sessions.rules import AdministratorRights, Arrival, Ask, Way, not_assigned
from broker_service.sessions.signing import Publisher, Signer
from broker_service.sessions.store import (
    find_administrators,
    find_or_claim,
    find_routed,
    find_ways,
)
from deskhold.chassis.db import Database
from deskhold.errors import InvalidArgument, NotFound
from deskhold.identities import Domains
from deskhold.names import DESKTOP_APP_GROUP, Kind, Name

_REMEMBERED = 100_000
_REMOTE_APP = "REMOTE_APP"


class Wish(NamedTuple):
    """What a user asks for besides the target.

    Attributes:
        host_id: Which host; empty: any.
        application_id: Which application of a group of them; empty: its only one.
        only_say: Change nothing, say what would be.
    """

    host_id: str = ""
    application_id: str = ""
    only_say: bool = False


class WayIn(NamedTuple):
    """Where a user goes.

    Attributes:
        host: The host.
        target: The address that the client connects to: the host's, or its gateway's.
        user: The user as the assignment has it.
        is_new: Whether the host was assigned by this call.
        rights: The state of the administrator rights that the collection grants.
        rdp: The `.rdp` file.
        session: Name of the session that is taken up again; empty: a new one.
        routing_token: For gateways and redirectors; empty when nothing may be handed out.
        expires_us: Until when that is good.
    """

    host: Host
    target: Target
    user: str
    is_new: bool
    rights: AdministratorRights
    rdp: str
    session: str = ""
    routing_token: str = ""
    expires_us: int = 0


class Sessions:
    """The use cases of connecting.

    Args:
        database: The broker's store.
        domains: The deployment's domains.
        tokens: Makes routing tokens.
        signer: Signs `.rdp` files; None: they are not signed.
    """

    def __init__(
        self,
        database: Database,
        domains: Domains,
        tokens: RoutingTokens,
        signer: Signer | None = None,
    ) -> None:
        self._database = database
        self._domains = domains
        self._tokens = tokens
        self._signer = signer
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def connect(
        self, target: Name, user: str, author: Author, wish: Wish | None = None
    ) -> WayIn:
        r"""Find a user's host, or claim one; repeating it leads to the same host.

        Args:
            target: A collection, which stands for its app group `desktop`, or an app group.
            user: `DOMAIN\user` or `user@domain`.
            author: Who acts, and by which right.
            wish: What else is asked for.

        Raises:
            NotFound: No such collection, app group, application or host.
            FailedPrecondition: Nothing is assigned and the collection does not assign
                automatically; or the user's host, or the one asked for, cannot be had.
            ResourceExhausted: No host is free.
        """
        wish = wish or Wish()
        person = Person(user, self._domains.user_key(user))
        app_group_id = target.id if target.kind is Kind.APP_GROUP else DESKTOP_APP_GROUP
        ask = Ask(target.collection.text, app_group_id, person.key, author.now_us)
        remote_app = await self._application(target, wish.application_id)
        arrival = Arrival(ask, person, author)
        way = await self._way(arrival, wish)
        collection = way.collection
        if collection is None or not way.app_group_type:
            raise _no_target(collection, target)
        if way.host is None:
            raise await self._refusal(collection, way, arrival)
        way.require_open()
        if remote_app is None and way.app_group_type == _REMOTE_APP:
            # A right to open applications does not extend to the desktop around them.
            desktop = target.collection.child("appGroups", app_group_id)
            remote_app = await self._application(desktop, wish.application_id)
        rights = await self._rights(collection, way.host, person.key)
        token, expires_us = "", 0
        if not wish.only_say:
            token, expires_us = self._tokens.issue(way.host, person.key, now_us=author.now_us)
        user = way.host.hold.user if way.host.hold is not None else user
        rdp_target = _rdp_target(collection, way.host, token)
        return WayIn(
            host=way.host,
            target=rdp_target,
            user=user,
            is_new=way.is_new,
            rights=rights,
            rdp=await self._file(
                collection, rdp_target, user, remote_app=remote_app, only_say=wish.only_say
            ),
            session=way.session,
            routing_token=token,
            expires_us=expires_us,
        )

    @property
    def publisher(self) -> Publisher:
        """The certificate that signs `.rdp` files.

        Raises:
            NotFound: They are not signed.
        """
        if self._signer is None:
            raise NotFound(
                "this deployment does not sign .rdp files, so Windows warns about each of them and"
                " turns redirections off; set DESKHOLD_RDP_SIGNING_FILE and restart the broker",
                reason="PUBLISHER_NOT_FOUND",
                metadata={"setting": "DESKHOLD_RDP_SIGNING_FILE"},
            )
        return self._signer.publisher

    async def resolve(self, tenant: str, token: str, now_us: int) -> tuple[Host, Route]:
        """Return the host that a routing token leads to, as it is now.

        Raises:
            InvalidArgument: It was not issued for this tenant, has expired, or its host is gone or
                no longer the user's.
        """
        route = self._tokens.open(token, now_us)
        found = await self._database.read(lambda tx: find_routed(tx, tenant, route.host))
        if found is None or not route.leads_to(*found):
            raise routing_token_invalid()
        return found[0], route

    async def _way(self, arrival: Arrival, wish: Wish) -> Way:
        """Return a user's way, with a host claimed where that is due.

        Who is seen for the first time may need a claim and goes to the writer at once; who was
        there before most likely does not, and is looked up beside it. What is remembered only
        chooses between read and write and is never an answer.
        """
        if wish.host_id:
            return await self._database.write(
                lambda tx: find_or_take(tx, arrival, wish.host_id), dry=wish.only_say
            )
        if wish.only_say:
            return await self._database.write(lambda tx: find_or_claim(tx, [arrival])[0], dry=True)
        seen = (arrival.ask.collection, arrival.ask.user_key)
        if seen in self._seen:
            way = await self._database.lookup(arrival.ask.collection, find_ways, arrival.ask)
            if not way.wants_host:
                return way
        way = await self._database.gather(arrival.ask.collection, find_or_claim, arrival)
        self._seen[seen] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return way

    async def _refusal(self, collection: Collection, way: Way, arrival: Arrival) -> Exception:
        if way.is_pooled or way.may_claim:
            search = Search(collection, arrival.author.now_us)
            found = await self._database.lookup(collection.name, passed_over, search)
            return found.error
        return not_assigned(collection, arrival.person.user)

    async def _rights(
        self, collection: Collection, host: Host, user_key: str
    ) -> AdministratorRights:
        if not collection.draft.grant_administrative_privilege:
            return AdministratorRights.NOT_GRANTED
        applied = await self._database.read(lambda tx: find_administrators(tx, host))
        if applied is None:
            return AdministratorRights.UNMANAGED
        is_applied = user_key in applied
        return AdministratorRights.APPLIED if is_applied else AdministratorRights.PENDING

    async def _file(
        self,
        collection: Collection,
        target: Target,
        user: str,
        *,
        remote_app: RemoteApp | None,
        only_say: bool,
    ) -> str:
        signer = None if only_say else self._signer
        content = rdp_file(
            target,
            self._domains.spell(user, collection.draft.user_name_format),
            custom=collection.draft.custom_rdp_properties,
            remote_app=remote_app,
            to_be_signed=signer is not None,
        )
        return content if signer is None else await asyncio.to_thread(signer.sign, content)

    async def _application(self, target: Name, application_id: str) -> RemoteApp | None:
        """Return what to open, before anything is claimed for it; None for a desktop."""
        if target.kind is Kind.APP_GROUP:
            return await self._database.read(
                lambda tx: find_application(tx, target, application_id)
            )
        if application_id:
            raise InvalidArgument.of_field(
                "application_id", "is only for an app group of applications, not for a desktop"
            )
        return None


def _rdp_target(collection: Collection, host: Host, token: str) -> Target:
    gateway = collection.draft.gateway
    if gateway is None:
        return Target(host.reachable_at, host.port)
    value = token and load_balance_info(token, gateway.token_format)
    return Target(gateway.address, gateway.port, value)


def _no_target(collection: Collection | None, target: Name) -> NotFound:
    if collection is None:
        return NotFound(
            f"there is no collection {target.collection}; see them with: deskhold collection list",
            reason="COLLECTION_NOT_FOUND",
            metadata={"collection": target.collection.text},
        )
    return NotFound(
        f"there is no app group {target}; see them with: deskhold app-group list",
        reason="APP_GROUP_NOT_FOUND",
        metadata={"app_group": target.text},
    )
