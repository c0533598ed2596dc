"""ael: an asyncio-native workflow execution engine for agents."""
