// Pages that need a place for keys in this browser say at once if there is none.
import { RefusalError } from "./client";
import { need } from "./forms";
import { onPage } from "./pages";
import { vaults } from "./session";

onPage(".setup", (root) => {
  void vaults().catch((error: unknown) => {
    if (!(error instanceof RefusalError)) throw error;
    need(root, "[data-storage-blocked]").hidden = false;
  });
});
