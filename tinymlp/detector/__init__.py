"""The article's finite-difference detector, held against the exact segments.

detect         detect_segments(): the detector, faithfully
hats           what it must see of each breakpoint, and how far rounding may lead it astray
explanation    CrossCheck: every difference, in words
crosscheck     crosscheck(): what became of each breakpoint and each transition
"""
