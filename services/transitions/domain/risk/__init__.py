"""How likely a patient is to come back, and which programme of care that calls for: LACE, Charlson, and the rule."""
