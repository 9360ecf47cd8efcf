"""Payment URIs (BIP21, BIP321): read strictly, written so that every wallet reads them."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import quote, unquote_to_bytes

from indexer.chain.address import AddressError, script_of
from indexer.chain.network import NETWORKS, Network

_MAX_LENGTH = 4_096
_MOST_DIGITS = 20
_AMOUNT = re.compile(r"([0-9]*)(?:\.([0-9]*))?", re.ASCII)
_QUERY = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*", re.ASCII)


class UriProblem(StrEnum):
    """Why a text is no payment URI here."""

    LENGTH = "length"
    SCHEME = "scheme"
    OTHER_COIN = "other_coin"
    ADDRESS = "address"
    ENCODING = "encoding"
    AMOUNT = "amount"
    REPEATED = "repeated"
    REQUIRED = "required"


class UriError(ValueError):
    """Not a payment URI of this network; `detail` is what is at fault in it.

    `address_error` says what is wrong with its address.
    """

    def __init__(
        self,
        reason: UriProblem,
        message: str,
        detail: str = "",
        address_error: AddressError | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.detail = detail
        self.address_error = address_error


@dataclass(frozen=True, slots=True)
class PaymentUri:
    """To whom, how much in the smallest unit, and what for."""

    address: str
    amount: int | None = None
    label: str = ""
    message: str = ""


def is_payment_uri(text: str) -> bool:
    """True for a text that starts with the scheme of any coin we know."""
    scheme = text.strip().partition(":")[0].lower()
    return any(scheme == network.uri_scheme for network in NETWORKS.values())


def parse_uri(text: str, network: Network) -> PaymentUri:
    """A URI whose address is one of this network; UriError says what is wrong."""
    uri = split_uri(text, network)
    try:
        script_of(uri.address, network)
    except AddressError as error:
        raise UriError(UriProblem.ADDRESS, str(error), uri.address, error) from None
    return replace(uri, address=uri.address.lower()) if _is_bech32(uri.address, network) else uri


def split_uri(text: str, network: Network) -> PaymentUri:
    """As `parse_uri`, whatever the address is."""
    text = text.strip()
    if len(text) > _MAX_LENGTH:
        raise UriError(UriProblem.LENGTH, f"{len(text)} characters are too many for a payment URI")
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() != network.uri_scheme:
        raise _wrong_scheme(scheme.lower() if colon else "", network)
    path, _, query = rest.partition("?")
    parameters = _parameters(query)
    address = _decoded(path, "address")
    if not address and network.bech32_hrp:
        address = parameters.get(network.bech32_hrp, "")
    amount = parameters.get("amount")
    return PaymentUri(
        address,
        None if amount is None else _read_amount(amount, network),
        parameters.get("label", ""),
        parameters.get("message", ""),
    )


def write_uri(uri: PaymentUri, network: Network, *, for_qr: bool = False) -> str:
    """The URI; for a QR code scheme and bech32 address in capitals, which makes it smaller."""
    head = f"{network.uri_scheme}:{uri.address}"
    if for_qr and _is_bech32(uri.address, network):
        head = head.upper()
    parameters = []
    if uri.amount is not None:
        parameters.append(f"amount={write_amount(uri.amount, network)}")
    for name, value in (("label", uri.label), ("message", uri.message)):
        if value:
            parameters.append(f"{name}={quote(value, safe='')}")
    return head + ("?" + "&".join(parameters) if parameters else "")


def write_amount(amount: int, network: Network) -> str:
    """Coins in decimal, exact, without needless zeros."""
    whole, fraction = divmod(amount, 10**network.decimals)
    digits = str(fraction).zfill(network.decimals).rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def _wrong_scheme(scheme: str, network: Network) -> UriError:
    titles = [other.title for other in NETWORKS.values() if other.uri_scheme == scheme]
    if titles:
        return UriError(
            UriProblem.OTHER_COIN,
            f"this asks for a payment in {titles[0]}, not in {network.title}",
            titles[0],
        )
    return UriError(UriProblem.SCHEME, f"a payment URI starts with {network.uri_scheme}:")


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    if not _QUERY.fullmatch(query):
        raise UriError(
            UriProblem.ENCODING, "after the ? stands a character that must be written as %XX"
        )
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        key = _decoded(name, "name of a parameter").lower()
        if key.startswith("req-"):
            raise UriError(
                UriProblem.REQUIRED,
                f"this payment asks for {key[:40]}, which is not known here",
                key,
            )
        if key not in found:
            found[key] = _decoded(value, key)
        elif key in ("amount", "label", "message"):
            raise UriError(UriProblem.REPEATED, f"{key} stands here twice", key)
    return found


def _decoded(text: str, what: str) -> str:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError:
        raise UriError(
            UriProblem.ENCODING, f"the {what[:40]} is not percent-encoded UTF-8", what
        ) from None


def _read_amount(text: str, network: Network) -> int:
    match = _AMOUNT.fullmatch(text)
    whole, fraction = (match[1], (match[2] or "").rstrip("0")) if match else ("", "")
    if not match or text in ("", ".") or len(whole) > _MOST_DIGITS:
        raise UriError(
            UriProblem.AMOUNT,
            f"an amount is written in {network.unit} with a point, as in 20.3, without commas",
            text[:40],
        )
    if len(fraction) > network.decimals:
        raise UriError(
            UriProblem.AMOUNT,
            f"the amount has {len(fraction)} decimals, {network.unit} has {network.decimals}",
            text[:40],
        )
    amount = int(whole + fraction.ljust(network.decimals, "0") or "0")
    if not amount:
        raise UriError(UriProblem.AMOUNT, "the amount is zero", text[:40])
    return amount


def _is_bech32(address: str, network: Network) -> bool:
    return bool(network.bech32_hrp) and address.lower().startswith(f"{network.bech32_hrp}1")
