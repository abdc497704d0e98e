"""The article, reproduced: its experiments, its claims, and verdicts on many networks.

experiment     Experiment, and run(): what a network is trained on, and how it goes
experiments    the article's, as data
measures       numbers that sum a trained network up
claims         the article's conclusions, as data
study          every claim judged on many networks; other experiments and questions on many
results        their numbers on disk
report, page   the pictures, and the page about them
"""
