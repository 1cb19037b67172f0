"""Can a neural network learn a topological invariant, or only a proxy for it?"""
