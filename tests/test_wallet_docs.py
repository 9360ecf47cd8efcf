"""docs/wallet.md is true: paths, descriptors, and the way into a backup file without Satchel."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner
from playwright.sync_api import Page

from bench.browser_signer import BrowserSigner
from indexer.chain.network import NETWORKS, get_network
from tests.fixtures_site import Site
from tests.test_wallet_commands import ABANDON, descriptor_of
from tests.test_worker_browser import worker_url
from wallet.descriptor import Descriptor
from wallet.keys import Account, KeyNode, purposes_of
from webapp.cli import main

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "wallet.md").read_text(encoding="utf-8")
COLUMNS = ("bitcoin-main", "bitcoin-signet", "litecoin-main", "dogecoin-main")
PASSWORD = "ﬁne password"  # NFKC makes two letters of the first


def part(name: str) -> str:
    """What stands between two marks, without the fences of a code block."""
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", TEXT, re.DOTALL)
    assert found
    return re.sub(r"^```.*$", "", found[1], flags=re.MULTILINE).strip()


def test_the_table_of_paths() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in part("paths").splitlines()[2:]
    ]
    assert [row[0][:5] for row in rows] == ["BIP44", "BIP49", "BIP84", "BIP86"]
    for row in rows:
        for name, path in zip(COLUMNS, row[2:], strict=True):
            network = get_network(name)
            purposes = {each.value: each for each in purposes_of(network)}
            purpose = purposes.get(int(row[0][3:5]))
            account = None
            if purpose:
                account = Account(KeyNode.master(bytes(64), network), network, purpose)
            assert path == (f"m/{account.path}".replace("'", "h") if account else "")
    tests = {each.coin_type for each in NETWORKS.values() if not each.name.endswith("main")}
    assert tests == {1}


def test_the_descriptor_of_the_example() -> None:
    with descriptor_of(ABANDON) as number:
        arguments = ["--network", "bitcoin-main", "--purpose", "84", "--count", "3"]
        made = CliRunner().invoke(main, ["wallet", "address", *arguments, "--mnemonic-fd", number])
    assert part("descriptor") == made.stdout.strip()
    assert " ".join(arguments) in TEXT
    whole = Descriptor.parse(made.stdout.split()[1], get_network("bitcoin-main"))
    sent = re.search(r"'(\[.*\])'", part("core"), re.DOTALL)
    assert sent
    receive, change = json.loads(sent[1])
    assert (receive["desc"], receive["internal"]) == (whole.receive_text, False)
    assert (change["desc"], change["internal"]) == (whole.change_text, True)


def test_a_backup_file_opens_without_satchel(
    demo_site: Site, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page(f"{demo_site.origin}/blocks")
    signer = BrowserSigner(page, worker_url())
    signer.ask("restore", words=ABANDON, passphrase="Zürich")
    saved = signer.ask("save", password=PASSWORD, name="Ann\u2028\u0007“Ö” 🎒")
    text = signer.ask("exportVault", vaultId=saved["vaultId"])["text"]
    file, program = tmp_path / "backup.json", tmp_path / "open_backup.py"
    file.write_text(text, encoding="utf-8")
    program.write_text(part("open_backup.py"), encoding="utf-8")

    def run(password: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(program), str(file)],
            input=f"{password}\n",
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,  # so that the password is not asked for at the terminal
        )

    opened = json.loads(run(PASSWORD).stdout)
    assert (opened["words"], opened["passphrase"]) == (ABANDON.strip(), "Zürich")
    assert "MAC check failed" in run("another password").stderr
    assert "abandon" not in text
