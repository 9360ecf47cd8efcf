"""A wallet's history as pages and files: paged, filtered, labelled, exported, imported."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape

import pytest
from flask.testing import FlaskClient

from indexer.chain.address import address_of
from indexer.chain.encoding import hash_hex
from tests.books import Books
from tests.fixtures_site import Site
from tests.test_wallet_creating import SAME_SITE, guest, post
from tests.wallet_cast import account_of, descriptor_of, request_of
from wallet.keys import Branch
from webapp.demo.cast import AMIRA, BO
from webapp.wallets.csv_export import no_formula

ROW = re.compile(r'<tr id="tx-([0-9a-f]{64})"( class="is-pending")?>')
OLDER = re.compile(r'rel="next" href="([^"]+)"')


class Visit:
    """Somebody with Bo's wallet, watch-only."""

    def __init__(self, site: Site) -> None:
        self.client: FlaskClient = guest(site)
        self.url = post(self.client, "/wallets", request_of(BO, site.node.network)).json["url"]
        self.page = self.get("")

    def get(self, rest: str) -> str:
        response = self.client.get(self.url + rest)
        assert response.status_code == 200, response.text
        return response.text

    def rows(self, rest: str = "") -> list[str]:
        """Confirmed transactions of all pages that the links lead to, newest first."""
        found: list[str] = []
        page = self.get(rest)
        while True:
            found += [txid for txid, pending in ROW.findall(page) if not pending]
            link = OLDER.search(page)
            if link is None:
                return found
            page = self.client.get(unescape(link[1])).text

    def csv(self, query: str = "") -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.get(f"/history.csv{query}"))))

    def label(self, **form: str) -> None:
        response = self.client.post(f"{self.url}/labels", data=form, headers=SAME_SITE)
        assert response.status_code == 303, response.text


@pytest.fixture
def visit(demo_site: Site) -> Visit:
    return Visit(demo_site)


def test_the_pages_lead_through_the_whole_history(visit: Visit, demo_site: Site) -> None:
    books = Books(demo_site.node)
    descriptor = descriptor_of(BO, demo_site.node.network)
    mine = [books.accounts[each] for each in descriptor.scripts(Branch.RECEIVE, 0, 300)]
    expected = {txid for each in mine for txid, _ in each.history}
    rows = visit.rows()
    assert len(rows) == len(set(rows)) > 50
    assert expected <= set(rows)
    waiting = {txid for each in mine for txid, _, _ in each.pending}
    assert waiting <= {txid for txid, pending in ROW.findall(visit.page) if pending}
    assert visit.client.get(f"{visit.url}?before=x").status_code == 400
    assert visit.rows("?before=0") == []


def test_the_file_is_the_history(visit: Visit) -> None:
    lines = visit.csv()
    assert [line["txid"] for line in lines] == visit.rows()
    balance = Decimal(0)
    for line in reversed(lines):
        moment = datetime.fromisoformat(line["time"])
        assert moment.utcoffset() == timedelta(0)
        balance += Decimal(line["received"]) - Decimal(line["sent"])
        assert Decimal(line["balance"]) == balance
        assert re.fullmatch(r"\d+\.\d{8}", line["received"])
        assert bool(line["fee"]) == (Decimal(line["sent"]) > Decimal(line["received"]))
        assert line["unit"] == "BTC"
    heights = [int(line["height"]) for line in lines]
    assert heights == sorted(heights, reverse=True)
    assert f"{balance:.8f}".split(".")[1] in re.sub(r"<[^>]+>", "", visit.page)


