"""What differs from chain to chain: one frozen value per network, and nothing elsewhere."""

from dataclasses import dataclass, replace

COIN = 100_000_000


@dataclass(frozen=True, slots=True)
class Network:
    """The constants of one chain. Amounts are in its smallest unit, hashes in wire order."""

    name: str
    title: str  # for people
    coin: str
    core_chain: str  # what getblockchaininfo calls it
    unit: str
    small_unit: str
    decimals: int
    uri_scheme: str

    p2pkh_prefix: bytes
    p2sh_prefixes: tuple[bytes, ...]  # the first is written, all are read
    bech32_hrp: str | None
    mweb_hrp: str | None
    wif_prefix: bytes
    coin_type: int  # SLIP-44
    xpub_version: bytes
    xprv_version: bytes

    genesis_hash: bytes
    magic: bytes
    p2p_port: int
    rpc_port: int

    block_target: int  # seconds
    retarget_interval: int  # blocks
    retargets: bool  # False: the difficulty never moves
    halving_interval: int  # blocks
    initial_subsidy: int
    max_block_weight: int
    dust_relay_rate: int  # per 1000 vbytes, Core's default
    coinbase_maturity: int  # blocks; Dogecoin's first 145,000 had 30

    segwit: bool
    taproot: bool
    mweb: bool
    auxpow: bool

    # Dogecoin: until here a block's reward was drawn at random below a halving maximum.
    fixed_subsidy_from: int = 0
    tail_subsidy: int = 0  # for ever, after six halving intervals
    flat_dust_limit: int = 0  # in place of a rate

    def subsidy(self, height: int) -> int:
        """What a block may create; in Dogecoin's early, random era the most it may create."""
        halvings = height // self.halving_interval
        if self.tail_subsidy and halvings >= 6:
            return self.tail_subsidy
        if height < self.fixed_subsidy_from:
            return (2 * self.initial_subsidy // COIN >> halvings) * COIN
        return self.initial_subsidy >> halvings if halvings < 64 else 0


def _hash(display_hex: str) -> bytes:
    return bytes.fromhex(display_hex)[::-1]


_BITCOIN_MAIN = Network(
    name="bitcoin-main",
    title="Bitcoin",
    coin="bitcoin",
    core_chain="main",
    unit="BTC",
    small_unit="sat",
    decimals=8,
    uri_scheme="bitcoin",
    p2pkh_prefix=b"\x00",
    p2sh_prefixes=(b"\x05",),
    bech32_hrp="bc",
    mweb_hrp=None,
    wif_prefix=b"\x80",
    coin_type=0,
    xpub_version=bytes.fromhex("0488b21e"),
    xprv_version=bytes.fromhex("0488ade4"),
    genesis_hash=_hash("000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"),
    magic=bytes.fromhex("f9beb4d9"),
    p2p_port=8333,
    rpc_port=8332,
    block_target=600,
    retarget_interval=2016,
    retargets=True,
    halving_interval=210_000,
    initial_subsidy=50 * COIN,
    max_block_weight=4_000_000,
    dust_relay_rate=3000,
    coinbase_maturity=100,
    segwit=True,
    taproot=True,
    mweb=False,
    auxpow=False,
)

_BITCOIN_TESTNET4 = replace(
    _BITCOIN_MAIN,
    name="bitcoin-testnet4",
    title="Bitcoin testnet4",
    core_chain="testnet4",
    p2pkh_prefix=b"\x6f",
    p2sh_prefixes=(b"\xc4",),
    bech32_hrp="tb",
    wif_prefix=b"\xef",
    coin_type=1,
    xpub_version=bytes.fromhex("043587cf"),
    xprv_version=bytes.fromhex("04358394"),
    genesis_hash=_hash("00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043"),
    magic=bytes.fromhex("1c163f28"),
    p2p_port=48333,
    rpc_port=48332,
)

_BITCOIN_SIGNET = replace(
    _BITCOIN_TESTNET4,
    name="bitcoin-signet",
    title="Bitcoin signet",
    core_chain="signet",
    genesis_hash=_hash("00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6"),
    magic=bytes.fromhex("0a03cf40"),
    p2p_port=38333,
    rpc_port=38332,
)

_BITCOIN_REGTEST = replace(
    _BITCOIN_TESTNET4,
    name="bitcoin-regtest",
    title="Bitcoin regtest",
    core_chain="regtest",
    bech32_hrp="bcrt",
    genesis_hash=_hash("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"),
    magic=bytes.fromhex("fabfb5da"),
    p2p_port=18444,
    rpc_port=18443,
    retarget_interval=144,
    retargets=False,
    halving_interval=150,
)

_LITECOIN_MAIN = replace(
    _BITCOIN_MAIN,
    name="litecoin-main",
    title="Litecoin",
    coin="litecoin",
    unit="LTC",
    small_unit="litoshi",
    uri_scheme="litecoin",
    p2pkh_prefix=b"\x30",
    p2sh_prefixes=(b"\x32", b"\x05"),
    bech32_hrp="ltc",
    mweb_hrp="ltcmweb",
    wif_prefix=b"\xb0",
    coin_type=2,
    genesis_hash=_hash("12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2"),
    magic=bytes.fromhex("fbc0b6db"),
    p2p_port=9333,
    rpc_port=9332,
    block_target=150,
    halving_interval=840_000,
    dust_relay_rate=30_000,
    mweb=True,
)

_LITECOIN_TESTNET = replace(
    _LITECOIN_MAIN,
    name="litecoin-testnet",
    title="Litecoin testnet",
    core_chain="test",
    p2pkh_prefix=b"\x6f",
    p2sh_prefixes=(b"\x3a", b"\xc4"),
    bech32_hrp="tltc",
    mweb_hrp="tmweb",
    wif_prefix=b"\xef",
    coin_type=1,
    xpub_version=bytes.fromhex("043587cf"),
    xprv_version=bytes.fromhex("04358394"),
    genesis_hash=_hash("4966625a4b2851d9fdee139e56211a0d88575f59ed816ff5e6a63deb4e3e29a0"),
    magic=bytes.fromhex("fdd2c8f1"),
    p2p_port=19335,
    rpc_port=19332,
)

_LITECOIN_REGTEST = replace(
    _LITECOIN_TESTNET,
    name="litecoin-regtest",
    title="Litecoin regtest",
    core_chain="regtest",
    bech32_hrp="rltc",
    genesis_hash=_hash("530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9"),
    magic=bytes.fromhex("fabfb5da"),
    p2p_port=19444,
    rpc_port=19443,
    retargets=False,
    halving_interval=150,
)

_DOGECOIN_MAIN = replace(
    _BITCOIN_MAIN,
    name="dogecoin-main",
    title="Dogecoin",
    coin="dogecoin",
    unit="DOGE",
    small_unit="koinu",
    uri_scheme="dogecoin",
    p2pkh_prefix=b"\x1e",
    p2sh_prefixes=(b"\x16",),
    bech32_hrp=None,
    wif_prefix=b"\x9e",
    coin_type=3,
    xpub_version=bytes.fromhex("02facafd"),
    xprv_version=bytes.fromhex("02fac398"),
    genesis_hash=_hash("1a91e3dace36e2be3bf030a65679fe821aa1d6ef92e7c9902eb318182c355691"),
    magic=bytes.fromhex("c0c0c0c0"),
    p2p_port=22556,
    rpc_port=22555,
    block_target=60,
    retarget_interval=1,
    halving_interval=100_000,
    initial_subsidy=500_000 * COIN,
    segwit=False,
    taproot=False,
    auxpow=True,
    fixed_subsidy_from=145_000,
    tail_subsidy=10_000 * COIN,
    flat_dust_limit=COIN // 100,
    coinbase_maturity=240,
)

_DOGECOIN_TESTNET = replace(
    _DOGECOIN_MAIN,
    name="dogecoin-testnet",
    title="Dogecoin testnet",
    core_chain="test",
    p2pkh_prefix=b"\x71",
    p2sh_prefixes=(b"\xc4",),
    wif_prefix=b"\xf1",
    coin_type=1,
    xpub_version=bytes.fromhex("043587cf"),
    xprv_version=bytes.fromhex("04358394"),
    genesis_hash=_hash("bb0a78264637406b6360aad926284d544d7049f45189db5664f3c4d07350559e"),
    magic=bytes.fromhex("fcc1b7dc"),
    p2p_port=44556,
    rpc_port=44555,
)

_DOGECOIN_REGTEST = replace(
    _DOGECOIN_TESTNET,
    name="dogecoin-regtest",
    title="Dogecoin regtest",
    core_chain="regtest",
    p2pkh_prefix=b"\x6f",
    wif_prefix=b"\xef",
    genesis_hash=_hash("3d2160a3b5dc4a9d62e7e66a295f70313ac808440ef7400d6c0772171ce973a5"),
    magic=bytes.fromhex("fabfb5da"),
    p2p_port=18444,
    rpc_port=18332,
    block_target=1,
    retargets=False,
    halving_interval=150,
    coinbase_maturity=60,
    fixed_subsidy_from=0,
)

NETWORKS: dict[str, Network] = {
    network.name: network
    for network in (
        _BITCOIN_MAIN,
        _BITCOIN_TESTNET4,
        _BITCOIN_SIGNET,
        _BITCOIN_REGTEST,
        _LITECOIN_MAIN,
        _LITECOIN_TESTNET,
        _LITECOIN_REGTEST,
        _DOGECOIN_MAIN,
        _DOGECOIN_TESTNET,
        _DOGECOIN_REGTEST,
    )
}


def get_network(name: str) -> Network:
    """The network of this name; ValueError lists the names there are."""
    try:
        return NETWORKS[name]
    except KeyError:
        raise ValueError(f"no network {name!r}; there are {', '.join(NETWORKS)}") from None
