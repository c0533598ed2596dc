"""A travel agency, which keeps a diary of what it did in the file DIARY names, if it names one."""

import os
from pathlib import Path
from typing import TypedDict

import ael


class Booking(TypedDict):
    """What ``travel.book`` returns."""

    booking: str


def note(line: str) -> None:
    """Write into the diary."""
    if name := os.environ.get("DIARY"):
        with Path(name).open("a", encoding="utf-8") as diary:
            diary.write(f"{line}\n")


@ael.tool(name="travel.book")
async def book(what: str, traveller: str) -> Booking:
    """Book something.

    Args:
        what: What is booked.
        traveller: Who travels.
    """
    note(f"book {what}")
    return {"booking": f"{what} for {traveller}"}


@ael.tool(name="travel.cancel", idempotent=True)
async def cancel(booking: str) -> None:
    """Take a booking back.

    Args:
        booking: What ``travel.book`` returned.
    """
    note(f"cancel {booking}")


@ael.tool(name="travel.pay")
async def pay(card: str, bookings: list[str]) -> str:
    """Pay for bookings.

    Args:
        card: "good" or "bad".
        bookings: What is paid.
    """
    if card == "bad":
        raise ael.ToolError("the card was declined", code="CARD_DECLINED", retryable=False)
    note("pay")
    return f"{len(bookings)} bookings paid"


@ael.tool(name="travel.tell")
async def tell(to: str, text: str) -> None:
    """Send a message.

    Args:
        to: Whom.
        text: What.
    """
    note(f"tell {to} {text}")
