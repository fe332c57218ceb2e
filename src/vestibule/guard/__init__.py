"""The guard at the door: TLS, client versions, limits, and delays after failed tries."""
