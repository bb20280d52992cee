"""How a system knows us: a header, a bearer token, or OAuth2 client credentials (RFC 6749 4.4)."""

import time
from collections.abc import Mapping
from math import isfinite

import httpx
from pydantic import SecretStr

from shared.domain.errors import Final, UsageError
from workers.connectors.http.answers import Answer, refusal
from workers.connectors.http.definition import Auth
from workers.connectors.http.settings import is_safe

_BEFORE_ITS_END = 30.0  # seconds: a token is renewed before it ends
_LASTS = 3600.0  # seconds, where the answer does not say
_NAME = "the token call"


class Authorisation:
    """One system's credentials; what they open is never written anywhere."""

    def __init__(self, auth: Auth, credentials: Mapping[str, SecretStr], *, insecure: bool) -> None:
        self._auth, self._credentials, self._insecure = auth, credentials, insecure
        self._token, self._until = "", 0.0
        if auth.secret and not _fits(self._secret(auth.secret)):
            raise UsageError(f"credentials {auth.secret}: it holds a sign that no header can; copy it anew")

    def headers(self, client: httpx.Client, base: httpx.URL) -> dict[str, str]:
        """Return the headers of a request; a token is fetched when there is none."""
        auth = self._auth
        if auth.scheme == "header":
            return {auth.name: self._secret(auth.secret)}
        if auth.scheme == "bearer":
            return {"Authorization": f"Bearer {self._secret(auth.secret)}"}
        if auth.scheme == "oauth2":
            if time.monotonic() >= self._until:
                self._fetch(client, base)
            return {"Authorization": f"Bearer {self._token}"}
        return {}

    def forget(self) -> bool:
        """Drop a fetched token; say whether another one may do better."""
        had, self._until = bool(self._until), 0.0
        return had

    def _fetch(self, client: httpx.Client, base: httpx.URL) -> None:
        auth = self._auth
        whole = "://" in auth.token_path
        url = httpx.URL(auth.token_path if whole else str(base).rstrip("/") + auth.token_path)
        if not is_safe(url, insecure=self._insecure):
            raise Final(f"{_NAME}: `token_path` is not https; correct it, or say insecure_http = true")
        who, secret = self._secret(auth.client_id), self._secret(auth.client_secret)
        form = {"grant_type": "client_credentials"} | ({"scope": auth.scope} if auth.scope else {})
        if auth.style == "body":
            form |= {"client_id": who, "client_secret": secret}
            answer = client.post(url, data=form)
        else:
            answer = client.post(url, data=form, auth=(who, secret))
        self._keep(answer)

    def _keep(self, answer: httpx.Response) -> None:
        if answer.status_code == 400:  # invalid_client, invalid_scope … (RFC 6749 5.2)
            raise Final(f"{_NAME}: answered 400; check `credentials`")
        if not answer.is_success:
            raise refusal(Answer(_NAME, answer.status_code, answer.headers, b"", answer.url))
        try:
            said = answer.json()
            self._token = str(said["access_token"])
            lasts = float(said.get("expires_in") or _LASTS)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Final(f"{_NAME}: the answer holds no access_token") from None
        if not _fits(self._token):
            raise Final(f"{_NAME}: the access_token holds a sign that no header can")
        lasts = lasts if isfinite(lasts) else _LASTS
        self._until = time.monotonic() + max(lasts - _BEFORE_ITS_END, lasts / 2)

    def _secret(self, name: str) -> str:
        return self._credentials[name].get_secret_value()


def _fits(value: str) -> bool:
    """Say whether a value can stand in a header (RFC 9110 5.5)."""
    return value.isascii() and value.isprintable()
