"""The Redis store beside BullMQ, on one server and by turns."""
