// What the wallet needs to know of each chain. A test holds it against the server's own table.
import type { Purpose } from "./protocol";

export interface Network {
  name: string;
  p2pkh: number;
  /** The first is written, all are read. */
  p2sh: readonly number[];
  hrp: string | null;
  coinType: number;
  xpub: number;
  xprv: number;
  purposes: readonly Purpose[];
  /** What "<...> Signed Message:" begins with. */
  messageCoin: string;
  /** Above this fee rate per 1000 vbytes the person must insist. */
  feeRateLimit: number;
  /** What a change output may have been too small for: it goes to the fee then. */
  dust: number;
}

const BITCOIN: Network = {
  name: "bitcoin-main",
  p2pkh: 0x00,
  p2sh: [0x05],
  hrp: "bc",
  coinType: 0,
  xpub: 0x0488b21e,
  xprv: 0x0488ade4,
  purposes: [44, 49, 84, 86],
  messageCoin: "Bitcoin",
  feeRateLimit: 1_000_000,
  dust: 546,
};

const TESTNET4: Network = {
  ...BITCOIN,
  name: "bitcoin-testnet4",
  p2pkh: 0x6f,
  p2sh: [0xc4],
  hrp: "tb",
  coinType: 1,
  xpub: 0x043587cf,
  xprv: 0x04358394,
};

const LITECOIN: Network = {
  ...BITCOIN,
  name: "litecoin-main",
  p2pkh: 0x30,
  p2sh: [0x32, 0x05],
  hrp: "ltc",
  coinType: 2,
  messageCoin: "Litecoin",
  feeRateLimit: 10_000_000,
  dust: 5460,
};

const LITECOIN_TESTNET: Network = {
  ...LITECOIN,
  name: "litecoin-testnet",
  p2pkh: 0x6f,
  p2sh: [0x3a, 0xc4],
  hrp: "tltc",
  coinType: 1,
  xpub: 0x043587cf,
  xprv: 0x04358394,
};

const DOGECOIN: Network = {
  name: "dogecoin-main",
  p2pkh: 0x1e,
  p2sh: [0x16],
  hrp: null,
  coinType: 3,
  xpub: 0x02facafd,
  xprv: 0x02fac398,
  purposes: [44],
  messageCoin: "Dogecoin",
  feeRateLimit: 1_000_000_000,
  dust: 1_000_000,
};

const DOGECOIN_TESTNET: Network = {
  ...DOGECOIN,
  name: "dogecoin-testnet",
  p2pkh: 0x71,
  p2sh: [0xc4],
  coinType: 1,
  xpub: 0x043587cf,
  xprv: 0x04358394,
};

export const NETWORKS: readonly Network[] = [
  BITCOIN,
  TESTNET4,
  { ...TESTNET4, name: "bitcoin-signet" },
  { ...TESTNET4, name: "bitcoin-regtest", hrp: "bcrt" },
  LITECOIN,
  LITECOIN_TESTNET,
  { ...LITECOIN_TESTNET, name: "litecoin-regtest", hrp: "rltc" },
  DOGECOIN,
  DOGECOIN_TESTNET,
  { ...DOGECOIN_TESTNET, name: "dogecoin-regtest", p2pkh: 0x6f },
];

export function networkNamed(name: string): Network | undefined {
  return NETWORKS.find((network) => network.name === name);
}
