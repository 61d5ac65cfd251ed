"""A token, as any OAuth2 client gets one: the first step over HTTP."""

import aiohttp

from examples.telling import Unexpected

CLIENT, SECRET = "demo", "demo-secret"  # every platform for development knows them


class UnknownClient(Unexpected):
    """The platform does not know the client, or its secret is another one."""


async def authorization(url: str, client: str = CLIENT, secret: str = SECRET) -> dict[str, str]:
    """The header for all requests of this client, good for an hour. Raises Unexpected and aiohttp.ClientError."""
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.post(f"{url}/oauth/token", data=form) as told:
        answer = await told.json()
    if told.status == 401:
        raise UnknownClient(f"{url} knows no client {client!r} with this secret.")
    if told.status != 200:
        raise Unexpected(f"POST /oauth/token was answered {told.status} {answer.get('error')}, expected was 200.")
    return {"Authorization": f"Bearer {answer['access_token']}"}
