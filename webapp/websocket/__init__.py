"""mempool.space's WebSocket: one event loop per web process holds all of its connections."""
