"""The heart: a username and a password go in, a token and the organizations come out."""
