"""Links by mail: a forgotten password, and an address that is to be proved."""
