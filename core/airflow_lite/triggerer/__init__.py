"""The triggerer: what deferred tasks wait for, run by asyncio in a process of its own."""
