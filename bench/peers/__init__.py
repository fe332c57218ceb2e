"""The same logins on other sign-in services, side by side: `python -m bench.peers`."""
