"""What the operator and the pods it creates agree on.

The operator writes a `TaskSpec` into an annotation of the pod template; the pod answers with a `TaskResult`. Neither
side imports the other. A change of these types is a change of the contract: the golden schemas in `schema/` show it.
"""
