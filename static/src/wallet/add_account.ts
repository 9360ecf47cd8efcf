// Another account of a wallet: its public key from the signer, kept by the server.
import { FieldError, formIn, onSend, valueOf } from "./forms";
import { postJson } from "./http";
import { refresh } from "./navigation";
import { onPage, pageWallet } from "./pages";
import { PURPOSES } from "./protocol";
import { accountOf } from "./register";
import { unlocked } from "./session";
import { say } from "./words";

onPage("[data-page=add-account]", (root) => {
  const form = formIn(root, "add-account");
  onSend(form, async () => {
    const wallet = pageWallet();
    const purpose = PURPOSES.find((each) => each === Number(valueOf(form, "purpose")));
    if (!purpose) throw new FieldError("purpose", say("choose-account"));
    const signer = await unlocked(wallet?.fingerprint ?? "");
    const number = Number(valueOf(form, "account_number")) - 1;
    const account = await accountOf(signer, wallet?.network ?? "", purpose, number);
    await postJson(root.dataset.accounts ?? "", account);
    refresh();
  });
});
