"""The command line `idla`, also on PATH as `kubectl-idla`."""
