//! Standard output, which whoever reads it may close.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stdout};
use std::process::exit;

/// Prints a line as the standard library's macro of this name does, but goes on or ends the program where that macro panics.
macro_rules! println {
    () => { $crate::print::line(format_args!("")) };
    ($($words:tt)*) => { $crate::print::line(format_args!($($words)*)) };
}

/// Prints a line, unless nobody reads on, as behind `| head`: the program then does its work without a word.
pub(crate) fn line(words: Arguments<'_>) {
    if let Err(error) = writeln!(stdout(), "{words}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("pliant: cannot write to standard output: {error}");
        exit(1)
    }
}
