"""The network of an IP address stays, the host goes: /24 of IPv4, /48 of IPv6."""

from ipaddress import ip_address, ip_network

from shared.masking.redact import REDACTED

KEYLESS = True
_BITS = {4: 24, 6: 48}


def mask(value: str | None, *, key: bytes) -> str | None:  # noqa: ARG001 - every strategy is called alike
    """Return the address with its host's bits zero; what is no address is redacted."""
    if value is None:
        return None
    try:
        address = ip_address(value.strip())
    except ValueError:
        return REDACTED
    return str(ip_network(f"{address}/{_BITS[address.version]}", strict=False).network_address)
