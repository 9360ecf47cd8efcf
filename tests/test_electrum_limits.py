"""Malformed requests, and the limits of a connection."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.electrum_client import ElectrumClient, ElectrumError
from tests.fixtures_electrum import RunningServer, electrum_server
from tests.fixtures_site import Site
from webapp.electrum.limits import Budget, Limits
from webapp.electrum.methods import METHODS

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMETERS = -32700, -32600, -32601, -32602
BAD_REQUEST = 1


@pytest.fixture
def client(demo_electrum: RunningServer) -> Iterator[ElectrumClient]:
    with ElectrumClient(demo_electrum.port) as client:
        yield client


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", PARSE_ERROR),
        (b"hello", PARSE_ERROR),
        (b"\xff\xfe", PARSE_ERROR),
        (b"[" * 100_000, PARSE_ERROR),
        (b'{"id":' + b"9" * 10_000 + b"}", PARSE_ERROR),
        (b"[]", INVALID_REQUEST),
        (b"7", INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":[],"method":"server.ping"}', INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', METHOD_NOT_FOUND),
        (b'{"jsonrpc":"2.0","id":1,"method":"server.pong"}', METHOD_NOT_FOUND),
        (b'{"jsonrpc":"2.0","id":1,"method":"server.ping","params":7}', INVALID_PARAMETERS),
        (b'{"jsonrpc":"2.0","id":1,"method":"server.ping","params":[7]}', INVALID_PARAMETERS),
        (b'{"jsonrpc":"2.0","id":1,"method":"server.ping","params":{"x":7}}', INVALID_PARAMETERS),
        (b'{"jsonrpc":"2.0","id":1,"method":"blockchain.block.header"}', INVALID_PARAMETERS),
    ],
)
def test_what_is_no_request(client: ElectrumClient, line: bytes, code: int) -> None:
    client.send_line(line)
    assert client.answer()["error"]["code"] == code
    assert client.call("server.ping") is None


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","method":"server.ping"}',  # asks for no answer
        b'{"jsonrpc":"2.0","id":1,"result":7}',  # answers what nobody asked
        b'{"jsonrpc":"2.0","id":null,"result":7}',
    ],
)
def test_what_asks_for_no_answer(client: ElectrumClient, line: bytes) -> None:
    client.send_line(line)
    assert client.call("server.ping") is None


@pytest.mark.parametrize(
    ("method", "parameters", "said"),
    [
        ("blockchain.block.header", [-1], "height: expected a whole number"),
        ("blockchain.block.header", [True], "height: expected a whole number"),
        ("blockchain.block.header", ["1"], "height: expected a whole number"),
        ("blockchain.block.header", [1.5], "height: expected a whole number"),
        ("blockchain.block.header", [10**30], "height: expected a whole number"),
        ("blockchain.block.header", [10**6], "there is no block 1000000"),
        ("blockchain.block.headers", [0, -1], "count: expected a whole number"),
        ("blockchain.estimatefee", ["fast"], "number: expected a whole number"),
        ("blockchain.estimatefee", [2, 7], "mode: expected a string"),
        ("blockchain.scripthash.get_balance", ["00"], "scripthash: expected 64 hexadecimal"),
        ("blockchain.scripthash.get_history", ["zz" * 32], "scripthash: expected 64 hexadecimal"),
        ("blockchain.scripthash.listunspent", [None], "scripthash: expected 64 hexadecimal"),
        ("blockchain.scripthash.get_mempool", [{}], "scripthash: expected 64 hexadecimal"),
        ("blockchain.scripthash.subscribe", ["é" * 64], "scripthash: expected 64 hexadecimal"),
        ("blockchain.scripthash.unsubscribe", [["00" * 32]], "scripthash: expected 64"),
        ("blockchain.transaction.get", ["ab" * 32], "no such mempool or blockchain transaction"),
        ("blockchain.transaction.get", ["ab" * 32, 1], "verbose: expected true or false"),
        ("blockchain.transaction.get_merkle", ["ab" * 32, 5], "is not in the chain"),
        ("blockchain.transaction.id_from_pos", [1, 10**6], "tx_pos: there is no transaction"),
        ("blockchain.transaction.broadcast", ["xyz"], "raw_tx: expected hexadecimal digits"),
        ("blockchain.transaction.broadcast", ["00"], "rejected by network rules"),
        ("blockchain.transaction.broadcast_package", [[]], "raw_txs: expected a list"),
        ("blockchain.transaction.broadcast_package", [["00"]], "rejected by network rules"),
        ("server.version", [7], "client_name: expected a string"),
    ],
)
def test_wrong_parameters(
    client: ElectrumClient, method: str, parameters: list[Any], said: str
) -> None:
    with pytest.raises(ElectrumError) as error:
        client.call(method, *parameters)
    assert said in str(error.value)
    assert error.value.code == BAD_REQUEST


def test_older_json_rpc(client: ElectrumClient) -> None:
    client.send({"id": "x", "method": "server.ping", "params": []})
    answer = client.answer()
    assert (answer["id"], answer["result"]) == ("x", None)


def test_json_rpc_1(client: ElectrumClient) -> None:
    client.send({"jsonrpc": "1.0", "id": 3, "method": "server.ping", "params": []})
    assert client.answer() == {"result": None, "error": None, "id": 3}


def test_batches(client: ElectrumClient) -> None:
    client.send(
        [
            {"jsonrpc": "2.0", "id": 1, "method": "server.ping"},
            {"jsonrpc": "2.0", "method": "server.ping"},
            7,
            {"jsonrpc": "2.0", "id": 2, "method": "server.pong"},
        ]
    )
    answers = client.answer()
    assert len(answers) == 3
    assert {each["id"]: each.get("error", {}).get("code") for each in answers} == {
        1: None,
        None: INVALID_REQUEST,
        2: METHOD_NOT_FOUND,
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=9), children, max_size=3)
    ),
    max_leaves=6,
)
requests = st.fixed_dictionaries(
    {"jsonrpc": st.sampled_from(["2.0", "1.0", 2]) | json_values, "id": json_values},
    optional={
        "method": st.sampled_from([*METHODS, "blockchain.scripthash.subscribe"]) | json_values,
        "params": st.lists(json_values, max_size=3) | json_values,
        "result": json_values,
        "error": json_values,
    },
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(message=requests | st.lists(requests, max_size=3) | json_values)
def test_no_request_breaks_the_connection(client: ElectrumClient, message: Any) -> None:
    client.send(message)
    client.send({"jsonrpc": "2.0", "id": "still there", "method": "server.features"})
    for _ in range(3):
        answer = client.answer()
        if isinstance(answer, dict) and answer.get("id") == "still there":
            return
    pytest.fail("no answer")


def test_a_request_that_is_too_long(demo_site: Site) -> None:
    with (
        electrum_server(demo_site, limits=Limits(request_bytes=10_000)) as running,
        ElectrumClient(running.port) as client,
    ):
        with pytest.raises(ElectrumError, match="rejected by network rules"):
            client.call("blockchain.transaction.broadcast", "00" * 4_900)
        client.send({"id": 1, "method": "blockchain.transaction.broadcast", "params": "0" * 20_000})
        assert "at most 10000 bytes" in client.answer()["error"]["message"]
        with pytest.raises(ConnectionError):
            client.receive()


def test_a_batch_that_is_too_long(demo_site: Site) -> None:
    limits = Limits(batch_requests=10)
    with electrum_server(demo_site, limits=limits) as running, ElectrumClient(running.port) as one:
        with pytest.raises(ElectrumError, match="batch too long: 11 requests, at most 10"):
            one.batch(*[("server.ping",)] * 11)
        assert one.batch(*[("server.ping",)] * 10) == [None] * 10


def test_too_many_subscriptions(demo_site: Site) -> None:
    limits = Limits(subscriptions=3)
    with electrum_server(demo_site, limits=limits) as running, ElectrumClient(running.port) as one:
        for number in range(3):
            one.call("blockchain.scripthash.subscribe", f"{number:064x}")
        one.call("blockchain.scripthash.subscribe", f"{0:064x}")
        with pytest.raises(ElectrumError, match="too many subscriptions: at most 3"):
            one.call("blockchain.scripthash.subscribe", f"{3:064x}")
        assert one.call("blockchain.scripthash.unsubscribe", f"{1:064x}") is True
        assert one.call("blockchain.scripthash.subscribe", f"{3:064x}") is None


def test_a_server_that_watches_all_it_can(demo_site: Site) -> None:
    limits = Limits(watched_scripts=1)
    with electrum_server(demo_site, limits=limits) as running, ElectrumClient(running.port) as one:
        one.call("blockchain.scripthash.subscribe", f"{0:064x}")
        with pytest.raises(ElectrumError, match="as many scripts as it can"):
            one.call("blockchain.scripthash.subscribe", f"{1:064x}")


def test_who_is_silent_is_let_go(demo_site: Site) -> None:
    limits = Limits(greeting_seconds=0.3, idle_seconds=0.6)
    with electrum_server(demo_site, limits=limits) as running:
        for spoke in (False, True):
            with ElectrumClient(running.port) as client:
                if spoke:
                    client.call("server.ping")
                with pytest.raises(ConnectionError):
                    client.receive()


def test_too_many_connections(demo_site: Site) -> None:
    with electrum_server(demo_site, limits=Limits(connections=2)) as running:
        clients = [ElectrumClient(running.port) for _ in range(2)]
        for client in clients:
            client.call("server.ping")
        with ElectrumClient(running.port) as third, pytest.raises((ConnectionError, OSError)):
            third.call("server.ping")
        clients.pop().close()
        assert answers_again(running.port)
        clients.pop().close()


def answers_again(port: int) -> bool:
    for _ in range(50):
        try:
            with ElectrumClient(port) as client:
                return client.call("server.ping") is None
        except OSError:
            time.sleep(0.1)
    return False


def test_costs_slow_a_greedy_client_down_and_no_other(demo_site: Site) -> None:
    limits = Limits(cost_per_second=50, cost_at_once=20)
    with (
        electrum_server(demo_site, limits=limits) as running,
        ElectrumClient(running.port) as greedy,
        ElectrumClient(running.port) as modest,
    ):
        started = time.monotonic()
        for _ in range(4):
            greedy.batch(*[("server.ping",)] * 20)
        assert time.monotonic() - started > 40 / 50
        asked = time.monotonic()
        assert modest.call("server.ping") is None
        assert time.monotonic() - asked < 60 / 50


def test_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    budget = Budget(replace(Limits(), cost_per_second=10, cost_at_once=100))
    assert budget.spend(100) == 0
    assert budget.spend(5) == 0.5
    clock[0] += 0.5
    assert budget.spend(0) == 0
    clock[0] += 1000
    assert budget.spend(110) == 1


def test_who_does_not_read_is_let_go(demo_site: Site) -> None:
    """Answers pile up in the system's buffers, then in ours: the server waits, then hangs up."""
    limits = Limits(sending_seconds=0.5, cost_per_second=1e9)
    with electrum_server(demo_site, limits=limits) as running, ElectrumClient(running.port) as one:
        one.call("server.ping")
        one.send([headers_request(number) for number in range(400)])
        wait_for_silence(running)
        with pytest.raises(ConnectionError):
            one.receive()


def test_a_batch_whose_answers_are_too_long(demo_site: Site) -> None:
    limits = Limits(answer_bytes=150_000)
    with electrum_server(demo_site, limits=limits) as running, ElectrumClient(running.port) as one:
        one.send([headers_request(number) for number in range(5)])
        answers = {each["id"]: each for each in one.answer()}
        assert "result" in answers[0]
        assert "too large" in answers[4]["error"]["message"]


def headers_request(number: int) -> dict[str, Any]:
    method = "blockchain.block.headers"
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": [0, 2016]}


def wait_for_silence(running: RunningServer) -> None:
    """Until the server has let everybody go."""
    end = time.monotonic() + 20
    while running.server.connection_count:
        assert time.monotonic() < end
        time.sleep(0.05)
