"""From a decision to tokens: what a sign-in of any kind ends with."""
