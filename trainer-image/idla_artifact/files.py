"""What an artifact may consist of: the files that the trainer writes, of which none holds code of another language."""

from idla_contract.artifact import CARD, FLOAT_MODEL, GOLDEN, MODEL, PREPROCESS, PREPROCESS_ARRAYS

READ = (MODEL, PREPROCESS, PREPROCESS_ARRAYS, GOLDEN)
"""Files that the server reads."""
ALLOWED = (*READ, FLOAT_MODEL, CARD)
"""Files that a manifest may list. Any other one, such as `model.h5`, is a mistake or a trap for the next reader."""
