"""Benchmarks of many instances on PostgreSQL and Redis, of many users, and of too much load."""
