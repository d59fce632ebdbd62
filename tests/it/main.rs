//! Everything end to end: real processes, real sockets, real databases. One binary, so that it is
//! linked once.
