"""The decisions: pure functions of plain values. No clock, cluster, file or random source is read here."""
