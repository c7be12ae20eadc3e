"""How the action-unit and landmark models are made."""