def test_the_filter(visit: Visit, demo_site: Site) -> None:
    lines = visit.csv()
    everything = visit.rows()
    gains = [line["txid"] for line in lines if Decimal(line["received"]) > Decimal(line["sent"])]
    assert visit.rows("?direction=in") == gains
    assert sorted(visit.rows("?direction=out") + gains) == sorted(everything)
    day = datetime.fromisoformat(lines[len(lines) // 2]["time"]).astimezone(UTC).date()
    on_day = [line["txid"] for line in lines if line["time"].startswith(day.isoformat())]
    assert visit.rows(f"?since={day}&until={day}") == on_day
    later = [line["txid"] for line in lines if line["time"][:10] >= day.isoformat()]
    assert visit.rows(f"?since={day}") == later
    assert visit.csv(f"?since={day}") == lines[: len(later)]
    wanted = everything[7]
    assert visit.rows(f"?text={wanted[10:30].upper()}") == [wanted]
    visit.label(type="tx", ref=wanted, label="Größe 5 ½")
    assert visit.rows("?text=grÖSSE 5") == [wanted]
    books = Books(demo_site.node)
    network = demo_site.node.network
    script = descriptor_of(BO, network).scripts(Branch.RECEIVE, 3, 1)[0]
    address = address_of(script, network) or ""
    mine = {txid for txid, _ in books.accounts[script].history}
    assert mine
    assert set(visit.rows(f"?text={address}")) == mine
    assert mine <= set(visit.rows(f"?text={address[5:15]}"))
    visit.label(type="addr", ref=address, label="Tea money")
    assert set(visit.rows("?text=TEA mon")) == mine
    sent = set(visit.rows("?direction=out"))
    payment = next(
        each for block in books.blocks for each in block.transactions if hash_hex(each.txid) in sent
    )
    strangers = {address_of(each.script, network) for each in payment.outputs}
    for stranger in filter(None, strangers):
        assert hash_hex(payment.txid) in visit.rows(f"?text={stranger}")
    assert "No transaction is like that" in visit.get("?text=nothing has this name")


def test_what_is_wrong_in_the_filter_is_said(visit: Visit) -> None:
    for query, words in (
        ("?since=2024-13-01", "is no day"),
        ("?since=0001-01-01", "between 1970"),
        ("?since=2024-02-02&until=2024-02-01", "before the first"),
        ("?account=999999", "no such account"),
        ("?direction=sideways", "Choose received or sent"),
        (f"?text={'x' * 201}", "At most 200"),
    ):
        page = visit.get(query)
        assert words in page
        assert 'aria-invalid="true"' in page
        assert ROW.search(page)
        assert visit.client.get(f"{visit.url}/history.csv{query}").status_code == 303
    page = visit.get("?text=%3Cb%3E&since=nonsense")
    assert 'value="&lt;b&gt;"' in page
    assert "“nonsense”" in page


def test_labels_in_place(visit: Visit) -> None:
    txid = visit.rows()[0]
    hostile = '<b hx-get=/evil hx-trigger=load>\u202e"x'
    visit.label(type="tx", ref=txid, label=f"  {hostile}\n ", next=f"{visit.url}?direction=in")
    page = visit.get("")
    assert "<b hx-get" not in page
    assert "U+202E" in page
    fragment = {**SAME_SITE, "HX-Request": "true"}
    form = {"type": "tx", "ref": txid, "label": "Rent"}
    answer = visit.client.post(f"{visit.url}/labels", data=form, headers=fragment)
    assert answer.status_code == 200
    assert 'value="Rent"' in answer.text
    assert "<html" not in answer.text
    for wrong in (
        {**form, "label": "x" * 256},
        {**form, "ref": "12"},
        {**form, "type": "wallet"},
        {**form, "type": "addr", "ref": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"},
        {},
    ):
        answer = visit.client.post(f"{visit.url}/labels", data=wrong, headers=fragment)
        assert answer.status_code == 200
        assert "field-error" in answer.text
        answer = visit.client.post(f"{visit.url}/labels", data=wrong, headers=SAME_SITE)
        assert answer.status_code == 400
        assert wrong.get("label", "") in answer.text
    assert [line["label"] for line in visit.csv()][:2] == ["Rent", ""]
    away = visit.client.post(
        f"{visit.url}/labels", data={**form, "next": "https://evil.example/"}, headers=SAME_SITE
    )
    assert away.headers["Location"] == "/"
    visit.label(type="tx", ref=txid, label="")
    assert "Rent" not in visit.get("")


def test_the_search_box_finds_labels_of_ones_own(visit: Visit, demo_site: Site) -> None:
    rows = visit.rows()
    visit.label(type="tx", ref=rows[3], label="Allotment 100%_rent <b>\u202e")
    box = visit.client.get("/search/suggest?q=100%25_RENT")
    assert box.headers["Cache-Control"] == "no-store"
    assert "Allotment 100%_rent &lt;b&gt;" in box.text
    assert "U+202E" in box.text
    assert "No block" not in box.text
    found = visit.client.get("/search?q=allotment 100")
    assert found.status_code == 302
    assert visit.rows(found.headers["Location"].removeprefix(visit.url)) == [rows[3]]
    visit.label(type="tx", ref=rows[4], label="Allotment 100 again")
    page = visit.client.get("/search?q=allotment 100")
    assert page.status_code == 200
    assert "Your labels" in page.text
    assert "100 again" in page.text
    for stranger in (guest(demo_site), demo_site.app.test_client()):
        assert "Allotment" not in stranger.get("/search/suggest?q=llotm").text
        assert stranger.get("/search?q=allotment 100").status_code == 404
    assert "Label" not in visit.client.get("/search/suggest?q=100%25x").text


def test_labels_leave_and_come_back(visit: Visit, demo_site: Site) -> None:
    rows = visit.rows()
    visit.label(type="tx", ref=rows[0], label="one")
    visit.label(type="tx", ref=rows[1], label='quoted "two" 二')
    exported = visit.get("/labels.jsonl")
    assert [json.loads(line)["label"] for line in exported.splitlines()].count("one") == 1
    other = Visit(demo_site)
    lines = [
        *exported.splitlines(),
        json.dumps({"type": "output", "ref": f"{rows[2]}:1", "label": "mix", "spendable": False}),
        json.dumps({"type": "tx", "ref": rows[3], "label": "x" * 300}),
        "not json",
        json.dumps({"type": "tx", "ref": "12", "label": "no txid"}),
        json.dumps({"type": "addr", "ref": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}),
    ]
    other.label(type="tx", ref=rows[0], label="was different")

    def send(data: bytes) -> str:
        file = {"file": (io.BytesIO(data), "labels.jsonl")}
        sent = other.client.post(f"{other.url}/labels/import", data=file, headers=SAME_SITE)
        return sent.text

    report = send("\n".join(lines).encode())
    for words in (
        "3 labels are new",
        "1 label was changed",
        "1 coin was frozen",
        "4 lines were left out or cut",
        "not JSON",
    ):
        assert words in report, words
    again = other.get("/labels.jsonl")
    for line in exported.splitlines():
        assert line in again
    assert json.dumps({"spendable": False})[1:-1] in again
    assert "4 labels were here already" in send(again.encode())
    assert again == other.get("/labels.jsonl")
    assert "could not be read" in send(b"\xff\xfe")
    assert "Choose a file" in send(b"")
    assert "1 coin was released" in send(again.replace("false", "true").encode())


def test_a_file_may_not_fill_the_server(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither with labels nor with coins to freeze; then nothing of it is taken over."""
    monkeypatch.setattr("webapp.wallets.labels.MOST_LABELS", 3)
    txids = [f"{number:064x}" for number in range(4)]
    labels = [{"type": "tx", "ref": txid, "label": "x"} for txid in txids]
    coins = [{"type": "output", "ref": f"{txid}:0", "spendable": False} for txid in txids]
    for records in (labels, [*labels[:1], *coins]):
        data = "\n".join(map(json.dumps, records)).encode()
        file = {"file": (io.BytesIO(data), "labels.jsonl")}
        sent = visit.client.post(f"{visit.url}/labels/import", data=file, headers=SAME_SITE)
        assert sent.status_code == 400
        assert "A wallet can have 3 labels" in sent.text
        assert visit.get("/labels.jsonl") == ""


def test_accounts_are_told_apart(demo_site: Site) -> None:
    """Two of the demo's members as one wallet: what one pays the other moves nothing out of it."""
    client = guest(demo_site)
    body = request_of(BO, demo_site.node.network)
    body["accounts"] = [account_of(each, demo_site.node.network) for each in (BO, AMIRA)]
    url = post(client, "/wallets", body).json["url"]
    page = client.get(url).text
    choice = page.partition('id="filter-account"')[2].partition("</select>")[0]
    numbers = re.findall(r'<option value="(\d+)"', choice)
    assert len(numbers) == 2

    def balance(query: str) -> Decimal:
        text = client.get(f"{url}/history.csv{query}").text
        return Decimal(next(csv.DictReader(io.StringIO(text)))["balance"])

    parts = [balance(f"?account={number}") for number in numbers]
    assert all(parts)
    assert sum(parts) == balance("")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\t=1", "'\t=1"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("rent = 5", "rent = 5"),
        ("", ""),
    ],
)
def test_no_label_becomes_a_formula(text: str, written: str) -> None:
    assert no_formula(text) == written
