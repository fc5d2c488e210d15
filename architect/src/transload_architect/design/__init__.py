"""From requirements to an architecture: every recommendation with its arithmetic and the rule it follows."""
