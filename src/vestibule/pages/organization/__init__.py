"""What members see of an organization, and its owners change."""
