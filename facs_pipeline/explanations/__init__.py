"""Why a number is what it is: shared out over the face."""
