// Signs what was checked: each input with its own leaf's key and with no other.
import type { Checked } from "./check";
import { hash160 } from "./bytes";
import type { OwnInput } from "./inputs";
import { PARTIAL_SIGNATURE, TAP_KEY_SIGNATURE } from "./proposal";
import { type Fields, psbtToBase64 } from "./psbt";
import { p2pkhScript } from "./scripts";
import { SignatureHashes } from "./sighash";
import { signEcdsa, signSchnorr, tweakedKey } from "./signing";

const NO_KEY = new Uint8Array(0);

function signInput(
  fields: Fields,
  { account, leaf }: OwnInput,
  hashes: SignatureHashes,
  at: number,
): void {
  const { privateKey, publicKey } = leaf;
  if (account.purpose === 86) {
    const key = tweakedKey(privateKey, publicKey);
    fields.add(TAP_KEY_SIGNATURE, NO_KEY, signSchnorr(hashes.taproot(at), key));
    return;
  }
  const digest =
    account.purpose === 44 ? hashes.legacy(at) : hashes.segwit(at, p2pkhScript(hash160(publicKey)));
  fields.add(PARTIAL_SIGNATURE, publicKey, signEcdsa(digest, privateKey));
}

/** The PSBT in base64 with a signature for every input. */
export function signChecked({ proposal, inputs }: Checked): string {
  const { psbt, transaction } = proposal;
  const hashes = new SignatureHashes(
    transaction,
    inputs.map((input) => input.spent),
  );
  inputs.forEach((input, at) => {
    const fields = psbt.inputs[at];
    if (fields) signInput(fields, input, hashes, at);
  });
  return psbtToBase64(psbt);
}
