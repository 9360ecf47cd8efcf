// Signing a message with the key of one of the wallet's addresses.
import { formIn, need, onSend, valueOf } from "./forms";
import { postJson } from "./http";
import { onPage, pageWallet } from "./pages";
import type { Branch, Purpose } from "./protocol";
import { unlocked } from "./session";

interface Place {
  address: string;
  purpose: Purpose;
  account: number;
  path: string | null;
  branch: Branch;
  index: number;
}

onPage("[data-page=messages]", (root) => {
  const form = formIn(root, "sign");
  const result = need(root, "[data-result]");
  form.addEventListener("input", () => {
    result.hidden = true;
  });
  onSend(form, async () => {
    const wallet = pageWallet();
    const { path, ...place } = await postJson<Place>(root.dataset.place ?? "", {
      address: valueOf(form, "address"),
    });
    const signer = await unlocked(wallet?.fingerprint ?? "");
    const { signature } = await signer.ask("signMessage", {
      ...place,
      ...(path && { path }),
      network: wallet?.network ?? "",
      message: valueOf(form, "message"),
    });
    need<HTMLTextAreaElement>(root, "#signature").value = signature;
    need(root, "[data-copy]").dataset.copy = signature;
    result.hidden = false;
  });
});
