"""The rules of Headrace as plain values and pure functions: no I/O, no clock, no chance."""
