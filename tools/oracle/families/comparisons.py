"""Comparisons, and choices made by them."""

SAMPLES = """
    eq ne lt le gt ge  =  a b
    where              =  x:1 condition:0 y:2
    any all            =  x dim keepdim=False
"""
