"""Training a classifier, keeping it as a version, judging and comparing it.

May import tables of models, the classifiers.
Start reading in `train.py`, then `evaluate.py`.
"""
