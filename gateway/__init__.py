"""The wallet gateway: between a game and the operators whose wallets hold its players' money."""
