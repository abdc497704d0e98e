"""From weights to straight segments, exactly.

walk             the heart: lines pushed through the layers, and x cut where a unit turns on or off
rounding         float64 with bounds on its rounding errors, region by region
reach_bounds     the same with one bound per unit, quicker and coarser
double_double    the same with twice the digits
integers         the same with nothing rounded; which units are equal
find_regions     find_regions(): Regions, proven by this ladder
labels           which boundaries are breakpoints, and why the others are not
piecewise        PiecewiseLinear: the network as a function object
exact_values     its true values at edges, where float64 leaves a doubt
extract          extract_segments(), extract_outputs(): of one network, or of many at once
argmax           argmax_changes(), argmin_changes(), sign_changes(): where another output wins
dead             dead_units(): what is off, and why a network gives one value for all x
"""
