"""The embedded models, and the cards that describe models."""
