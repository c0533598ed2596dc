"""A chain of shops."""

import ael

STOCK = {"mill": 12, "port": 30, "dune": 7}
MANAGERS = {"north": "Ada", "south": "Bob"}


@ael.tool(name="staff.manager", read_only=True)
async def manager(region: str) -> str:
    """Who is responsible for a region.

    Args:
        region: Its name.
    """
    return MANAGERS[region]


@ael.tool(name="stock.count", read_only=True)
async def count(shop: str, ctx: ael.ToolContext) -> int:
    """How much is in a shop. People in the mill have to be asked twice.

    Args:
        shop: Its name.
    """
    if shop == "mill" and ctx.attempt == 1:
        raise ael.ToolError("nobody answers")
    return STOCK[shop]


@ael.tool(name="staff.tell", idempotent=True)
async def tell(to: str, text: str) -> str:
    """Send a message.

    Args:
        to: Whom.
        text: What.
    """
    return f"{to}: {text}"
