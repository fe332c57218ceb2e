"""The door of every authenticated route: from a credential to the person behind it."""
