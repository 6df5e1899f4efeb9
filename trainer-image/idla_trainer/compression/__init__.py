"""From a trained network to the file that is served: convert, measure, judge, choose."""
