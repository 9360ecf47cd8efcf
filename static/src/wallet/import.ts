// Opening a backup file.
import { Signer } from "./client";
import { formIn, need, onSend, valueOf } from "./forms";
import { visit } from "./navigation";
import { onPage } from "./pages";
import { AccountsStep, knownWallet, offeredPurposes, register, usedAccounts } from "./register";
import { adopt } from "./session";
import { Steps } from "./steps";

onPage("[data-page=import]", (root) => {
  const signer = new Signer();
  const steps = new Steps(root);
  const accounts = new AccountsStep(root);
  const form = formIn(root, "file");
  let fingerprint = "";
  let done = false;

  onSend(form, async () => {
    const file = need<HTMLInputElement>(form, "[name=file]").files?.[0];
    const text = (await file?.text()) ?? "";
    const opened = await signer.ask("importVault", { text, password: valueOf(form, "password") });
    fingerprint = opened.fingerprint;
    form.reset();
    const known = knownWallet(root, fingerprint);
    if (known) {
      adopt(signer, fingerprint);
      done = true;
      return visit(known.href);
    }
    accounts.show(await usedAccounts(root, signer, offeredPurposes(root)));
    steps.show("accounts");
  });

  onSend(formIn(root, "accounts"), async () => {
    const wanted = await accounts.wanted(signer);
    await register(root, signer, { name: accounts.name, fingerprint, birthday: 0, accounts: wanted });
    done = true;
  });

  return () => {
    if (!done) signer.end();
  };
});
