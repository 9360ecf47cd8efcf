"""Settings: where they come from, and what a person is told about a wrong one."""

from pathlib import Path

import pytest

from webapp.config import ConfigError, describe, load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def test_defaults_are_safe(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.host == "127.0.0.1"
    assert settings.database == f"sqlite:///{tmp_path}/data/satchel/bitcoin-main.sqlite"
    assert settings.node == "http://127.0.0.1:8332"


def test_option_beats_environment_beats_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "satchel.toml").write_text('port = 8001\nhost = "127.0.0.2"\nlog_level = "error"\n')
    monkeypatch.setenv("SATCHEL_PORT", "8002")
    monkeypatch.setenv("SATCHEL_HOST", "127.0.0.3")
    settings = load_settings(port=8003, host=None)
    assert (settings.port, settings.host, settings.log_level) == (8003, "127.0.0.3", "error")


def test_named_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.toml").write_text('network = "litecoin-main"\n')
    monkeypatch.setenv("SATCHEL_CONFIG", str(tmp_path / "other.toml"))
    assert load_settings().network == "litecoin-main"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SATCHEL_PORT", "ten", ["SATCHEL_PORT", "'ten'", "a whole number from 1 to 65535"]),
        ("SATCHEL_PORT", "70000", ["SATCHEL_PORT", "'70000'", "from 1 to 65535"]),
        ("SATCHEL_NETWORK", "bitcoin", ["SATCHEL_NETWORK", "'bitcoin'", "bitcoin-main"]),
        ("SATCHEL_NODE_URL", "localhost", ["SATCHEL_NODE_URL", "'localhost'", "http://"]),
        ("SATCHEL_DATABASE_URL", "mysql://x:secret@h/d", ["SATCHEL_DATABASE_URL", "sqlite:///"]),
        ("SATCHEL_KEEP_RAW_BLOCKS", "maybe", ["SATCHEL_KEEP_RAW_BLOCKS", "true or false"]),
        ("SATCHEL_PROT", "1", ["SATCHEL_PROT", "did you mean SATCHEL_PORT?"]),
        ("SATCHEL_CONFIG", "gone.toml", ["SATCHEL_CONFIG", "'gone.toml'", "path of a file"]),
        ("SATCHEL_NODE_USER", "satoshi", ["node_password", "both or neither"]),
        ("SATCHEL_LOG_LEVEL", "loud", ["SATCHEL_LOG_LEVEL", "'loud'", "debug, info"]),
    ],
)
def test_a_mistake_is_named_with_what_was_found_and_expected(
    name: str, value: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("port = ", ["satchel.toml", "TOML"]),
        ("prot = 8000", ["satchel.toml", "prot", "did you mean port?"]),
        ("port = 'x'", ["satchel.toml: port", "'x'", "whole number"]),
    ],
)
def test_a_mistake_in_the_file_names_the_file(tmp_path: Path, text: str, words: list[str]) -> None:
    (tmp_path / "satchel.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_wrong_option_is_named_as_the_option() -> None:
    with pytest.raises(ConfigError, match="--port: found 0, expected a whole number"):
        load_settings(port=0)


def test_embedded_node_is_for_regtest_only() -> None:
    with pytest.raises(ConfigError, match="bitcoin-regtest only"):
        load_settings(network="bitcoin-main", node_url="embedded")


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATCHEL_NODE_USER", "satoshi")
    monkeypatch.setenv("SATCHEL_NODE_PASSWORD", "hunter2")
    monkeypatch.setenv("SATCHEL_NODE_URL", "http://u:hunter2@127.0.0.1:1")
    monkeypatch.setenv("SATCHEL_DATABASE_URL", "postgresql://satchel:hunter2@localhost/satchel")
    settings = load_settings()
    assert "hunter2" not in str(describe(settings)) + repr(settings.node_password)
    assert describe(settings)["node_password"] == "**********"
