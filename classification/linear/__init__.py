"""The classifier that always works: TF-IDF words and letters under a linear machine.

May import `shared`, `reading`, `contract`, `store`. Pure.
Start reading in `classifier.py`; `training.py` makes its model.
"""
