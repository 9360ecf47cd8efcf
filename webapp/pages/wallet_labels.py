"""Labels of a wallet: changed in place, written to a file and read from one (BIP329)."""

from dataclasses import dataclass

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from wallet.labels import (
    MAX_FILE_SIZE,
    LabelProblem,
    LabelsError,
    read_labels,
    write_labels,
)
from webapp.accounts.context import accounts, login_required, owned_wallet
from webapp.context import network
from webapp.limits import costly
from webapp.preferences import safe_path
from webapp.wallets.labels import (
    ImportReport,
    LabelError,
    all_labels,
    checked_record,
    import_labels,
    set_label,
)
from webapp.wallets.store import Wallet

FORM_ROOM = 10_000  # bytes of a form besides its file

blueprint = Blueprint("wallet_labels", __name__)


@dataclass(frozen=True, slots=True)
class LabelEditor:
    """What the editor of one label shows. `error` says why `typed` was not kept."""

    wallet: Wallet
    type: str
    ref: str
    label: str | None
    typed: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ImportPage:
    """What became of a file. `error` says why it could not be read at all."""

    wallet: Wallet
    report: ImportReport | None = None
    problems: tuple[LabelProblem, ...] = ()
    problem_count: int = 0
    error: str | None = None


@blueprint.post("/wallets/<int:wallet_id>/labels")
@login_required
def change(wallet_id: int) -> ResponseReturnValue:
    """Form {type, ref, label, next}: an empty label is forgotten."""
    typed = {name: request.form.get(name, "") for name in ("type", "ref", "label")}
    with accounts().write() as writing:
        wallet = Wallet.of(owned_wallet(writing, wallet_id))
        try:
            record = checked_record(typed["type"], typed["ref"], typed["label"], network())
            set_label(writing, wallet_id, record)
        except LabelError as error:
            return _refused(wallet, typed, str(error))
    if "HX-Request" not in request.headers:
        return redirect(safe_path(request.form.get("next")), code=303)
    editor = LabelEditor(wallet, record.type.value, record.ref, record.label or None)
    return render_template("wallets/label.html", editor=editor)


@blueprint.get("/wallets/<int:wallet_id>/labels.jsonl")
@login_required
@costly
def export(wallet_id: int) -> ResponseReturnValue:
    """All labels and frozen coins, one JSON object a line."""
    with accounts().read() as reading:
        owned_wallet(reading, wallet_id)
        lines = "".join(write_labels(all_labels(reading, wallet_id)))
    response = Response(lines, content_type="application/jsonl; charset=utf-8")
    name = f"wallet-{wallet_id}-labels.jsonl"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@blueprint.post("/wallets/<int:wallet_id>/labels/import")
@login_required
@costly
def take_over(wallet_id: int) -> ResponseReturnValue:
    """A file of labels, taken over as far as it can be read; the answer says how far."""
    request.max_content_length = MAX_FILE_SIZE + FORM_ROOM
    with accounts().read() as reading:
        wallet = Wallet.of(owned_wallet(reading, wallet_id))
    file = request.files.get("file")
    data = b"" if file is None else file.read()
    if not data:
        return _import_page(ImportPage(wallet, error=_("Choose a file with labels first.")))
    try:
        found = read_labels(data, network())
        with accounts().write() as writing:
            report = import_labels(writing, wallet_id, found.records)
    except (LabelsError, LabelError) as error:
        return _import_page(ImportPage(wallet, error=str(error)))
    return _import_page(ImportPage(wallet, report, found.problems, found.problem_count))


def _import_page(page: ImportPage) -> ResponseReturnValue:
    return render_template("wallets/imported.html", page=page), 400 if page.error else 200


def _refused(wallet: Wallet, typed: dict[str, str], error: str) -> ResponseReturnValue:
    editor = LabelEditor(
        wallet, typed["type"][:20], typed["ref"][:200], None, typed=typed["label"], error=error
    )
    if "HX-Request" in request.headers:
        return render_template("wallets/label.html", editor=editor)
    return render_template("wallets/label_refused.html", editor=editor), 400
