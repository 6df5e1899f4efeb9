"""Networks for forecasts of many series."""
