"""From weights to straight segments, exactly.

float_pass       the heart: lines pushed through the layers, and x cut where a unit turns on or off; in float64
rounding         bounds on its rounding errors
rational_pass    the same four steps with nothing rounded
regions          Regions: what a pass hands on
find_regions     find_regions(): float64 where it is proven, rational where it is not
labels           which boundaries are breakpoints, and why the others are not
piecewise        PiecewiseLinear: the network as a function object
extract          extract_segments(), extract_outputs()
argmax           argmax_changes(): where another output wins
ensemble_pass, ensemble_rounding, ensemble_segments    the same for many networks at once
"""
