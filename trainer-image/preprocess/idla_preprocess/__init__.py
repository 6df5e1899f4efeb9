"""Raw inputs to tensors and back, by a versioned spec; trainer and server run this very code."""
