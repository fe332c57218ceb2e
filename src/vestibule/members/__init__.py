"""Who belongs to an organization: members, their roles, and invitations."""
