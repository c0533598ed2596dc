"""What ael costs, as ratios to bare asyncio measured in the same run."""
