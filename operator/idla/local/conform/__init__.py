"""Whether a trainer's image keeps the contract: its container is tried, and what it breaks is named."""
