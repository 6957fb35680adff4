"""A module for each family of rows: cases() makes its cases, SAMPLES tells how OpInfo calls its rows."""
