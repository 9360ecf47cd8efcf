"""What the wallets of this server's people hold and have done, and what they keep about it."""
