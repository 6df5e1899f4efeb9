"""The demonstration: from a sample's 15 lines to an endpoint that answers, everything measured again at the end."""
