"""The controller around idla: handlers notice, controllers gather, adapters act."""
