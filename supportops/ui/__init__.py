"""What every page of the console uses: lists, charts, words.

May import no app of ours: it stands at the bottom.
Start reading in `listing.py`.
"""
