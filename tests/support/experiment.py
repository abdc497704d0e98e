"""An experiment of two short rounds."""

from tinymlp.article.experiment import Experiment, Round, View

SHORT = Experiment(
    "short",
    "A <short> one",
    "What & why?",
    rounds=(Round("exp", 2), Round("sine", 3, lr=0.001, n=500)),
    view=View((-2, 5)),
    wide_views=(View((-10, 10), points=7),),
    sizes=(1, 5, 1),
)
