"""Settings: from defaults, satchel.toml, SATCHEL_* variables and options; the last named wins."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from indexer.chain.network import NETWORKS, Network, get_network

PREFIX = "SATCHEL_"
CONFIG_VARIABLE = "SATCHEL_CONFIG"
EMBEDDED = "embedded"
SECRETS = frozenset({"node_password", "api_tokens"})  # never repeated in a message


class ConfigError(Exception):
    """A setting cannot be used. The message names it, what was found and what was expected."""


def default_data_directory() -> Path:
    """$XDG_DATA_HOME/satchel, by default ~/.local/share/satchel."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "satchel"


class Settings(BaseSettings):
    """What one run of Satchel is told. Each field's description says what is expected."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True
    )

    network: Annotated[str, Field(description="one of " + ", ".join(NETWORKS))] = "bitcoin-main"
    data_directory: Annotated[Path, Field(description="a directory that Satchel may write to")] = (
        Field(default_factory=default_data_directory)
    )
    database_url: Annotated[
        str | None,
        Field(
            description="sqlite:///path or postgresql://user@host/name; "
            "by default a SQLite file in data_directory"
        ),
    ] = None
    read_database_url: Annotated[
        str | None,
        Field(
            description="postgresql://user@host/name of a streaming replica that public pages are "
            "read from"
        ),
    ] = None
    accounts_database_url: Annotated[
        str | None,
        Field(
            description="the same for people's accounts; by default a SQLite file in data_directory"
        ),
    ] = None
    registration: Annotated[
        Literal["open", "closed"],
        Field(description="open or closed: whether visitors may register"),
    ] = "closed"
    node_url: Annotated[
        str | None,
        Field(
            description="http://host:port of the node, or 'embedded'; "
            "by default the network's RPC port on this machine"
        ),
    ] = None
    node_user: Annotated[str | None, Field(description="rpcuser of the node")] = None
    node_password: Annotated[SecretStr | None, Field(description="rpcpassword of the node")] = None
    node_cookie_file: Annotated[
        Path | None, Field(description="path of the node's .cookie file")
    ] = None
    node_zmq_block: Annotated[
        str | None, Field(description="tcp://host:port of the node's zmqpubhashblock")
    ] = None
    node_zmq_tx: Annotated[
        str | None, Field(description="tcp://host:port of the node's zmqpubhashtx")
    ] = None
    keep_raw_blocks: Annotated[
        bool, Field(description="true or false: keep whole blocks in the database")
    ] = False
    host: Annotated[str, Field(description="an address to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(description="a whole number from 1 to 65535", ge=1, le=65535)] = 8000
    web_processes: Annotated[
        int | None,
        Field(
            description="how many processes serve the pages, 1 to 64; "
            "by default one per processor, up to 4",
            ge=1,
            le=64,
        ),
    ] = None
    trusted_proxies: Annotated[
        int,
        Field(description="how many reverse proxies stand in front, 0 to 5", ge=0, le=5),
    ] = 0
    rate_limit: Annotated[
        int,
        Field(description="costly requests per minute and client, 1 to 100000", ge=1, le=100_000),
    ] = 300
    api_rate_limit: Annotated[
        int,
        Field(description="API requests per minute and client, 1 to 1000000", ge=1, le=1_000_000),
    ] = 3000
    api_token_rate_limit: Annotated[
        int,
        Field(
            description="API requests per minute with an API token, 1 to 10000000",
            ge=1,
            le=10_000_000,
        ),
    ] = 60_000
    api_tokens: Annotated[
        str,
        Field(description="hashes of API tokens as `satchel token new` prints them, by commas"),
    ] = ""
    cors_origins: Annotated[
        str,
        Field(
            description="sites whose pages may use the API, as https://example.org, by commas; "
            "or * for all"
        ),
    ] = ""
    electrum_host: Annotated[
        str, Field(description="an address that the Electrum server listens on")
    ] = "127.0.0.1"
    electrum_port: Annotated[
        int, Field(description="a whole number from 1 to 65535, or 0 for TLS only", ge=0, le=65535)
    ] = 50001
    electrum_tls_port: Annotated[
        int | None, Field(description="a whole number from 1 to 65535", ge=1, le=65535)
    ] = None
    electrum_tls_certificate: Annotated[
        Path | None, Field(description="path of a PEM file with the certificate and its chain")
    ] = None
    electrum_tls_key: Annotated[
        Path | None, Field(description="path of a PEM file with the certificate's key")
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="one of debug, info, warning, error"),
    ] = "info"

    @field_validator("network")
    @classmethod
    def _known_network(cls, value: str) -> str:
        get_network(value)
        return value

    @field_validator("database_url", "read_database_url", "accounts_database_url")
    @classmethod
    def _usable_database_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            backend = make_url(value).get_backend_name()
        except ArgumentError as error:
            raise ValueError("not a database URL") from error
        if backend not in {"sqlite", "postgresql"}:
            raise ValueError(f"{backend} is not supported")
        return value

    @field_validator("node_url")
    @classmethod
    def _usable_node_url(cls, value: str | None) -> str | None:
        if value in {None, EMBEDDED} or str(value).startswith(("http://", "https://")):
            return value
        raise ValueError("not a node's address")

    @field_validator("api_tokens")
    @classmethod
    def _hashes_of_tokens(cls, value: str) -> str:
        for each in _listed(value):
            if not re.fullmatch("[0-9a-f]{64}", each):
                raise ValueError("not the hash of a token")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: str) -> str:
        for each in _listed(value):
            if each != "*" and not re.fullmatch(r"https?://[^/\s?#@]+", each):
                raise ValueError("not the origin of a site")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.node_url == EMBEDDED and self.network != "bitcoin-regtest":
            raise ValueError("node_url: the embedded node serves network bitcoin-regtest only")
        if (self.node_user is None) != (self.node_password is None):
            raise ValueError("node_user and node_password: expected both or neither")
        if self.read_database_url is not None:
            urls = (make_url(self.database), make_url(self.read_database_url))
            if any(url.get_backend_name() == "sqlite" for url in urls) or urls[0] == urls[1]:
                raise ValueError(
                    "read_database_url: expected a PostgreSQL replica of the PostgreSQL database "
                    "in database_url"
                )
        if self.accounts_database == self.database and self.database.startswith("sqlite:"):
            raise ValueError("accounts_database_url: expected another file than database_url's")
        tls = (self.electrum_tls_port, self.electrum_tls_certificate, self.electrum_tls_key)
        if any(part is None for part in tls) and any(part is not None for part in tls):
            raise ValueError(
                "electrum_tls_port, electrum_tls_certificate and electrum_tls_key: "
                "expected all three or none"
            )
        if not self.electrum_port and self.electrum_tls_port is None:
            raise ValueError("electrum_port: 0 leaves nothing to listen on without TLS")
        return self

    @property
    def chain_network(self) -> Network:
        return get_network(self.network)

    @property
    def token_hashes(self) -> frozenset[str]:
        """SHA-256, in hexadecimal, of the API tokens."""
        return _listed(self.api_tokens)

    @property
    def allowed_origins(self) -> frozenset[str]:
        """Origins whose pages may use the API; "*" for all."""
        return _listed(self.cors_origins)

    @property
    def database(self) -> str:
        """The database's URL, the default filled in."""
        return self.database_url or f"sqlite:///{self.data_directory / self.network}.sqlite"

    @property
    def accounts_database(self) -> str:
        """The account database's URL, the default filled in."""
        return self.accounts_database_url or f"sqlite:///{self.data_directory / 'accounts'}.sqlite"

    @property
    def node(self) -> str:
        """The node's URL or 'embedded', the default filled in."""
        return self.node_url or f"http://127.0.0.1:{self.chain_network.rpc_port}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The file ranks below the environment; `.env` and secret files are not read."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, _read_file())


