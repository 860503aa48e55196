"""Who instructs, by name."""
