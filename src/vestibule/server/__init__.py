"""The program around the application: sockets, signals, the first start."""
