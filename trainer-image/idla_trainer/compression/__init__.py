"""From a trained network to the file that is served: prune, distill, quantize, measure, choose."""
