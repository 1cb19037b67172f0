"""The library under the study: from lattice Hamiltonians to trained networks and what they learned."""
