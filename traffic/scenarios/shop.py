"""Customers of a web shop: most look around, some fill a cart, a few pay."""

from collections.abc import Iterator
from random import Random

from pydantic import JsonValue

from traffic.scenarios.draft import Draft, Popularity, interleave

CUSTOMERS, PRODUCTS, SESSIONS = 2_000, 500, 60
CATEGORIES = ("shoes", "books", "garden", "kitchen", "toys", "Möbel", "électronique", "おもちゃ")
CURRENCIES = ("EUR", "EUR", "EUR", "USD", "GBP", "JPY", "SEK")
DEVICES = ("mobile/ios", "mobile/android", "mobile/android", "desktop/chrome", "desktop/firefox", "tablet/ipados")
CAMPAIGNS: tuple[dict[str, JsonValue], ...] = (
    {},
    {},
    {"utm_source": "newsletter", "utm_medium": "email", "utm_campaign": "autumn-sale"},
    {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "brand", "utm_term": "running shoes +women"},
    {"utm_source": "instagram", "utm_medium": "social"},
)
DECLINES = ("insufficient_funds", "card_expired", "3ds_failed", "issuer_unavailable")


def shop(rng: Random) -> Iterator[Draft]:
    customers, products = Popularity(rng, CUSTOMERS), Popularity(rng, PRODUCTS)
    return interleave(rng, SESSIONS, lambda: _visit(rng, f"customer-{customers.draw()}", products))


def _visit(rng: Random, user: str, products: Popularity) -> Iterator[Draft]:
    """One session, from the first page to the order or, more often, to the point where the customer leaves."""
    common: dict[str, JsonValue] = {
        "session": f"{rng.getrandbits(48):012x}",
        "device": rng.choice(DEVICES),
        "currency": rng.choice(CURRENCIES),
    }
    yield Draft("page.viewed", user, common | {"path": "/", "referrer": rng.choice(CAMPAIGNS)})
    cart: list[JsonValue] = []
    total = 0
    while rng.random() < 0.75:
        product, price, category = _product(products.draw())
        yield Draft("page.viewed", user, common | {"path": f"/c/{category}", "scroll_share": round(rng.random(), 2)})
        shown = common | {"product": product, "category": category, "price_cents": price}
        yield Draft("product.viewed", user, shown | {"dwell_ms": int(rng.lognormvariate(8.5, 1))})
        if rng.random() < 0.35:
            quantity = rng.choice((1, 1, 1, 2, 3))
            cart.append({"product": product, "quantity": quantity, "price_cents": price})
            total += quantity * price
            yield Draft("cart.item_added", user, shown | {"quantity": quantity, "cart_size": len(cart)})
    if cart and rng.random() < 0.6:
        yield from _checkout(rng, user, common | {"items": cart, "total_cents": total})


def _checkout(rng: Random, user: str, order: dict[str, JsonValue]) -> Iterator[Draft]:
    yield Draft("checkout.started", user, order | {"guest": rng.random() < 0.3})
    method = rng.choice(("card", "card", "paypal", "invoice"))
    for attempt in (1, 2):
        if rng.random() < 0.85:
            number = f"A{rng.randrange(10**8):08d}"
            yield Draft("order.placed", user, order | {"order": number, "payment": method, "attempt": attempt})
            return
        yield Draft("payment.failed", user, order | {"payment": method, "reason": rng.choice(DECLINES)})


def _product(rank: int) -> tuple[str, int, str]:
    """A product's number, price and category never change."""
    return f"sku-{rank:05d}", 199 + rank * 7919 % 24_800, CATEGORIES[rank % len(CATEGORIES)]
