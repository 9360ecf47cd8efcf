"""Pages of a Litecoin chain with MWEB: peg-ins, peg-outs and the HogEx have their names."""

import re
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from indexer.chain.encoding import hash_hex, parse_block
from indexer.keys import TxFlag
from indexer.schema import block, tx
from tests.fixtures_litecoind import Daemon
from tests.fixtures_site import Site


@pytest.fixture
def client(litecoin_site: Site) -> FlaskClient:
    return litecoin_site.app.test_client()


def read(client: FlaskClient, path: str, status: int = 200) -> str:
    """What a person reads of a page."""
    response = client.get(path)
    html = response.get_data(as_text=True)
    assert response.status_code == status, html
    without = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(without))


def test_every_hogex_is_named_with_what_went_in_and_out(
    client: FlaskClient, litecoin_site: Site
) -> None:
    with litecoin_site.database.read() as connection:
        rows = connection.execute(
            select(tx.c.txid, tx.c.flags, tx.c.input_count, tx.c.output_count, block.c.hash)
            .join(block, block.c.height == tx.c.height)
            .where(tx.c.height >= 431)
        ).all()
    hogexes = [row for row in rows if row.flags & TxFlag.HOGEX]
    assert max(row.input_count for row in hogexes) == 4
    assert max(row.output_count for row in hogexes) >= 2
    for row in hogexes:
        text = read(client, f"/tx/{hash_hex(bytes(row.txid))}")
        assert "HogEx: the extension block's side of the ledger" in text
        assert "pegged in" in text
        assert "MWEB balance" in text
        assert "Verified" in text
        assert ("Peg-out" in text) == (row.output_count > 1)
        raw = litecoin_site.node.block(bytes(row.hash))
        last = parse_block(raw, litecoin_site.node.network).transactions[-1]
        served = client.get(f"/tx/{hash_hex(bytes(row.txid))}/raw").get_data()
        assert served == last.serialize()


def test_peg_ins_are_named(client: FlaskClient, litecoin_site: Site) -> None:
    with litecoin_site.database.read() as connection:
        pegged = connection.execute(
            select(tx.c.txid, tx.c.height).where(tx.c.height.in_((432, 434)), tx.c.input_count > 0)
        ).all()
    texts = [read(client, f"/tx/{hash_hex(bytes(row.txid))}") for row in pegged]
    assert sum("Moves coins into MWEB" in text for text in texts) == 6
    assert all("LTC" in text for text in texts)


def test_a_transaction_wholly_inside_mweb_is_said_to_be_confidential(
    client: FlaskClient, litecoin_site: Site, litecoind: Daemon
) -> None:
    inside = litecoind.peg_in(1)[0]
    litecoind.mine()
    txid = litecoind.send(litecoind.address(kind="mweb"), 0.1, wallet=inside)
    litecoin_site.step()
    text = read(client, f"/tx/{txid}", 404)
    assert "wholly inside MWEB is confidential" in text
    litecoind.mine()
    litecoin_site.step()
