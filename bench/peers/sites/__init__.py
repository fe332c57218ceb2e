"""What runs inside the peers' own environments, with their libraries and not with ours."""
