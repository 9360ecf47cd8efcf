"""What people of the demo write into the chain, kindly and otherwise."""

COINBASE_TEXTS = (
    "The town ledger opens today",
    "/Granite Pool/ mined with care",
    "/Tern Mining/ powered by tides",
    "Happy birthday, Amira!",
    "/Granite Pool/ blue shift",
    "ping from the lighthouse",
    "/Tern Mining/ node 7",
    "第一个区块 你好，世界",
)

# Text that tries to become markup, to fire requests or to turn the reading direction.
HOSTILE_COINBASE_TEXT = "<img src=x onerror=alert(1)>\u202egnp.exe\u0007\x1b[31m<b hx-get=/evil>"

NOTES = (
    "Allotment 14 paid for 2026",
    "proof that this text existed today",
    "Lost: grey cat, answers to Nonce",
    "Minutes of the society, page 3",
    "Will you marry me, Chen?",
    "Yes. - Chen",
    "EW 2026-11 invoice settled",
    "天下大同",
    "Ça marche: café à 3 €",
    "Rain gauge 12.4 mm",
    "The answer is 42; the question was lost in a reorg",
    "🌻 sunflower prize: Dolores",
)

HOSTILE_NOTES = (
    "<script>alert(1)</script>",
    "<b hx-get=/evil hx-trigger=load>click</b>",
    '"><img src=x onerror="fetch(\'/evil\')">',
    "abc\u202etxt.exe\u202c \u2066isolated\u2069 \u200bzero\u200dwidth\ufeff",
    "line one\r\nline two\t\x00\x07\x1b[2Jterminal",
    "{{ 7 * 7 }} {% include '/etc/passwd' %} ${7*7} #{7*7}",
    "javascript:alert(document.cookie)",
    "'; DROP TABLE tx; --",
    "e\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308 many marks " + "\u0336".join("struck"),
)

LONG_NOTE = (
    "Minutes of the Allotment Society. Present: Amira, Bo, Chen and eleven others. The hedge is to "
    "be cut before the birds nest. The water bill was paid. The society's coins move to a script "
    "that two of three keepers must sign. Cake was served. The next meeting is announced by a "
    "transaction whose locktime is its date, so that nobody can come early."
)

BINARY_NOTE = bytes(range(0x80, 0xC0))
