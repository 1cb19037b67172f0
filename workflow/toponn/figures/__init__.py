"""Tables to figures: one file a figure, over one style. Import what you need from the modules."""
