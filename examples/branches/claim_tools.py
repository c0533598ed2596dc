"""An insurance in three functions."""

import ael

CLAIMS = {"Ada": 0, "Bob": 7}


@ael.tool(name="claims.count", read_only=True)
async def count(customer: str) -> int:
    """How many claims a customer had.

    Args:
        customer: Their name.
    """
    return CLAIMS.get(customer, 0)


@ael.tool(name="claims.estimate", read_only=True)
async def estimate(amount: float) -> float:
    """What a claim is worth.

    Args:
        amount: What is claimed, in EUR.
    """
    return amount * 0.8


@ael.tool(name="claims.letter", read_only=True)
async def letter(customer: str, granted: float, reason: str) -> str:
    """Write to the customer.

    Args:
        customer: Their name.
        granted: In EUR.
        reason: Why.
    """
    return f"Dear {customer}, you get {granted:.2f} EUR ({reason})."
