"""The classifier on sentence embeddings: its weights, the network, the kernel head.

May import `shared`, `reading`, `starter`, `contract`, `store`. Pure.
Start reading in `classifier.py`; `training.py` makes its model.
"""
