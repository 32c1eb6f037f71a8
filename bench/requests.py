"""What is sent, ready to go: endless iterators of serialized requests with their metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from itertools import count, cycle

from bench import echo
from bench.generator import Metadata, Prepared, Source
from bench.pair import CALLERS, COLLECTION, HOLDERS, USERS, issuer_of
from deskhold import issuer
from deskhold.api.broker.v1.sessions_pb2 import ConnectRequest, ConnectResponse
from deskhold.embedded.paths import Home

CONNECT = "/deskhold.api.broker.v1.SessionService/Connect"


class Kind(Enum):
    """What is measured; the value is how the table calls it."""

    ECHO = "two-hop echo"
    # Two permissions each: to connect, and to connect on behalf.
    ON_BEHALF = "claim, 100 callers"
    # One permission each, by a group in the token; no token is seen twice.
    OWN = "claim, a caller each"
    # Users who hold a host already.
    REPEAT = "repeat, 100 callers"


def sources(*, echo_address: str, broker_address: str) -> dict[Kind, Source]:
    """Return what is sent of each kind."""
    claims = {
        kind: Source(broker_address, CONNECT, partial(prepare, kind), new_hosts)
        for kind in (Kind.ON_BEHALF, Kind.OWN)
    }
    return {
        Kind.ECHO: Source(echo_address, echo.METHOD, partial(prepare, Kind.ECHO)),
        **claims,
        Kind.REPEAT: Source(broker_address, CONNECT, partial(prepare, Kind.REPEAT), new_hosts),
    }


def new_hosts(answers: list[bytes]) -> list[str]:
    """Return the host in each answer to a user that had none before."""
    parsed = map(ConnectResponse.FromString, answers)
    return [answer.host for answer in parsed if answer.newly_assigned]


def prepare(kind: Kind, home: Home) -> Iterator[Prepared]:
    """Return the requests of a kind; every claim is of a user who was never seen before."""
    makers: dict[Kind, Callable[[issuer.Issuer], Iterator[Prepared]]] = {
        Kind.ECHO: _echo,
        Kind.ON_BEHALF: _on_behalf,
        Kind.OWN: _own,
        Kind.REPEAT: _repeat,
    }
    return makers[kind](issuer_of(home))


def _echo(signer: issuer.Issuer) -> Iterator[Prepared]:
    # The same tokens as a claim: no call of two hops goes without, and they are half of its bytes.
    for caller in cycle([_authorization(issuer.sign(signer, caller)) for caller in CALLERS]):
        yield echo.message(), caller


def _on_behalf(signer: issuer.Issuer) -> Iterator[Prepared]:
    callers = cycle([_authorization(issuer.sign(signer, caller)) for caller in CALLERS])
    for number in count():
        request = ConnectRequest(name=COLLECTION, user=f"user{number:07}@contoso.com")
        yield request.SerializeToString(), next(callers)


def _repeat(signer: issuer.Issuer) -> Iterator[Prepared]:
    callers = cycle([_authorization(issuer.sign(signer, caller)) for caller in CALLERS])
    for user in cycle(HOLDERS):
        yield ConnectRequest(name=COLLECTION, user=user).SerializeToString(), next(callers)


def _own(signer: issuer.Issuer) -> Iterator[Prepared]:
    request = ConnectRequest(name=COLLECTION).SerializeToString()
    for number in count():
        token = issuer.sign(signer, f"own{number:07}@contoso.com", groups=(USERS,))
        yield request, _authorization(token)


def _authorization(token: str) -> Metadata:
    return (("authorization", f"Bearer {token}"),)