def _listed(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def load_settings(**overrides: Any) -> Settings:
    """The settings in force. Raises ConfigError; overrides that are None do not count."""
    _refuse_unknown_variables(os.environ)
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(item, overrides) for item in error.errors())) from None


def describe(settings: Settings) -> dict[str, str]:
    """Each setting's name and value for people, secrets masked."""
    shown = {name: getattr(settings, name) for name in Settings.model_fields}
    shown["database_url"] = make_url(settings.database).render_as_string(hide_password=True)
    accounts_url = make_url(settings.accounts_database)
    shown["accounts_database_url"] = accounts_url.render_as_string(hide_password=True)
    if settings.read_database_url is not None:
        read_url = make_url(settings.read_database_url)
        shown["read_database_url"] = read_url.render_as_string(hide_password=True)
    shown["node_url"] = _without_credentials(settings.node)
    return {name: "" if value is None else str(value) for name, value in shown.items()}


def make_data_directory(settings: Settings) -> None:
    """Make the directory unless it is there. Raises ConfigError."""
    try:
        settings.data_directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"data_directory: found {str(settings.data_directory)!r}, expected a directory "
            f"that Satchel may write to ({error.strerror})"
        ) from error


def config_file() -> Path | None:
    """The file that settings are read from, if there is one."""
    named = os.environ.get(CONFIG_VARIABLE)
    path = Path(named).expanduser() if named else Path("satchel.toml")
    if path.is_file():
        return path
    if named:
        raise ConfigError(f"{CONFIG_VARIABLE}: found {named!r}, expected the path of a file")
    return None


def _read_file() -> dict[str, Any]:
    path = config_file()
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected a TOML file: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            raise ConfigError(f"{name}: there is no such setting{_nearest(name, known)}")


def _nearest(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _explain(item: Any, overrides: Mapping[str, Any]) -> str:
    if not item["loc"]:
        return str(item["ctx"]["error"]) if "ctx" in item else str(item["msg"])
    name = str(item["loc"][0])
    field = Settings.model_fields.get(name)
    if field is None:
        return f"{config_file()}: {name}: there is no such setting" + _nearest(
            name, set(Settings.model_fields)
        )
    found = "a secret" if name in SECRETS else _without_credentials(repr(item["input"]))
    return f"{_origin(name, overrides)}: found {found}, expected {field.description}"


def _without_credentials(url: str) -> str:
    return re.sub(r"//[^@/]*@", "//***@", url)


def _origin(name: str, overrides: Mapping[str, Any]) -> str:
    variable = PREFIX + name.upper()
    if overrides.get(name) is not None:
        return "--" + name.replace("_", "-")
    if os.environ.get(variable):
        return variable
    return f"{config_file()}: {name}"
