//! Everything end to end: real processes, real sockets, real databases. One binary, so that it is
//! linked once.

#![cfg(test)]

mod layering;
mod settings;
mod storage;
mod support;
