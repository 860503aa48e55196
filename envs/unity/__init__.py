"""Unity ML-Agents: any build through Unity's own client, and games of our own that speak its protocol."""
