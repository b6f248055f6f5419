//! Standard output, which whoever reads it may close.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stdout};
use std::process::exit;

/// Prints a line as the standard library's macro of this name does, but ends the program where that macro panics.
macro_rules! println {
    () => { $crate::print::line(format_args!("")) };
    ($($words:tt)*) => { $crate::print::line(format_args!($($words)*)) };
}

/// Prints a line; where nobody reads on, as behind `| head`, that is the end of the program, and no failure.
pub(crate) fn line(words: Arguments<'_>) {
    match writeln!(stdout(), "{words}") {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(0),
        Err(error) => {
            eprintln!("pliant: cannot write to standard output: {error}");
            exit(1)
        }
    }
}
