"""Currencies: which ones there are, the smallest payment, how an amount is written."""

_WITHOUT = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
_WITH_THREE = "bhd jod kwd omr tnd"
_WITH_TWO = """
aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop crc cve czk dkk
dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr isk jmd kes kgs khr kyd kzt lak lbp lkr lrd
lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd
scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah ugx usd uyu uzs wst xcd xcg yer zar zmw
"""
ZERO_DECIMALS = frozenset(_WITHOUT.split())
THREE_DECIMALS = frozenset(_WITH_THREE.split())
CURRENCIES = frozenset(_WITH_TWO.split()) | ZERO_DECIMALS | THREE_DECIMALS

# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts, those with a minimum of their own.
SMALLEST = {
    "aed": 200, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30, "hkd": 400,
    "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300,
    "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip
LARGEST = 99_999_999


def decimals(currency: str) -> int:
    """Digits after the point."""
    return 0 if currency in ZERO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


def written(amount: int, currency: str) -> str:
    """An amount of the currency's smallest unit as people write it: 15.00 EUR."""
    digits = decimals(currency)
    sign, units = "-" * (amount < 0), f"{abs(amount):0{digits + 1}d}"
    return sign + (f"{units[:-digits]}.{units[-digits:]}" if digits else units) + f" {currency.upper()}"
