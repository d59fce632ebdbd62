//! The `signalbox` program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    signalbox::cli::main(std::env::args_os())
}
