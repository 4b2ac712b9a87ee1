"""When things run: processes, queue, timers, and the servers of one machine."""
