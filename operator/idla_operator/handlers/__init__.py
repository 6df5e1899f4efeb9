"""kopf as informer: what it sees goes into the store, and a key onto the queue. Nothing is decided here."""
