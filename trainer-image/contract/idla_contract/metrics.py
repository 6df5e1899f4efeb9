"""Names of the metrics that training and serving pods expose at `/metrics`."""

METRICS_PORT = 9090

TASK_STEP = "idla_task_step"
"""Steps (batches) done by the running training, over all epochs."""
TASK_TOTAL_STEPS = "idla_task_total_steps"
"""Steps that the training takes at most."""
TASK_LOSS = "idla_task_loss"
"""Loss of the last epoch, label `split` is `train` or `validation`."""
TASK_SCORE = "idla_task_score"
"""Score of the last epoch by the metric of the task, label `split` is `validation`."""
TASK_EXAMPLES_PER_SECOND = "idla_task_examples_per_second"
"""Training throughput over the last epoch."""
TASK_UPDATED_SECONDS = "idla_task_updated_seconds"
"""Unix time of the last change of the values above."""

REQUESTS = "idla_requests_total"
"""Requests answered by a serving pod, labels `protocol` and `code`."""
REQUEST_SECONDS = "idla_request_duration_seconds"
"""Histogram of the seconds from the request's last byte to the answer's first."""
IN_FLIGHT = "idla_requests_in_flight"
"""Requests being answered now."""
