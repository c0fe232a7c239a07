//! The tunnel while it is open: its ends in every order, breaks, pressure, and every kind of stdin and stdout.

mod breaks;
mod ends;
mod fin_delay;
mod posts;
mod pressure;
mod stdio;
mod terminals;
