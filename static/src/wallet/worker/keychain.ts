// An unlocked wallet's keys. Nothing of this ever goes into a message.
import { HDKey } from "@scure/bip32";

import { type Network, networkNamed } from "../networks";
import {
  ACCOUNT_MAXIMUM,
  type AccountKey,
  type Branch,
  type CustomPath,
  type Purpose,
} from "../protocol";
import { addressOf } from "./addresses";
import type { Bytes } from "./bytes";
import { accountDescriptor } from "./descriptors";
import { accountPath, parsePath, pathText } from "./paths";
import { refuse } from "./refusal";
import { outputScript } from "./scripts";

/** One key of an account and the output that it controls. */
export interface Leaf {
  privateKey: Bytes;
  publicKey: Bytes;
  script: Bytes;
  path: number[];
}

export function wantedNetwork(name: string): Network {
  return networkNamed(name) ?? refuse("network_unknown", { network: name });
}

function privateKeyOf(node: HDKey): Bytes {
  return node.privateKey ?? refuse("internal", { detail: "a node without its private key" });
}

function publicKeyOf(node: HDKey): Bytes {
  return node.publicKey ?? refuse("internal", { detail: "a node without its public key" });
}

export function fingerprintHex(fingerprint: number): string {
  return fingerprint.toString(16).padStart(8, "0");
}

export class Account {
  private readonly branches: readonly [HDKey, HDKey];
  private readonly leaves = new Map<string, Leaf>();

  constructor(
    readonly network: Network,
    readonly purpose: Purpose,
    readonly path: readonly number[],
    readonly masterFingerprint: number,
    private readonly node: HDKey,
  ) {
    this.branches = [node.deriveChild(0), node.deriveChild(1)];
  }

  leaf(branch: Branch, index: number): Leaf {
    const name = `${branch}/${index}`;
    const known = this.leaves.get(name);
    if (known) return known;
    const node = this.branches[branch].deriveChild(index);
    const publicKey = publicKeyOf(node);
    const leaf = {
      privateKey: privateKeyOf(node),
      publicKey,
      script: outputScript(this.purpose, publicKey),
      path: [...this.path, branch, index],
    };
    this.leaves.set(name, leaf);
    return leaf;
  }

  address(branch: Branch, index: number): string {
    return addressOf(this.leaf(branch, index).script, this.network);
  }

  key(): AccountKey {
    const fingerprint = fingerprintHex(this.masterFingerprint);
    const path = pathText(this.path);
    const xpub = this.node.publicExtendedKey;
    return {
      descriptor: accountDescriptor(this.purpose, fingerprint, path, xpub),
      xpub,
      fingerprint,
      path,
    };
  }
}

export class Keychain {
  private readonly accounts = new Map<string, Account>();
  readonly fingerprint: number;

  constructor(private readonly seed: Bytes) {
    this.fingerprint = HDKey.fromMasterSeed(seed).fingerprint;
  }

  /** The account that a request names; a path of the person's own must be one of `custom`. */
  account(
    network: Network,
    name: { purpose: Purpose; account: number; path?: string | undefined },
    custom: readonly CustomPath[],
  ): Account {
    if (!network.purposes.includes(name.purpose)) {
      refuse("purpose_unavailable", { network: network.name, purpose: name.purpose });
    }
    if (name.account > ACCOUNT_MAXIMUM) {
      refuse("account_range", { account: name.account, maximum: ACCOUNT_MAXIMUM });
    }
    const usual = accountPath(name.purpose, network.coinType, name.account);
    const path = name.path === undefined ? usual : parsePath(name.path);
    const text = pathText(path);
    const known = custom.some(
      (own) => own.network === network.name && own.purpose === name.purpose && own.path === text,
    );
    if (text !== pathText(usual) && !known) refuse("path_unknown", { path: text });
    return this.derived(network, name.purpose, path);
  }

  private derived(network: Network, purpose: Purpose, path: readonly number[]): Account {
    const name = `${network.name} ${purpose} ${pathText(path)}`;
    const known = this.accounts.get(name);
    if (known) return known;
    const versions = { public: network.xpub, private: network.xprv };
    const master = HDKey.fromMasterSeed(this.seed, versions);
    const node = path.reduce((parent, step) => parent.deriveChild(step), master);
    const account = new Account(network, purpose, path, this.fingerprint, node);
    this.accounts.set(name, account);
    return account;
  }
}
