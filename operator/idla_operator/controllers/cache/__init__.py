"""What is known of the cluster, kept current by watches and by lists, and which keys a change concerns."""
