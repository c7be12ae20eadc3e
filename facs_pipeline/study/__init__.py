"""From the videos of a run to the answers of a study: which to trust, and what differs between conditions."""
